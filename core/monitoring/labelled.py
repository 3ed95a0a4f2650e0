"""Measuring segments: reads the newest labelled predictions, looks where they err, keeps it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from core.domain.drift import Reference
from core.domain.report import Estimate
from core.domain.sample import Features
from core.domain.segment import SegmentReport
from core.domain.version import HEURISTIC
from core.log import get_logger
from core.monitoring.bins import index_values, read_values, read_window
from core.monitoring.segments import (
    MIN_LABELS,
    Outcome,
    find_segments,
    measure_bands,
    measure_groups,
)
from core.settings import Scale
from core.stats.intervals import wilson
from core.store import deployments, drift, segments, versions
from core.store.database import Database
from core.store.segments import Labelled

WINDOW = timedelta(days=7)
MAX_LABELS = 20_000

log = get_logger(__name__)


def measure_segments(
    db: Database, *, scale: Scale, tolerance: float, min_labels: int, now: datetime
) -> SegmentReport | None:
    """Look where the newest labelled predictions of the last week err, and keep the report; None
    where no trained version serves, or fewer than 30 of its predictions have a label."""
    with db.read() as conn:
        current = deployments.find_current(conn)
        number = HEURISTIC if current is None else current.plan.champion
        version = versions.find_version(conn, number)
        if version is None:
            return None
        rows = segments.load_labelled(conn, number, now - WINDOW, MAX_LABELS)
        reference = drift.find_reference(conn, number)
    if len(rows) < MIN_LABELS:
        return None
    outcome = _build_outcome(
        rows, version.report.features_selected, reference, version.report.metrics.mae.value
    )
    found, n_parts = find_segments(outcome)
    coverage, width = _measure_intervals(rows)
    report = SegmentReport(
        version=number,
        at=now,
        from_at=min(row.at for row in rows),
        to_at=max(row.at for row in rows),
        n_labelled=len(rows),
        n_parts=n_parts,
        segments=found,
        groups=tuple(measure_groups(outcome, tolerance, min_labels)),
        bands=tuple(measure_bands(outcome, scale.low, scale.high, tolerance, min_labels)),
        coverage=coverage,
        width=width,
    )
    with db.write() as conn:
        segments.append_report(conn, report)
    log.info("segments_measured", version=number, n_labelled=len(rows), n_found=len(found))
    return report


def _build_outcome(
    rows: Sequence[Labelled], selected: Sequence[str], reference: Reference | None, promised: float
) -> Outcome:
    """Every column that the requests bring, not the model's alone: what a model does not look at
    may be where it errs."""
    features = [row.features for row in rows]
    names = dict.fromkeys([*selected, *(name for row in features for name in row)])
    scores = np.array([row.score for row in rows])
    actual = np.array([row.actual for row in rows])
    columns = {name: read_values(features, name) for name in names}
    expected = np.full(len(rows), promised if reference is None else reference.mae)
    if reference is not None and reference.estimates:
        expected = expected + _expect(features, scores, reference)
    return Outcome(columns, scores, np.abs(scores - actual), expected)


def _expect(
    features: Sequence[Features], scores: NDArray[np.float64], reference: Reference
) -> NDArray[np.float64]:
    total = np.zeros(len(scores))
    for bins in reference.columns:
        if bins.costs:
            values = read_window(bins, features) if bins.is_feature else scores
            total += np.array(bins.costs)[index_values(bins, values)]
    return total


def _measure_intervals(rows: Sequence[Labelled]) -> tuple[Estimate | None, float | None]:
    limits = [(row.low, row.high, row.actual) for row in rows if None not in (row.low, row.high)]
    if len(limits) < MIN_LABELS:
        return None, None
    low, high, actual = np.array(limits, dtype=np.float64).T
    share = wilson(int(((actual >= low) & (actual <= high)).sum()), len(limits))
    return Estimate(share.value, share.low, share.high), float(np.mean(high - low))
