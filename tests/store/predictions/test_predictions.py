"""Logged predictions come back as they were answered."""

from datetime import UTC, datetime

import pytest

from core.domain.prediction import AnswerSource
from core.errors import NotFound
from core.store.engine.database import Database
from core.store.predictions import predictions
from tests.fakes import make_prediction
from tests.streams import load_recent_predictions


def test_a_prediction_comes_back_exactly(db: Database) -> None:
    rows = [
        make_prediction(
            "a", text="def f(): ...", unit_id="repo 1", event_at=datetime(2026, 3, 1, tzinfo=UTC)
        ),
        make_prediction(
            "b", source=AnswerSource.FAILED, reason="why", score=None, low=None, high=None
        ),
        make_prediction("c", features={}, score=0.0, text="quotes ' \" ? %s :x é 漢"),
    ]
    with db.write() as conn:
        predictions.append_predictions(conn, rows)
    with db.read() as conn:
        assert [predictions.get_prediction(conn, row.id) for row in rows] == rows


def test_appending_nothing_is_nothing(db: Database) -> None:
    with db.write() as conn:
        predictions.append_predictions(conn, [])
    with db.read() as conn:
        assert load_recent_predictions(conn, 10) == []


def test_what_is_not_there_is_not_found(db: Database) -> None:
    with db.read() as conn:
        assert predictions.find_prediction(conn, "a") is None
        assert predictions.find_known(conn, ["a"]) == set()
        with pytest.raises(NotFound, match="There is no prediction a"):
            predictions.get_prediction(conn, "a")


def test_the_newest_come_first_and_no_more_than_asked_for(db: Database) -> None:
    with db.write() as conn:
        predictions.append_predictions(conn, [make_prediction(name) for name in "abc"])
    with db.read() as conn:
        assert [row.id for row in load_recent_predictions(conn, 2)] == ["c", "b"]
        assert predictions.find_known(conn, ["a", "zz"]) == {"a"}


def test_two_thousand_rows_go_in_at_once(db: Database) -> None:
    with db.write() as conn:
        predictions.append_predictions(conn, [make_prediction(str(i)) for i in range(2000)])
    with db.read() as conn:
        assert len(load_recent_predictions(conn, 5000)) == 2000
