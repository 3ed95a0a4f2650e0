"""The overview: counts without reading a feature, and the checks kept from the last collection."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.data.collect import add_demo, add_rows
from core.data.context import CollectContext
from core.data.quality.overview import (
    Baseline,
    describe_data,
    find_baseline,
    judge_data,
    refresh_quality,
    summarize_data,
)
from core.data.snapshots import take_snapshot
from core.domain.dataset import Severity
from core.domain.sample import OBSERVED, Provenance, SampleCounts, choose_provenances
from core.settings import Scale
from core.store.data import samples as sample_rows
from core.store.engine.database import Database

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PERCENT = Scale(0, 100)


def _add(db: Database, n: int) -> None:
    rows = [
        {
            "at": (NOON - timedelta(days=i)).isoformat(),
            "features": {"a": (i * 37) % 101, "b": (i * 53) % 97, "none": None},
            "target": (i * 61) % 89,
        }
        for i in range(n)
    ]
    add_rows(db, rows, source="api", by="ada", now=NOON, scale=PERCENT)


def _demo(db: Database) -> None:
    add_demo(CollectContext(db, PERCENT, "a", lambda: NOON, lambda *_: None), 200, 0)


def test_an_empty_store_is_described_as_empty(db: Database) -> None:
    summary = describe_data(db)
    assert (summary.n_rows, summary.n_labelled, summary.n_synthetic) == (0, 0, 0)
    assert (summary.first_at, summary.last_at, summary.quality) == (None, None, None)
    assert summary.by_source == {}
    assert summary.issues == ()
    assert summary.collections == ()


def test_rows_are_counted_by_source_and_provenance(db: Database) -> None:
    _add(db, 60)
    _demo(db)
    summary = describe_data(db)
    assert (summary.n_rows, summary.n_labelled, summary.n_synthetic) == (260, 260, 200)
    assert summary.by_source == {"api": 60, "demo": 200}
    assert summary.last_at == NOON
    assert [c.source for c in summary.collections] == ["demo", "api"]


def test_many_pushes_hide_no_import_of_another_source(db: Database) -> None:
    _demo(db)
    for n in range(1, 25):
        _add(db, n)
    assert [c.source for c in describe_data(db).collections] == ["api", "api", "api", "demo"]


def test_failures_hide_no_import_that_succeeded(db: Database) -> None:
    _add(db, 1)
    with db.write() as conn:
        for _ in range(9):
            failed = sample_rows.start_collection(conn, "api", {}, "ada", NOON)
            sample_rows.fail_collection(conn, failed, "the disk was full")
    found = describe_data(db).collections
    assert [c.finished_at is None for c in found] == [True, True, True, False]


def test_describing_never_reads_the_rows(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    _add(db, 60)
    refresh_quality(db, PERCENT, NOON)

    def refuse(*_args: object, **_options: object) -> None:
        raise AssertionError("the rows were read")

    monkeypatch.setattr(sample_rows, "stream_pieces", refuse)
    assert describe_data(db).quality is not None


def test_the_newest_report_is_kept_and_names_the_columns(db: Database) -> None:
    _add(db, 60)
    report = refresh_quality(db, PERCENT, NOON)
    assert describe_data(db).quality == report
    assert (report.at, report.n_rows) == (NOON, 60)
    assert [column.name for column in report.columns] == ["target", "a", "b", "none"]
    assert "missing_values" in {issue.code for issue in report.issues}


@pytest.mark.parametrize(("n", "good"), [(49, False), (50, True)])
def test_few_labelled_predictions_leave_a_training_its_synthetic_rows(n: int, good: bool) -> None:
    counts = [
        SampleCounts("demo", Provenance.SYNTHETIC, 500, None, None),
        SampleCounts("feedback", Provenance.FEEDBACK, n, None, None),
    ]
    answers = judge_data(summarize_data(counts, None, [])).answers
    (real,) = [answer for answer in answers if answer.question == "Real"]
    assert real.good is good
    assert ("a training uses the 500 synthetic rows" in real.said) is not good
    assert (choose_provenances(counts) == OBSERVED) is good


def test_generated_rows_beside_observed_ones_are_said_and_not_checked(db: Database) -> None:
    _demo(db)
    _add(db, 200)
    report = refresh_quality(db, PERCENT, NOON)
    assert report.n_rows == 200
    assert "mixed_provenance" in {issue.code for issue in report.issues}
    assert {column.name for column in report.columns} == {"target", "a", "b", "none"}


def test_checking_an_empty_store_says_that_rows_are_missing(db: Database) -> None:
    report = refresh_quality(db, PERCENT, NOON)
    (issue,) = report.issues
    assert (issue.code, issue.severity, issue.n_rows) == ("too_few_rows", Severity.BLOCKING, 0)


def test_columns_are_held_against_the_check_before_until_a_snapshot_is_taken(
    db: Database, home: Path
) -> None:
    _add(db, 60)
    with db.read() as conn:
        assert find_baseline(conn) is None
    reports = [refresh_quality(db, PERCENT, NOON + timedelta(hours=n)) for n in range(2)]
    with db.read() as conn:
        assert find_baseline(conn) == Baseline("the check before", reports[0])
    taken = take_snapshot(db, home / "snapshots", by="ada", now=NOON + timedelta(hours=1.5))
    for n in range(2, 4):
        refresh_quality(db, PERCENT, NOON + timedelta(hours=n))
    with db.read() as conn:
        assert find_baseline(conn) == Baseline(f"snapshot {taken.id}", reports[1])
