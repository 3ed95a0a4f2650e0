"""Measuring drift: compares the newest requests with the reference, and keeps the report."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from core.domain.monitoring import DriftReport, Reference, Track
from core.domain.version import HEURISTIC
from core.errors import OpsError
from core.log import get_logger
from core.monitoring.drift.binning import Counted, count_values, read_window
from core.monitoring.drift.compare import (
    MIN_ROWS,
    Key,
    compare_window,
    describe_basis,
    key_of,
    summarize_drifted,
)
from core.monitoring.drift.expected_error import estimate_change, estimate_mae, load_track
from core.monitoring.drift.reference import pin_reference
from core.registry import Registry
from core.store.engine.database import Connection, Database
from core.store.models import deployments, versions
from core.store.monitoring import drift

WINDOWS = (timedelta(hours=24), timedelta(days=7), timedelta(days=28))
"""The shortest with 200 requests is compared; whole days, since nights are no drift of days."""

ENOUGH_ROWS = 200
MAX_ROWS = 100_000

log = get_logger(__name__)


def measure_drift(
    db: Database,
    registry: Registry,
    *,
    snapshots: Path,
    threshold: float,
    now: datetime,
) -> DriftReport | None:
    """Compare the newest requests with the reference of the version that serves, and keep the
    report; None where no trained version serves. A version without a reference gets one first;
    where that cannot be made, the report says why."""
    with db.read() as conn:
        current = deployments.find_current(conn)
        number = HEURISTIC if current is None else current.plan.champion
        version = versions.find_version(conn, number)
    if version is None:
        return None
    try:
        reference = pin_reference(db, registry, version, folder=snapshots, now=now)
    except OpsError as error:
        return _keep(db, _say_nothing(version.number, now, f"There is no reference: {error}"))
    with db.read() as conn:
        report = compare_newest(
            conn, reference, version.report.importance, threshold=threshold, now=now
        )
    return _keep(db, report)


def compare_newest(
    conn: Connection,
    reference: Reference,
    importance: Mapping[str, float],
    *,
    threshold: float,
    now: datetime,
) -> DriftReport:
    """The newest window that holds enough requests, against a reference; writes nothing."""
    from_at, n_requests = _choose_window(conn, now)
    counted, scores, n_rows = _count_window(conn, reference, from_at, now, n_requests)
    if n_rows < MIN_ROWS:
        note = (
            f"No verdict on drift: {n_rows} requests had come in {(now - from_at).days} days, "
            f"{MIN_ROWS} are needed."
        )
        return _say_nothing(reference.version, now, note)
    earlier = _load_passed(conn, reference.version, from_at, now)
    checks = compare_window(
        reference,
        counted,
        threshold=threshold,
        importance=importance,
        passed_before=earlier,
        seed=reference.version,
    )
    changes = [
        estimate_change(bins, window.counts)
        for bins, window in zip(reference.columns, counted, strict=True)
    ]
    return DriftReport(
        version=reference.version,
        at=now,
        from_at=from_at,
        to_at=now,
        n_requests=n_requests,
        n_rows=n_rows,
        checks=checks,
        n_columns=len(reference.columns),
        reference_mae=reference.mae,
        estimated_mae=estimate_mae(reference, changes) if scores else None,
        track=load_track(conn, reference.version, from_at) if reference.estimates else Track(),
        basis=describe_basis(reference),
        drifted=summarize_drifted(checks),
    )


def _choose_window(conn: Connection, now: datetime) -> tuple[datetime, int]:
    for window in WINDOWS:
        n = drift.count_inputs(conn, now - window, now)
        if n >= ENOUGH_ROWS:
            break
    return now - window, n


def _count_window(
    conn: Connection, reference: Reference, from_at: datetime, to_at: datetime, n_requests: int
) -> tuple[list[Counted], int, int]:
    """The window's columns in the reference's bins, and how many scores and rows were read."""
    rows = list(
        drift.stream_inputs(
            conn,
            from_at,
            to_at,
            version=reference.version,
            every=-(-n_requests // MAX_ROWS) or 1,
        )
    )
    features = [row.features for row in rows]
    scores = np.array([row.score for row in rows if row.score is not None], dtype=np.float64)
    counted = [
        count_values(bins, read_window(bins, features) if bins.is_feature else scores)
        for bins in reference.columns
    ]
    return counted, len(scores), len(rows)


def _load_passed(
    conn: Connection, version: int, from_at: datetime, to_at: datetime
) -> frozenset[Key]:
    """Load the checks that passed in one of the two windows before, which do not overlap; a window
    may end a tenth of its length late, since nobody measures to the second."""
    slack = (to_at - from_at) / 10
    passed: set[Key] = set()
    end_at = from_at + slack
    for _ in range(2):
        found = drift.load_reports(conn, version, 1, before=end_at)
        if not found or found[0].to_at < end_at - 3 * (to_at - from_at):
            break
        passed.update(key_of(check) for check in found[0].checks if check.passed)
        end_at = found[0].from_at + slack
    return frozenset(passed)


def _keep(db: Database, report: DriftReport) -> DriftReport:
    with db.write() as conn:
        drift.append_report(conn, report)
    log.info("drift_measured", version=report.version, n_drifted=len(report.drifted))
    return report


def _say_nothing(version: int, now: datetime, note: str) -> DriftReport:
    return DriftReport(version, now, now, now, 0, 0, (), note=note)
