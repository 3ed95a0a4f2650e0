"""Versions are numbered in order, kept whole, and never changed; their run may come later."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import msgspec
import pytest

from core.domain.training_report import Estimate, Gate, Metrics, NaiveMetrics, TrainingReport
from core.domain.version import Version
from core.errors import NotFound
from core.store.data import snapshots
from core.store.engine import schema
from core.store.engine.database import Database
from core.store.models import versions

Now = Callable[[], datetime]

FULL = TrainingReport(
    recipe="advanced",
    seed=7,
    n_train=80,
    n_holdout=20,
    split="time",
    split_reason="By time.",
    features_available=("a", "b", "c"),
    features_selected=("a", "b"),
    importance={"a": 0.75, "b": 0.25},
    search={"n_combinations": 3, "n_folds": 5, "best": {"n_trees": 12}},
    metrics=Metrics(
        Estimate(4.0, 3.0, 5.0),
        Estimate(5.0, 4.0, 6.0),
        None,
        Estimate(0.8, 0.7, 0.9),
        Estimate(0.5, 0.4, 0.6),
    ),
    champion_mae=Estimate(5.0, 4.0, 6.0),
    naive={"mean": NaiveMetrics(50.0, 8.0, 10.0, 0.3)},
    cv={"mae": {"mean": 4.5, "std": 0.2}},
    gate=Gate(False, ("Failed: no.", "Passed: yes.")),
    tolerance=5.0,
    scale_low=0.0,
    scale_high=100.0,
    synthetic=True,
    overrides=("ä leak. Overridden by ana: known",),
    summary="Better.",
    seconds=1.5,
    basis="20 days",
    left_out={"c": "constant"},
    champion=3,
    improvement=Estimate(1.0, 0.5, 1.5),
    n_compared=18,
    random_split_mae=2.0,
    interval_coverage=Estimate(0.9, 0.8, 1.0),
)


def append(db: Database, now: Now, report: TrainingReport = FULL) -> Version:
    with db.write() as conn:
        snapshot = snapshots.append_snapshot(
            conn,
            content_hash="5" * 64,
            path="snapshots/x",
            n_rows=100,
            n_synthetic=0,
            columns=("a", "b", "c"),
            query={},
            first_at=None,
            last_at=None,
            by="ana",
            now=now(),
        )
        return versions.append_version(
            conn,
            snapshot_id=snapshot.id,
            artifact_hash="a" * 64,
            report=report,
            by="ana",
            now=now(),
        )


def test_a_version_comes_back_as_it_was_written(db: Database, now: Now) -> None:
    version = append(db, now)
    assert version.report == FULL
    assert version == Version(1, version.snapshot_id, None, "a" * 64, FULL, now(), "ana")
    with db.read() as conn:
        assert versions.get_version(conn, 1) == version


def test_numbers_count_up_from_one(db: Database, now: Now) -> None:
    assert [append(db, now).number for _ in range(3)] == [1, 2, 3]


def test_the_newest_versions_come_first_and_no_more_than_asked_for(db: Database, now: Now) -> None:
    for seed in range(4):
        append(db, now, replace(FULL, seed=seed))
    with db.read() as conn:
        found = versions.load_versions(conn, 3)
    assert [version.report.seed for version in found] == [3, 2, 1]


def test_what_does_not_exist_is_not_found(db: Database) -> None:
    with db.read() as conn:
        assert versions.find_version(conn, 9) is None
        with pytest.raises(NotFound, match="no version v9"):
            versions.get_version(conn, 9)


def test_a_run_is_recorded_once_and_the_first_one_stays(db: Database, now: Now) -> None:
    for _ in range(2):
        append(db, now)
    with db.write() as conn:
        versions.append_run(conn, 2, "first", now())
        versions.append_run(conn, 2, "second", now())
    with db.read() as conn:
        assert versions.get_version(conn, 2).run_id == "first"
        assert [v.number for v in versions.load_versions_without_run(conn)] == [1]


def test_a_report_of_an_earlier_program_is_read_without_its_newer_fields(
    db: Database, now: Now
) -> None:
    append(db, now)
    newer = ("basis", "left_out", "champion", "improvement", "n_compared", "random_split_mae")
    older = {k: v for k, v in msgspec.to_builtins(FULL).items() if k not in newer}
    with db.write() as conn:
        conn.execute(schema.versions.update().values(report=older))
    with db.read() as conn:
        report = versions.get_version(conn, 1).report
    assert report == replace(
        FULL,
        basis="",
        left_out={},
        champion=None,
        improvement=None,
        n_compared=0,
        random_split_mae=None,
    )
