"""The track record of estimates: what they said of windows whose labels have come since."""

from datetime import datetime

from core.domain.drift import DriftReport, Track
from core.domain.prediction import Source
from core.monitoring.estimate import judge_track
from core.monitoring.rollups import merge_outcomes
from core.monitoring.service import load_window
from core.store import drift
from core.store.database import Connection

MIN_LABELS = 30
"""Labels of a window from which on its realised MAE counts."""

_N_WINDOWS = 30


def load_track(conn: Connection, version: int, before: datetime) -> Track:
    """How the estimates of up to 30 windows that do not overlap, none later than `before`, did
    against their labels; the newest windows with labels count."""
    pairs = []
    for report in _load_windows(conn, version, before):
        realised = _load_mae(conn, report)
        if report.estimated_mae is not None and realised is not None:
            pairs.append((report.estimated_mae, realised))
    return judge_track(pairs[::-1])


def _load_windows(conn: Connection, version: int, before: datetime) -> list[DriftReport]:
    """Newest first, each ending where the one after it begins or earlier."""
    found: list[DriftReport] = []
    for _ in range(_N_WINDOWS):
        report = next(iter(drift.load_reports(conn, version, 1, before=before)), None)
        if report is None or report.from_at >= report.to_at:
            break
        found.append(report)
        before = report.from_at
    return found


def _load_mae(conn: Connection, report: DriftReport) -> float | None:
    outcomes = merge_outcomes(
        rollup.outcomes
        for rollup in load_window(conn, report.from_at, report.to_at)
        if rollup.version == report.version and rollup.source is Source.MODEL
    )
    return outcomes.sum_abs / outcomes.n if outcomes.n >= MIN_LABELS else None
