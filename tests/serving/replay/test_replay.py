"""A replay says what a version would have answered, before it serves."""

import itertools
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.domain.dataset import EXTERNAL_ID, TARGET
from core.domain.deployment import Recorded, Replay
from core.domain.monitoring import LiveEstimate
from core.domain.prediction import AnswerSource, Label
from core.errors import InvalidInput, NotFound, OpsError, Refused
from core.serving.replay.replay import ReplayOrder, replay_version
from core.serving.replay.replay_summary import N_CHANGES, Tally, build_report
from core.settings import Scale
from core.store.engine.database import Database
from core.store.predictions import predictions
from core.store.predictions.batches import append_batches
from tests.conftest import NOON
from tests.fakes import FakeRegistry, add_version, keep_labels, make_batch, make_prediction

SCALE = Scale(0.0, 100.0)


@pytest.fixture
def registry(db: Database) -> FakeRegistry:
    """v1, which scores the mean of two features, and v2, which scores 5 points more."""
    registry = FakeRegistry()
    add_version(db, registry)
    add_version(db, registry, bias=5.0)
    return registry


@pytest.fixture
def replay(db: Database, registry: FakeRegistry, tmp_path: Path) -> Callable[..., Replay]:
    def run(number: int = 2, **changes: object) -> Replay:
        ticks = itertools.count()
        progress = changes.pop("progress", lambda _share, _message: None)
        order = replace(ReplayOrder(number, 7.0, "ada", SCALE, 5.0, tmp_path), **changes)  # type: ignore[arg-type]
        return replay_version(
            db,
            registry,  # type: ignore[arg-type]
            order,
            now=lambda: NOON,
            timer=lambda: next(ticks) / 1000,
            progress=progress,  # type: ignore[arg-type]
        )

    return run


def record(db: Database, n: int, *, actual: float | None = 74.0, **changes: object) -> None:
    """Requests, an hour apart, that v1 answered with 70 and that were worth 74."""
    rows = [
        make_prediction(
            f"p{i}",
            **{
                "at": NOON - timedelta(hours=i + 1),
                "version": 1,
                "score": 70.0,
                "features": {"codeQuality": 80.0, "testCoverage": 60.0, "language": "python"},
                **changes,
            },
        )
        for i in range(n)
    ]
    with db.write() as conn:
        predictions.append_predictions(conn, rows)
        if actual is not None:
            keep_labels(conn, (Label(row.id, actual, NOON, "ada", NOON) for row in rows))


def test_the_rows_of_a_batch_that_waits_are_replayed(
    db: Database, replay: Callable[..., Replay]
) -> None:
    with db.write() as conn:
        append_batches(conn, [make_batch(30)])
    assert replay().report.n_requests == 30


def test_errors_are_measured_on_the_same_rows_as_those_served(
    db: Database, replay: Callable[..., Replay]
) -> None:
    record(db, 40)
    report = replay().report
    assert (report.n_requests, report.n_scored, report.n_labelled) == (40, 40, 40)
    assert report.mae is not None
    assert report.served_mae is not None
    assert report.improvement is not None
    assert (report.mae.value, report.served_mae.value) == (1.0, 4.0)
    assert (report.improvement.low, report.improvement.high) == (3.0, 3.0)
    assert report.basis == "3 days"
    assert report.summary.startswith(
        "v2 replayed on 40 requests of 7 days: MAE 1.00 (1.00–1.00) against 4.00 as served; "
        "0 failed"
    )


def test_rows_without_a_label_are_scored_and_say_nothing_of_the_error(
    db: Database, replay: Callable[..., Replay]
) -> None:
    record(db, 5, actual=None)
    report = replay().report
    assert (report.n_scored, report.n_labelled, report.mae) == (5, 0, None)
    assert "no label to measure its error by" in report.summary


def test_rows_that_it_has_learned_from_are_left_out_and_counted(
    db: Database, replay: Callable[..., Replay], tmp_path: Path
) -> None:
    """One by its id, the others by what they say."""
    record(db, 10)
    record_other = make_prediction("other", at=NOON - timedelta(hours=1), version=1, score=10.0)
    with db.write() as conn:
        predictions.append_predictions(conn, [record_other])
        keep_labels(conn, [Label("other", 12.0, NOON, "ada", NOON)])
    columns = {
        EXTERNAL_ID: ["other", None],
        TARGET: [99.0, 74.0],
        "codeQuality": [1.0, 80.0],
        "testCoverage": [1.0, 60.0],
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    report = replay().report
    assert (report.n_known, report.n_labelled, report.doubt) == (11, 0, "")
    assert "11 labelled rows that it has learned from left out" in report.summary


def test_a_snapshot_that_is_gone_is_said(db: Database, replay: Callable[..., Replay]) -> None:
    record(db, 3)
    assert "has learned from is not known" in replay().report.doubt


def test_refusals_failures_and_the_ends_of_the_scale_are_counted(
    db: Database, replay: Callable[..., Replay]
) -> None:
    record(db, 1, features={"wind": 3.0})
    with db.write() as conn:
        predictions.append_predictions(
            conn,
            [
                make_prediction("bad", at=NOON - timedelta(hours=2), features={"codeQuality": "x"}),
                make_prediction(
                    "end",
                    at=NOON - timedelta(hours=2),
                    features={"codeQuality": 99.0, "testCoverage": 99.0},
                    source=AnswerSource.FAILED,
                    score=None,
                ),
            ],
        )
    report = replay().report
    assert (report.n_scored, report.n_fallback, report.n_failed, report.n_at_limit) == (1, 1, 1, 1)
    assert report.fallback_share == pytest.approx(2 / 3)
    assert any("cannot score this row" in why for why in report.failures)
    assert report.changes == ()


def test_changes_are_listed_largest_first_and_by_segment(
    db: Database, replay: Callable[..., Replay]
) -> None:
    record(db, 40)
    with db.write() as conn:
        predictions.append_predictions(
            conn,
            [make_prediction("far", at=NOON - timedelta(hours=2), version=1, score=1.0)],
        )
    report = replay().report
    assert (report.changes[0].prediction_id, report.changes[0].served) == ("far", 1.0)
    assert len(report.changes) == 41
    [segment] = report.segments
    assert (segment.name, segment.n, segment.n_labelled) == ("language = python", 41, 40)
    assert (segment.mae, segment.served_mae) == (1.0, 4.0)


def test_latency_is_that_of_rows_scored_alone(db: Database, replay: Callable[..., Replay]) -> None:
    record(db, 10)
    report = replay().report
    assert report.n_timed == 10
    assert report.latency_ms == {"p50": pytest.approx(1.0), "p95": pytest.approx(1.0)}


def test_the_heuristic_can_be_replayed(db: Database, replay: Callable[..., Replay]) -> None:
    record(db, 10)
    report = replay(0).report
    assert report.n_scored == 10
    assert report.changes[0].replayed == pytest.approx((0.25 * 80 + 0.2 * 60) / 0.45)
    assert report.summary.startswith("heuristic replayed on 10 requests")


@pytest.mark.parametrize(
    ("number", "changes", "error", "said"),
    [
        (9, {}, NotFound, "no version v9"),
        (2, {"days": 0.0}, InvalidInput, "more than 0"),
        (2, {"days": float("nan")}, InvalidInput, "more than 0"),
        (2, {"days": 0.01}, Refused, "nothing to replay"),
    ],
)
def test_what_cannot_be_replayed_is_refused(
    db: Database,
    replay: Callable[..., Replay],
    number: int,
    changes: dict[str, object],
    error: type[OpsError],
    said: str,
) -> None:
    record(db, 3)
    with pytest.raises(error, match=said):
        replay(number, **changes)


def test_an_altered_artifact_is_not_replayed(
    db: Database, registry: FakeRegistry, replay: Callable[..., Replay]
) -> None:
    record(db, 3)
    registry.altered.add("hash-2")
    with pytest.raises(Refused, match=r"v2 was not replayed.*altered"):
        replay()


def test_a_tally_stays_small_however_many_requests_there_are() -> None:
    """What it holds after 20,000 requests is no more than after 10,000, but for the days."""
    tally, rng = Tally(SCALE, 5.0), np.random.default_rng(1)

    def add(n: int) -> None:
        for value in rng.uniform(0, 100, n).tolist():
            row = make_prediction("p", score=value, features={"who": str(value)}, at=NOON)
            tally.add(Recorded(row, 50.0), 60.0, is_refused=False)

    add(10_000)
    tracemalloc.start()
    add(10_000)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 100_000
    report = build_report(tally, version=1, days=7.0)
    assert len(report.changes) == N_CHANGES
    assert report.segments == ()
    assert report.mae == LiveEstimate(10.0)  # one day says nothing of the spread


def test_progress_may_end_it(
    db: Database, replay: Callable[..., Replay], now: Callable[[], datetime]
) -> None:
    record(db, 3)

    class Stop(Exception):
        pass

    def stop(_share: float, _message: str) -> None:
        raise Stop

    with pytest.raises(Stop):
        replay(progress=stop)
