"""The log is read whole and in pieces, and what came of a replay comes back as it was."""

from datetime import UTC, datetime, timedelta

import pytest

from core.domain.deployment import ReplayReport, ScoreChange
from core.domain.monitoring import LiveEstimate
from core.domain.prediction import Label
from core.store.engine.database import Database
from core.store.models import replays
from core.store.predictions import predictions
from tests.fakes import keep_labels, make_prediction

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
REPORT = ReplayReport(
    from_at=NOON,
    to_at=NOON,
    n_requests=10,
    n_scored=8,
    n_fallback=1,
    n_failed=1,
    n_at_limit=0,
    failures={"why": 1},
    n_labelled=2,
    n_known=1,
    mae=LiveEstimate(1.0, 0.5, 1.5),
    served_mae=None,
    improvement=None,
    accuracy=None,
    served_accuracy=None,
    basis="8 days",
    changes=(ScoreChange("a", NOON, 1, 50.0, 60.0, None),),
    segments=(),
    latency_ms={"p50": 1.0},
    n_timed=3,
    doubt="",
    summary="said",
)


def test_requests_come_with_the_label_that_counts_oldest_first(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "_PIECE", 2)
    rows = [make_prediction(f"p{i}", at=NOON + timedelta(minutes=i)) for i in range(5)]
    with db.write() as conn:
        predictions.append_predictions(conn, rows)
        keep_labels(conn, (Label("p3", actual, NOON, "ada", NOON) for actual in (40.0, 45.0)))
    pieces = list(replays.stream_recorded(db, NOON + timedelta(minutes=1)))
    assert [len(piece) for piece in pieces] == [2, 2]
    found = [row for piece in pieces for row in piece]
    assert [row.served for row in found] == rows[1:]
    assert [row.actual for row in found] == [None, None, 45.0, None]
    with db.read() as conn:
        assert replays.count_recorded(conn, NOON + timedelta(minutes=1)) == 4


def test_without_a_request_there_is_no_piece(db: Database) -> None:
    assert list(replays.stream_recorded(db, NOON)) == []


def test_the_newest_replay_of_a_version_is_found(db: Database) -> None:
    with db.write() as conn:
        for version in (1, 2, 1):
            kept = replays.append_replay(
                conn, version=version, days=7.0, report=REPORT, by="ada", now=NOON
            )
        assert replays.find_newest_replay(conn, 1) == kept
        assert replays.find_newest_replay(conn, 9) is None
    assert kept.report.fallback_share == 0.2
