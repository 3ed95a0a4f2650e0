"""Labels: all are kept, the last received counts, a repeat is none."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from core.domain.prediction import Label
from core.store.engine.database import Database
from core.store.predictions import labels, predictions
from tests.fakes import make_prediction


@pytest.fixture
def send(db: Database, now: Callable[[], datetime]) -> Callable[..., bool]:
    """Append a label of prediction "a" unless said otherwise."""

    def run(actual: float, observed_at_given: bool = True, **changes: object) -> bool:
        values = {
            "prediction_id": "a",
            "observed_at": now(),
            "given_by": "ada",
            "received_at": now(),
        }
        label = Label(actual=actual, **{**values, **changes})  # type: ignore[arg-type]
        with db.write() as conn:
            return labels.append_labels(conn, [(label, observed_at_given)])[0]

    return run


def _actual(db: Database, prediction_id: str = "a") -> float | None:
    with db.read() as conn:
        label = labels.find_label(conn, prediction_id)
    return None if label is None else label.actual


def test_a_label_is_kept_before_its_prediction_exists(
    db: Database, send: Callable[..., bool]
) -> None:
    assert _actual(db) is None
    assert send(0.0)
    assert _actual(db) == 0.0


def test_the_same_label_again_is_not_kept(send: Callable[..., bool]) -> None:
    assert send(70.0)
    assert not send(70.0)


def test_a_corrected_label_takes_over_and_back(db: Database, send: Callable[..., bool]) -> None:
    assert send(70.0)
    assert send(65.0)
    assert _actual(db) == 65.0
    assert send(70.0)
    assert _actual(db) == 70.0


def test_the_same_label_with_another_key_is_another_label(
    db: Database, send: Callable[..., bool]
) -> None:
    assert send(70.0, key_id=1)
    assert not send(70.0, key_id=1)
    assert send(70.0, key_id=2)
    with db.read() as conn:
        found = labels.find_label(conn, "a")
    assert found is not None
    assert found.key_id == 2


def test_another_giver_or_moment_is_another_label(
    send: Callable[..., bool], now: Callable[[], datetime]
) -> None:
    assert send(70.0)
    assert send(70.0, given_by="bob")
    assert send(70.0, given_by="bob", observed_at=now() + timedelta(seconds=1))


def test_a_repeat_whose_moment_was_filled_in_is_the_same(
    send: Callable[..., bool], now: Callable[[], datetime]
) -> None:
    assert send(70.0, observed_at_given=False)
    later = now() + timedelta(seconds=5)
    assert not send(70.0, observed_at_given=False, observed_at=later)
    assert send(71.0, observed_at_given=False, observed_at=later)


def test_recent_labels_are_the_newest_and_count_a_correction_once(
    db: Database, send: Callable[..., bool]
) -> None:
    with db.write() as conn:
        predictions.append_predictions(conn, [make_prediction(name) for name in "abc"])
    for prediction_id, actual in (("a", 1.0), ("b", 2.0), ("c", 3.0), ("b", 4.0)):
        send(actual, prediction_id=prediction_id)
    with db.read() as conn:
        for n_labels, wanted in ((10, [4.0, 3.0, 1.0]), (3, [4.0, 3.0]), (1, [4.0])):
            found = labels.load_recent_labelled(conn, n_labels)
            assert [actual for actual, _ in found] == wanted


def test_recent_labels_come_with_what_was_asked(db: Database, send: Callable[..., bool]) -> None:
    asked = make_prediction("a")
    with db.write() as conn:
        predictions.append_predictions(conn, [asked])
    send(64.0, prediction_id="a")
    with db.read() as conn:
        assert labels.load_recent_labelled(conn, 10) == [(64.0, asked.features)]
        assert labels.load_recent_outcomes(conn, 10) == [(64.0, asked.features, asked.at)]


def test_labels_of_unknown_predictions_are_not_recent_ones_however_many_come(
    db: Database, send: Callable[..., bool]
) -> None:
    with db.write() as conn:
        predictions.append_predictions(conn, [make_prediction("a")])
    send(64.0, prediction_id="a")
    for number in range(5):
        send(0.0, prediction_id=f"unknown {number}")
    with db.read() as conn:
        assert [actual for actual, _ in labels.load_recent_labelled(conn, 2)] == [64.0]


def test_how_long_labels_took_counts_from_when_the_work_was_made(
    db: Database, send: Callable[..., bool], now: Callable[[], datetime]
) -> None:
    made_at = now() - timedelta(days=2)
    with db.write() as conn:
        predictions.append_predictions(
            conn,
            [
                make_prediction("a", at=now() - timedelta(hours=1)),
                make_prediction("b", at=now() - timedelta(hours=1), event_at=made_at),
            ],
        )
    send(70.0)
    send(60.0, prediction_id="b")
    send(50.0, prediction_id="nobody's")
    with db.read() as conn:
        assert sorted(labels.load_delays(conn, 10)) == [3600.0, 2 * 86_400.0]
        assert labels.load_delays(conn, 1) == []
