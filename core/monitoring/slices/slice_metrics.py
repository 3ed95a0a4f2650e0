"""Figures of every category and score band, and the segments where the newest labels err."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from core.domain.monitoring import EPOCH, GroupFigures, LiveEstimate, Reference, SegmentReport
from core.domain.sample import Features
from core.log import get_logger
from core.monitoring.drift.binning import index_values, read_values, read_window
from core.monitoring.measure.performance import summarize_days
from core.monitoring.measure.rollups import build_outcomes
from core.monitoring.slices.segments import SliceOutcome, find_segments
from core.settings import Scale
from core.stats.histogram import score_buckets, score_edges
from core.stats.intervals import Interval, block_sums, divide_sums, estimate_by_blocks, wilson
from core.stats.slices import MIN_ROWS, MOST_LEVELS, cut_levels
from core.store.engine.database import Connection, Database
from core.store.models import versions
from core.store.monitoring import drift, segments
from core.store.monitoring.segments import LabelledRow

N_BANDS = 5


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of figures, and the number of labels from which they are shown."""

    scale: Scale
    tolerance: float
    min_labels: int


def measure_groups(outcome: SliceOutcome, unit: Unit) -> list[GroupFigures]:
    """The figures of every category of every column that has at most a dozen, the largest first."""
    found = []
    for column, values in outcome.columns.items():
        if isinstance(values, list) and len(set(values)) <= MOST_LEVELS:
            found += [
                _measure(column, part.level, outcome, part.rows, unit)
                for part in cut_levels(column, values)
            ]
    return found


def measure_bands(outcome: SliceOutcome, unit: Unit) -> list[GroupFigures]:
    """The figures of each fifth of the scale, by the score that was given."""
    low, high = unit.scale.low, unit.scale.high
    edges = score_edges(low, high, N_BANDS)
    band = score_buckets(outcome.scores, low, high, N_BANDS)
    return [
        _measure("score", f"{edges[i]:g} to {edges[i + 1]:g}", outcome, band == i, unit)
        for i in range(N_BANDS)
    ]


def _measure(
    column: str, value: str, outcome: SliceOutcome, rows: NDArray[np.bool_], unit: Unit
) -> GroupFigures:
    """Return the figures of some rows, from the sums of their days as those of a window are."""
    scores, actual, day = outcome.scores[rows], outcome.actual[rows], outcome.day[rows]
    days = [
        build_outcomes(
            scores[day == number],
            actual[day == number],
            scale=unit.scale,
            tolerance=unit.tolerance,
        )
        for number in np.unique(day)
    ]
    found = summarize_days(
        days,
        len(scores),
        scale=unit.scale,
        tolerance=unit.tolerance,
        min_labels=unit.min_labels,
    )
    return GroupFigures(
        column,
        value,
        len(scores),
        mae=_estimate(found.mae),
        accuracy=_estimate(found.accuracy),
        rmse=_estimate(found.rmse),
        skill=_estimate(found.skill),
        naive=found.naive,
    )


def _estimate(found: Interval | None) -> LiveEstimate | None:
    return None if found is None else LiveEstimate(found.value, *found.limits)


WINDOW = timedelta(days=7)
MAX_LABELS = 20_000

log = get_logger(__name__)


def measure_segments(
    db: Database, *, scale: Scale, tolerance: float, min_labels: int, now: datetime
) -> list[SegmentReport]:
    """Look where the newest labelled predictions of the last week err, of each trained version that
    gave 30 of them or more, and keep the reports."""
    unit = Unit(scale, tolerance, min_labels)
    with db.read() as conn:
        numbers = segments.list_labelled_versions(conn, now - WINDOW, MAX_LABELS)
    found = [_measure_version(db, number, unit, now) for number in numbers]
    reports = [report for report in found if report is not None]
    with db.write() as conn:
        for report in reports:
            segments.save_report(conn, report)
    for report in reports:
        log.info(
            "segments_measured",
            version=report.version,
            n_labelled=report.n_labelled,
            n_found=len(report.segments),
        )
    return reports


def list_reports(conn: Connection, champion: int | None, now: datetime) -> list[SegmentReport]:
    """List the segment reports, the champion's first, then those of the other versions of the last
    week."""
    found = None if champion is None else segments.find_last_report(conn, champion)
    others = segments.load_last_reports(conn, now - WINDOW)
    return [
        *([] if found is None else [found]),
        *(report for report in others if report.version != champion),
    ]


def _measure_version(db: Database, number: int, unit: Unit, now: datetime) -> SegmentReport | None:
    with db.read() as conn:
        version = versions.find_version(conn, number)
        if version is None:
            return None
        rows = segments.load_labelled(conn, number, now - WINDOW, MAX_LABELS)
        reference = drift.find_reference(conn, number)
    if len(rows) < MIN_ROWS:
        return None
    outcome = _build_outcome(
        rows, version.report.features_selected, reference, version.report.metrics.mae.value
    )
    found, n_parts = find_segments(outcome)
    coverage, width = _measure_intervals(rows, outcome.day)
    return SegmentReport(
        version=number,
        at=now,
        from_at=min(row.at for row in rows),
        to_at=max(row.at for row in rows),
        n_labelled=len(rows),
        n_parts=n_parts,
        segments=found,
        groups=tuple(measure_groups(outcome, unit)),
        bands=tuple(measure_bands(outcome, unit)),
        coverage=coverage,
        width=width,
    )


def _build_outcome(
    rows: Sequence[LabelledRow],
    selected: Sequence[str],
    reference: Reference | None,
    promised: float,
) -> SliceOutcome:
    """Every column that the requests bring, not the model's alone: what a model does not look at
    may be where it errs."""
    features = [row.features for row in rows]
    names = dict.fromkeys([*selected, *(name for row in features for name in row)])
    scores = np.array([row.score for row in rows])
    columns = {name: read_values(features, name) for name in names}
    expected = np.full(len(rows), promised if reference is None else reference.mae)
    if reference is not None and reference.estimates:
        expected = expected + _expect(features, scores, reference)
    return SliceOutcome(
        columns,
        scores,
        np.array([row.actual for row in rows]),
        expected,
        np.array([(row.at - EPOCH).days for row in rows]),
    )


def _expect(
    features: Sequence[Features], scores: NDArray[np.float64], reference: Reference
) -> NDArray[np.float64]:
    total = np.zeros(len(scores))
    for bins in reference.columns:
        if bins.costs:
            values = read_window(bins, features) if bins.is_feature else scores
            total += np.array(bins.costs)[index_values(bins, values)]
    return total


def _measure_intervals(
    rows: Sequence[LabelledRow], day: NDArray[np.int64]
) -> tuple[LiveEstimate | None, float | None]:
    """Return the share of the labels inside their prediction intervals, and the intervals' mean
    width; `day` is parallel to `rows`."""
    low, high, actual = np.array(
        [(row.low, row.high, row.actual) for row in rows], dtype=np.float64
    ).T
    known = np.isfinite(high - low)
    if known.sum() < MIN_ROWS:
        return None, None
    inside = (actual >= low) & (actual <= high)
    _, block = np.unique(day[known], return_inverse=True)
    sums = block_sums(np.column_stack([inside[known], np.ones(len(block))]), block)
    (share,) = estimate_by_blocks(sums, divide_sums)
    assert share is not None
    limits = share.find_limits(lowest=0.0, highest=1.0)
    limits = limits.widen_to(wilson(int(inside[known].sum()), len(block)))
    return _estimate(limits), float(np.mean((high - low)[known]))
