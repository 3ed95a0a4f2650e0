"""The service against a real store and a registry that behaves."""

import sys
import threading
from array import array
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from core.deployment.release import deploy, rollback
from core.domain.prediction import AnswerSource, Label, Prediction, Route
from core.domain.version import Widening
from core.errors import Unavailable
from core.serving.answer import Ask, Received, build_id
from core.serving.columns import AskedColumns, build_asks
from core.serving.log.prediction_log import Kept, LabelOutcome
from core.serving.service import PredictionService, ServiceOptions
from core.settings import Scale
from core.store.engine.database import Database
from core.store.monitoring import health
from core.store.predictions import labels, predictions, removals
from core.store.predictions.direct import DirectLog
from core.store.predictions.predictions import move_batches
from tests.fakes import FakeArtifact, FakeRegistry, add_version, make_card
from tests.people import person
from tests.streams import load_recent_predictions

HUNDRED = Scale(0.0, 100.0)
ROW = Ask({"codeQuality": 80.0, "testCoverage": 60.0})


Clock = Callable[[], datetime]


class Timer:
    """Seconds that pass only when they are told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def service(
    db: Database, registry: FakeRegistry, now: Callable[[], datetime], timer: Timer
) -> Iterator[PredictionService]:
    """A service that looks when it is told to."""
    service = PredictionService(
        db,
        registry,  # type: ignore[arg-type]
        scale=HUNDRED,
        now=now,
        timer=timer,
    )
    yield service
    service.stop()


@pytest.fixture
def release(
    db: Database,
    registry: FakeRegistry,
    service: PredictionService,
    now: Callable[[], datetime],
) -> Callable[..., None]:
    """Register a version and deploy it, or deploy one by its number, and let the service look."""

    def run(number: int | None = None, **version: object) -> None:
        if number is None:
            number = add_version(db, registry, **version).number  # type: ignore[arg-type]
        arguments = {"reason": "tests", "by": person("ada"), "override": False, "now": now()}
        deploy(db, registry, number, **arguments)  # type: ignore[arg-type]
        service.refresh()

    return run


def _logged(db: Database) -> list[Prediction]:
    with db.read() as conn:
        return load_recent_predictions(conn, 100_000)[::-1]


def test_before_any_deployment_the_heuristic_answers_and_says_so(
    service: PredictionService,
) -> None:
    service.refresh()
    [answer] = service.predict([Ask({"codeQuality": 80.0})])
    assert answer.source is AnswerSource.HEURISTIC
    assert (answer.score, answer.version, answer.revision) == (80.0, 0, 0)
    assert answer.reason == "No version is deployed; the score is the weighted mean of codeQuality."


def test_the_deployed_version_answers_with_its_interval(
    service: PredictionService, release: Callable[..., None]
) -> None:
    release()
    [answer] = service.predict([ROW])
    assert answer.source is AnswerSource.MODEL
    assert answer.reason is None
    assert (answer.score, answer.low, answer.high) == (70.0, 66.0, 74.0)
    assert (answer.version, answer.revision) == (1, 1)


def test_intervals_are_answered_as_wide_as_labels_ask_for(
    db: Database, service: PredictionService, release: Callable[..., None], timer: Timer, now: Clock
) -> None:
    release()
    for factor in (1.5, 0.5):
        with db.write() as conn:
            health.append_widening(conn, Widening(1, now(), factor, 300, 240, now()))
        timer.seconds += 10
        service.refresh()
        [answer] = service.predict([ROW])
        assert (answer.low, answer.high) == (70.0 - 4 * factor, 70.0 + 4 * factor)
    release()  # another version, whose widths are its own
    [answer] = service.predict([ROW])
    assert (answer.low, answer.high) == (66.0, 74.0)
    release(1)
    [answer] = service.predict([ROW])
    assert (answer.low, answer.high) == (68.0, 72.0)


def test_what_is_answered_is_what_is_logged(
    db: Database, service: PredictionService, release: Callable[..., None]
) -> None:
    release()
    answers = service.predict([ROW, Ask({"codeQuality": 10.0}, "text", "unit")])
    assert _logged(db) == answers


def test_the_next_deployment_and_its_rollback_are_followed(
    db: Database,
    registry: FakeRegistry,
    service: PredictionService,
    release: Callable[..., None],
    now: Callable[[], datetime],
) -> None:
    release()
    release(bias=5.0)
    assert service.predict([ROW])[0].score == 75.0
    rollback(db, registry, None, reason="worse", by=person("bob"), now=now())  # type: ignore[arg-type]
    service.refresh()
    [answer] = service.predict([ROW])
    assert (answer.score, answer.version, answer.revision) == (70.0, 1, 3)


def test_looking_again_loads_nothing_again(
    registry: FakeRegistry, service: PredictionService, release: Callable[..., None]
) -> None:
    release()
    registry.loaded.clear()
    service.refresh()
    service.refresh()
    assert registry.loaded == []


def test_a_deployed_heuristic_answers_with_who_switched_the_model_off(
    service: PredictionService, release: Callable[..., None]
) -> None:
    release()
    release(0)
    [answer] = service.predict([ROW])
    assert answer.source is AnswerSource.HEURISTIC
    assert str(answer.reason).startswith("ada deployed the heuristic in place of a model (tests);")


def test_a_version_that_does_not_load_is_not_replaced_by_one_that_nobody_chose(
    db: Database,
    registry: FakeRegistry,
    service: PredictionService,
    release: Callable[..., None],
    now: Callable[[], datetime],
) -> None:
    release()
    number = add_version(db, registry, bias=5.0).number
    deploy(db, registry, number, reason="tests", by=person("ada"), override=False, now=now())  # type: ignore[arg-type]
    registry.altered.add("hash-2")  # between its release and our look
    service.refresh()
    [answer] = service.predict([ROW])
    assert (answer.source, answer.version) == (AnswerSource.HEURISTIC, 2)
    assert "v2 does not load: The artifact hash-2 was altered" in str(answer.reason)


def test_a_version_that_did_not_load_is_tried_again_until_it_does(
    db: Database,
    registry: FakeRegistry,
    now: Callable[[], datetime],
    release: Callable[..., None],
    timer: Timer,
) -> None:
    release()
    registry.altered.add("hash-1")
    service = PredictionService(
        db,
        registry,  # type: ignore[arg-type]
        scale=HUNDRED,
        now=now,
        timer=timer,
    )
    service.refresh()
    assert service.describe().source == service.describe().scorer == "heuristic"
    registry.altered.clear()
    service.refresh()
    assert service.describe().source == "heuristic"  # not at every look
    timer.seconds += 5
    service.refresh()
    assert service.describe().source == "model"
    service.stop()


def test_a_version_of_another_scale_does_not_answer(
    service: PredictionService, release: Callable[..., None]
) -> None:
    release(artifact=FakeArtifact(make_card(scale=(0.0, 1.0)), bias=0.0))
    [answer] = service.predict([ROW])
    assert answer.source is AnswerSource.HEURISTIC
    assert "trained on the scale 0:1 and PLUMBLINE_SCALE is 0:100" in str(answer.reason)


@pytest.mark.parametrize(
    "error", [ValueError("bad\nlong story"), KeyError("x"), RuntimeError("broken"), MemoryError()]
)
def test_a_model_that_fails_is_stood_in_for_with_the_reason(
    registry: FakeRegistry,
    service: PredictionService,
    release: Callable[..., None],
    error: Exception,
) -> None:
    release()
    registry.artifacts["hash-1"].error = error
    [answer] = service.predict([ROW])
    assert answer.source is AnswerSource.HEURISTIC
    assert answer.version == 1
    assert str(answer.reason).startswith("v1 cannot score this row: ")
    assert "long story" not in str(answer.reason)


def test_a_score_that_is_not_finite_is_no_score(
    registry: FakeRegistry, service: PredictionService, release: Callable[..., None]
) -> None:
    release()
    registry.artifacts["hash-1"].bias = float("nan")
    [answer] = service.predict([ROW])
    assert answer.source is AnswerSource.HEURISTIC
    assert "not a finite number" in str(answer.reason)


def test_one_bad_row_of_a_batch_does_not_take_the_model_from_the_others(
    service: PredictionService, release: Callable[..., None]
) -> None:
    release()
    bad = Ask({"codeQuality": "good", "testCoverage": 60.0})
    answers = service.predict([ROW, bad, Ask({}), ROW])
    assert [answer.source.value for answer in answers] == [
        "model",
        "heuristic",
        "refused",
        "model",
    ]
    assert answers[3].score == 70.0


def test_a_row_with_nothing_that_the_model_reads_is_not_posed_as_scored(
    service: PredictionService, release: Callable[..., None]
) -> None:
    release()
    [answer] = service.predict([Ask({"security": 90.0})])
    assert answer.source is AnswerSource.HEURISTIC
    assert str(answer.reason).startswith("The request has none of the features that v1 reads")


def test_with_nothing_to_go_by_the_attempt_failed_and_is_logged(
    db: Database, service: PredictionService
) -> None:
    service.refresh()
    [answer] = service.predict([Ask({"wind": 3.0})])
    assert (answer.source, answer.score) == (AnswerSource.FAILED, None)
    assert _logged(db) == [answer]


def test_recent_labels_are_the_guess_of_last_resort(
    service: PredictionService, now: Callable[[], datetime], timer: Timer
) -> None:
    service.refresh()
    asked = service.predict([Ask({"codeQuality": 80.0})] * 2)
    first, second = (prediction.id for prediction in asked)
    for prediction_id, actual in ((first, 60.0), (second, 80.0), (second, 70.0), ("?", 0.0)):
        label = Label(prediction_id, actual, now(), "ada", now())
        service.add_label(label, observed_at_given=True).result(10)
    timer.seconds += 10
    service.refresh()
    [answer] = service.predict([Ask({"wind": 3.0})])
    assert answer.score == 65.0
    assert "mean of the newest 2 labels" in str(answer.reason)


def test_attempted_is_model_and_heuristic_and_failed_and_refused(
    db: Database, service: PredictionService, release: Callable[..., None]
) -> None:
    release()
    service.predict([ROW, Ask({"security": 1.0}), Ask({"codeQuality": "high"}), Ask({})])
    assert sorted(row.source for row in _logged(db)) == sorted(AnswerSource)


def test_latency_is_measured_from_receipt_and_shared_by_the_rows_of_a_batch(
    service: PredictionService, timer: Timer, now: Callable[[], datetime]
) -> None:
    service.refresh()
    started = timer()
    timer.seconds += 0.3
    answers = service.predictor.answer([ROW, ROW, ROW], now(), started)
    assert [answer.latency_ms for answer in answers] == pytest.approx([100.0] * 3)


def test_a_batch_of_10000_rows_is_logged_in_order(
    db: Database, service: PredictionService, release: Callable[..., None]
) -> None:
    release()
    asks = [Ask({"codeQuality": i / 100}) for i in range(10_000)]
    answers = service.predict(asks)
    assert [row.id for row in _logged(db)] == [answer.id for answer in answers]
    assert [answer.features for answer in answers] == [ask.features for ask in asks]


def test_more_than_may_wait_is_refused_rather_than_kept(
    db: Database, registry: FakeRegistry, now: Callable[[], datetime]
) -> None:
    service = PredictionService(
        db,
        registry,  # type: ignore[arg-type]
        ServiceOptions(max_waiting_rows=2),
        scale=HUNDRED,
        now=now,
    )
    service.refresh()
    with pytest.raises(Unavailable, match="Try again in a moment"):
        service.predict([ROW, ROW, ROW])
    service.stop()


def test_what_cannot_be_written_is_not_acknowledged_and_is_a_problem(
    db: Database,
    service: PredictionService,
    timer: Timer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service.start()
    assert service.check_ready(10) is None

    def fail(*_: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("database or disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr(predictions, "append_predictions", fail)
        with pytest.raises(Unavailable, match="is full: free some space"):
            service.predict([ROW])
    assert "is full" in str(service.check_ready(10))
    timer.seconds += 5
    assert service.check_ready(10) is None
    service.predict([ROW])
    assert len(_logged(db)) == 1


@pytest.mark.parametrize(
    "error",
    [
        TypeError("Encoding objects of type set is unsupported"),
        sa.exc.IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed")),
    ],
)
def test_a_bug_in_the_write_is_unavailable_to_all_who_wait_and_the_next_are_written(
    db: Database, service: PredictionService, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    service.start()

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(predictions, "append_predictions", fail)
        answers = [
            service.predictor.answer([ROW], service.now(), service.timer()) for _ in range(3)
        ]
        for receipt in [service.log(answer)[0] for answer in answers]:
            with pytest.raises(Unavailable, match=rf"\({type(error).__name__}: .*Try again"):
                receipt.result(10)
    service.predict([ROW])
    assert len(_logged(db)) == 1


def test_a_service_that_is_not_started_is_not_ready(service: PredictionService) -> None:
    assert "not followed" in str(service.check_ready(10))


def test_a_store_that_is_locked_for_long_is_not_ready(
    db: Database, service: PredictionService
) -> None:
    service.start()
    with db.write():
        assert "did not take anything within 0.01 s" in str(service.check_ready(0.01))
    assert service.check_ready(10) is None


def test_a_label_is_new_then_the_same_then_a_correction(
    db: Database, service: PredictionService, now: Callable[[], datetime]
) -> None:
    service.refresh()
    [answer] = service.predict([ROW])

    def send(actual: float, minutes: int = 0) -> LabelOutcome | None:
        received_at = now() + timedelta(minutes=minutes)
        label = Label(answer.id, actual, received_at, "ada", received_at)
        return service.add_label(label, observed_at_given=False).result(10)

    assert send(70.0) is LabelOutcome.NEW
    assert send(70.0, minutes=3) is LabelOutcome.SAME
    assert send(65.0) is LabelOutcome.NEW
    with db.read() as conn:
        label = labels.find_label(conn, answer.id)
    assert label is not None
    assert label.actual == 65.0


def test_a_label_before_its_prediction_is_kept(
    db: Database, service: PredictionService, now: Callable[[], datetime]
) -> None:
    label = Label("early", 70.0, now(), "ada", now())
    receipt = service.add_label(label, observed_at_given=True)
    assert receipt.result(10) is LabelOutcome.UNKNOWN
    with db.read() as conn:
        assert labels.find_label(conn, "early") == label


def test_a_label_whose_prediction_was_removed_is_told_so(
    db: Database, service: PredictionService, now: Callable[[], datetime]
) -> None:
    old = now() - timedelta(days=91)
    with db.write() as conn:
        removals.start_removal(conn, now(), now() - timedelta(days=90))
    for name, outcome in [
        (build_id(old, bytes(10)), LabelOutcome.REMOVED),
        (build_id(now(), bytes(10)), LabelOutcome.UNKNOWN),
        ("order-17", LabelOutcome.UNKNOWN),
    ]:
        label = Label(name, 70.0, now(), "ada", now())
        assert service.add_label(label, observed_at_given=True).result(10) is outcome


def test_rows_of_many_threads_are_each_logged_once(
    db: Database, service: PredictionService, release: Callable[..., None]
) -> None:
    release()
    answered: list[str] = []

    def ask() -> None:
        for _ in range(50):
            answered.extend(answer.id for answer in service.predict([ROW, ROW]))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answered)) == 800
    assert {row.id for row in _logged(db)} == set(answered)


def test_stopping_writes_what_waits(
    db: Database, registry: FakeRegistry, now: Callable[[], datetime], timer: Timer
) -> None:
    service = PredictionService(
        db,
        registry,  # type: ignore[arg-type]
        scale=HUNDRED,
        now=now,
        timer=timer,
    )
    service.start()
    with db.write():
        receipts = service.log(service.predictor.answer([ROW], now(), 0.0))
        assert not receipts[0].written.done()
    service.stop()
    assert receipts[0].written.done()
    assert len(_logged(db)) == 1
    with pytest.raises(Unavailable, match="stopping"):
        service.predict([ROW])


def test_libraries_are_imported_beside_serving(
    db: Database, registry: FakeRegistry, now: Callable[[], datetime]
) -> None:
    sys.modules.pop("colorsys", None)
    service = PredictionService(
        db,
        registry,  # type: ignore[arg-type]
        ServiceOptions(libraries=("colorsys",)),
        scale=HUNDRED,
        now=now,
    )
    service.start()
    for thread in threading.enumerate():
        if thread.name == "imports":
            thread.join(10)
    service.stop()
    assert "colorsys" in sys.modules


def test_what_can_be_written_at_once_is_on_disk_when_it_says_so(
    db: Database, service: PredictionService, release: Callable[..., None], now: Clock, timer: Timer
) -> None:
    release()
    service.start()
    answers = service.predictor.answer_together([Received(ROW, now(), timer()) for _ in range(3)])
    assert service.log_at_once(answers)
    assert _logged(db) == answers


def test_a_locked_store_is_left_to_the_journal(
    db: Database, service: PredictionService, now: Clock, timer: Timer
) -> None:
    service.start()
    answers = service.predictor.answer_together([Received(ROW, now(), timer())])
    with db.write():
        assert not service.log_at_once(answers)
        [receipt] = service.log(answers)
        assert not service.log_at_once(answers)  # the journal's come first
    receipt.result(10)
    assert _logged(db) == answers


def test_after_many_direct_writes_the_journal_gets_one_and_after_a_slow_one_all_for_a_while(
    service: PredictionService, now: Clock, timer: Timer, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.start()
    answers = service.predictor.answer_together([Received(ROW, now(), timer())])
    monkeypatch.setattr(DirectLog, "append", lambda *_: True)
    assert [service.log_at_once(answers) for _ in range(257)] == [True] * 256 + [False]
    service.log(answers)[0].result(10)
    assert service.log_at_once(answers)

    def append_slowly(*_: object) -> bool:
        timer.seconds += 0.1
        return True

    monkeypatch.setattr(DirectLog, "append", append_slowly)
    assert service.log_at_once(answers)
    assert not service.log_at_once(answers)
    timer.seconds += 2.5
    assert service.log_at_once(answers)


# --- Batches by columns ---------------------------------------------------------------------


def _ask_columns(n_rows: int = 5, **changes: object) -> AskedColumns:
    columns = {
        "codeQuality": array("d", [float(place) for place in range(n_rows)]),
        "testCoverage": [None, *[60.0] * (n_rows - 1)],
    }
    return replace(AskedColumns(n_rows, columns), **changes)  # type: ignore[arg-type]


def test_a_batch_by_columns_is_answered_and_logged_as_its_rows_are(
    db: Database,
    service: PredictionService,
    release: Callable[..., None],
    now: Clock,
    timer: Timer,
) -> None:
    release()
    asked = _ask_columns(unit_ids=["repo-7", None, None, None, "repo-8"])
    started = timer.seconds
    timer.seconds += 0.01
    batch = service.predictor.answer_columns(asked, now(), started)
    assert batch is not None
    service.log_batch(batch).result()
    assert _logged(db) == []
    assert move_batches(db) == 5
    rows = service.predictor.answer(build_asks(asked), now(), started, Route.BATCH)
    assert [replace(row, id="") for row in _logged(db)] == [replace(row, id="") for row in rows]
    assert [row.id for row in _logged(db)] == batch.ids


def test_a_batch_is_on_disk_at_once_unless_others_write_or_it_is_the_journals_turn(
    db: Database, service: PredictionService, release: Callable[..., None], now: Clock
) -> None:
    release()
    service.start()

    def log_one() -> Kept | None:
        batch = service.predictor.answer_columns(_ask_columns(), now(), 0.0)
        assert batch is not None
        return service.log_batch(batch)

    assert log_one() is None
    assert move_batches(db) == 5
    with db.write():
        kept = log_one()
    assert kept is not None
    kept.result(10)
    assert move_batches(db) == 5
    turns = [log_one() for _ in range(257)]
    assert turns[:256] == [None] * 256
    assert turns[256] is not None
    turns[256].result(10)
    assert log_one() is None


def test_a_label_of_a_row_that_waits_in_a_batch_is_news(
    service: PredictionService, release: Callable[..., None], now: Clock
) -> None:
    release()
    batch = service.predictor.answer_columns(_ask_columns(), now(), 0.0)
    assert batch is not None
    service.log_batch(batch)
    label = Label(batch.ids[4], 70.0, now(), "ada", now())
    assert service.add_label(label, observed_at_given=True).result() is LabelOutcome.NEW


@pytest.mark.parametrize(
    "asked",
    [
        AskedColumns(2, {"codeQuality": [None, 80.0]}),  # the first has nothing to read
        AskedColumns(2, {"wind": array("d", [1.0, 2.0])}),
        AskedColumns(2, {"codeQuality": array("d", [1.0, 2.0]), "testCoverage": ["x", None]}),
    ],
)
def test_rows_that_have_to_be_looked_at_one_by_one_are_not_answered_by_columns(
    service: PredictionService, release: Callable[..., None], now: Clock, asked: AskedColumns
) -> None:
    release()
    assert service.predictor.answer_columns(asked, now(), 0.0) is None


def test_without_a_model_that_takes_columns_none_is_answered_by_them(
    service: PredictionService, release: Callable[..., None], now: Clock
) -> None:
    service.refresh()
    assert service.predictor.answer_columns(_ask_columns(), now(), 0.0) is None
    release(artifact=FakeArtifact(takes_columns=False))
    assert service.predictor.answer_columns(_ask_columns(), now(), 0.0) is None


def test_while_too_many_rows_wait_for_the_log_none_is_answered_by_columns(
    db: Database, registry: FakeRegistry, now: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.serving.log.prediction_log._MAX_STORED_ROWS", 9)
    service = PredictionService(
        db,
        registry,  # type: ignore[arg-type]
        scale=HUNDRED,
        now=now,
    )
    add_version(db, registry)
    deploy(db, registry, 1, reason="tests", by=person("ada"), override=False, now=now())  # type: ignore[arg-type]
    service.refresh()
    batch = service.predictor.answer_columns(_ask_columns(), now(), 0.0)
    assert batch is not None
    service.log_batch(batch).result()
    assert service.predictor.answer_columns(_ask_columns(), now(), 0.0) is None
    assert service.predictor.answer_columns(_ask_columns(4), now(), 0.0) is not None
    move_batches(db)
    service.refresh()
    assert service.predictor.answer_columns(_ask_columns(), now(), 0.0) is not None
    service.stop()
