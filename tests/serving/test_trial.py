"""A trial as callers meet it: one answer, two scores, and no answer that waits for the second."""

import threading
from array import array
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from core.deployment.release import deploy, rollback
from core.deployment.trials import TrialStart, describe_trial, start_trial
from core.domain.prediction import AnswerSource, Label, Prediction, Variant, build_predictions
from core.domain.trial import ShadowOutcome, ShadowScore, TrialSettings
from core.serving.answer import Ask
from core.serving.columns import AskedColumns
from core.serving.service import PredictionService, ServiceOptions
from core.settings import Scale
from core.store.engine.database import Database
from core.store.models import trials
from core.store.predictions.predictions import move_batches
from tests.fakes import FakeRegistry, add_version, keep_labels
from tests.people import person
from tests.streams import load_recent_predictions

ROW = Ask({"codeQuality": 80.0, "testCoverage": 60.0})
COLUMNS = AskedColumns(400, {name: array("d", [60.0] * 400) for name in ROW.features})


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def service(
    db: Database, registry: FakeRegistry, now: Callable[[], datetime]
) -> Iterator[PredictionService]:
    """v1 serves and v2, which scores 5 points more, is there; it looks when it is told to."""
    add_version(db, registry)
    add_version(db, registry, bias=5.0)
    deploy(db, registry, 1, reason="first", by=person("ada"), override=False, now=now())  # type: ignore[arg-type]
    service = PredictionService(
        db,
        registry,  # type: ignore[arg-type]
        ServiceOptions(baking=lambda: timedelta(days=1)),
        scale=Scale(0.0, 100.0),
        now=now,
    )
    yield service
    service.stop()


@pytest.fixture
def start(
    db: Database,
    registry: FakeRegistry,
    service: PredictionService,
    now: Callable[[], datetime],
) -> Callable[[float], None]:
    """Put v2 on trial with a share of the answers, and let the service look."""

    def run(traffic: float) -> None:
        start_trial(
            db,
            registry,  # type: ignore[arg-type]
            TrialStart(2, name="shorter", traffic=traffic, settings=TrialSettings(), salt="salt"),
            reason="to see",
            by=person("ada"),
            override=False,
            now=now(),
        )
        service.refresh()

    return run


def beside(db: Database, answers: list[Prediction]) -> list[ShadowScore]:
    """The shadow scores of answers, in their order."""
    with db.read() as conn:
        found = [trials.find_shadow_score(conn, answer.id) for answer in answers]
    return [score for score in found if score is not None]


def ask_units(service: PredictionService, n: int) -> list[Prediction]:
    return service.predict([Ask(ROW.features, unit_id=f"repo-{i}") for i in range(n)])


def test_one_side_answers_and_the_other_scores_beside_it(
    db: Database, service: PredictionService, start: Callable[[float], None]
) -> None:
    start(0.5)
    answers = ask_units(service, 200)
    service.stop()
    assert {(row.variant, row.version, row.score) for row in answers} == {
        (Variant.CHAMPION, 1, 70.0),
        (Variant.CHALLENGER, 2, 75.0),
    }
    assert [(row.version, row.score) for row in beside(db, answers)] == [
        (2, 75.0) if row.version == 1 else (1, 70.0) for row in answers
    ]


def test_attempted_predictions_do_not_double(
    db: Database, service: PredictionService, start: Callable[[float], None]
) -> None:
    start(0.2)
    answers = ask_units(service, 50)
    service.stop()
    with db.read() as conn:
        logged = load_recent_predictions(conn, 1_000)
    assert {row.id for row in logged} == {row.id for row in answers}


def test_a_unit_always_gets_the_same_side_and_its_share_is_kept(
    service: PredictionService, start: Callable[[float], None]
) -> None:
    start(0.2)
    first, again = ask_units(service, 500), ask_units(service, 500)
    assert [row.version for row in first] == [row.version for row in again]
    assert 70 <= sum(row.version == 2 for row in first) <= 130


def test_all_the_traffic_still_is_a_trial(
    db: Database, service: PredictionService, start: Callable[[float], None]
) -> None:
    start(1.0)
    answers = service.predict([ROW] * 20)
    service.stop()
    assert {row.version for row in answers} == {2}
    assert {row.version for row in beside(db, answers)} == {1}


def test_without_a_trial_nothing_is_scored_twice(db: Database, service: PredictionService) -> None:
    service.refresh()
    answers = service.predict([ROW])
    service.stop()
    assert beside(db, answers) == []


def test_a_challenger_that_hangs_keeps_no_answer_waiting(
    registry: FakeRegistry,
    service: PredictionService,
    start: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start(0.1)
    go_on = threading.Event()
    challenger = registry.artifacts["hash-2"]

    def hang(_rows: object) -> object:
        assert go_on.wait(30)
        raise ValueError("gave up")

    champions = [f"repo-{i}" for i, row in enumerate(ask_units(service, 50)) if row.version == 1]
    monkeypatch.setattr(challenger, "score", hang)
    for unit in champions:
        [answer] = service.predict([Ask(ROW.features, unit_id=unit)])
        assert (answer.score, answer.source) == (70.0, AnswerSource.MODEL)
    go_on.set()


def test_a_challenger_that_fails_beside_an_answer_is_logged_as_failed(
    db: Database,
    registry: FakeRegistry,
    service: PredictionService,
    start: Callable[[float], None],
) -> None:
    start(0.1)
    registry.artifacts["hash-2"].error = ValueError("broken")
    answers = ask_units(service, 30)
    service.stop()
    by_champion = [row for row in answers if row.version == 1]
    assert by_champion
    assert {row.source for row in by_champion} == {AnswerSource.MODEL}
    failed = beside(db, by_champion)
    assert {row.outcome for row in failed} == {ShadowOutcome.FAILED}
    assert str(failed[0].error).startswith("v2 cannot score this row: broken")


def test_a_challenger_that_does_not_load_leaves_the_champion_alone(
    db: Database,
    registry: FakeRegistry,
    service: PredictionService,
    start: Callable[[float], None],
) -> None:
    start(0.1)
    service.stop()
    registry.altered.add("hash-2")
    other = PredictionService(
        db,
        registry,  # type: ignore[arg-type]
        scale=Scale(0.0, 100.0),
        now=service.now,
    )
    other.refresh()
    status = other.describe()
    answers = [row for row in ask_units(other, 30) if row.version == 1]
    other.stop()
    assert {row.source for row in answers} == {AnswerSource.MODEL}
    assert (status.source, status.challenger) == ("model", "v2")
    assert "v2 does not load" in str(status.challenger_reason)


def test_more_than_may_wait_is_dropped_and_logged(
    db: Database,
    registry: FakeRegistry,
    start: Callable[[float], None],
    service: PredictionService,
) -> None:
    start(0.1)
    small = PredictionService(
        db,
        registry,  # type: ignore[arg-type]
        ServiceOptions(max_shadow_rows=10),
        scale=Scale(0.0, 100.0),
        now=service.now,
    )
    small.refresh()
    answers = ask_units(small, 30)
    small.stop()
    outcomes = [row.outcome for row in beside(db, answers)]
    assert outcomes == [ShadowOutcome.SCORED] * 10 + [ShadowOutcome.DROPPED] * 20


def test_a_rollback_is_followed_and_nothing_of_the_challenger_is_answered_after(
    db: Database,
    registry: FakeRegistry,
    service: PredictionService,
    start: Callable[[float], None],
    now: Callable[[], datetime],
) -> None:
    start(1.0)
    assert service.predict([ROW])[0].version == 2
    rollback(db, registry, None, reason="worse", by=person("bob"), now=now())  # type: ignore[arg-type]
    service.refresh()
    assert {row.version for row in service.predict([ROW] * 50)} == {1}
    assert service.describe().challenger is None


def test_labels_join_both_scores_into_pairs(
    db: Database,
    service: PredictionService,
    start: Callable[[float], None],
    now: Callable[[], datetime],
) -> None:
    """v1 says 70 and v2 says 75 where 74 is true: v2 is 3 points better, in every pair."""
    start(0.2)
    answers = service.predict([ROW] * 80)
    service.stop()
    with db.write() as conn:
        keep_labels(conn, (Label(row.id, 74.0, now(), "ada", now()) for row in answers))
    standing = describe_trial(db, now() + timedelta(hours=1))
    assert standing is not None
    assert standing.report.n_pairs == 80
    assert standing.report.estimate is not None
    assert standing.report.estimate.value == pytest.approx(3.0)


def test_the_version_before_scores_one_request_in_ten_of_a_fresh_release(
    db: Database,
    registry: FakeRegistry,
    service: PredictionService,
    now: Callable[[], datetime],
) -> None:
    service.refresh()
    n_loaded = len(registry.loaded)
    deploy(db, registry, 2, reason="new", by=person("ada"), override=False, now=now())  # type: ignore[arg-type]
    service.refresh()
    answers = service.predict([ROW] * 400)
    service.stop()
    kept = beside(db, answers)
    assert {row.version for row in answers} == {2}
    assert {(row.version, row.score) for row in kept} == {(1, 70.0)}
    assert 20 <= len(kept) <= 60
    assert registry.loaded[n_loaded:] == ["hash-2", "hash-2"]  # v1 stays in memory


def test_without_automatic_rollbacks_the_version_before_scores_nothing(
    db: Database, registry: FakeRegistry, service: PredictionService, now: Callable[[], datetime]
) -> None:
    deploy(db, registry, 2, reason="new", by=person("ada"), override=False, now=now())  # type: ignore[arg-type]
    other = PredictionService(db, registry, scale=Scale(0.0, 100.0), now=now)  # type: ignore[arg-type]
    other.refresh()
    answers = other.predict([ROW] * 100)
    other.stop()
    assert beside(db, answers) == []


def test_of_a_batch_by_columns_too_it_scores_one_row_in_ten(
    db: Database,
    registry: FakeRegistry,
    service: PredictionService,
    now: Callable[[], datetime],
) -> None:
    service.refresh()
    deploy(db, registry, 2, reason="new", by=person("ada"), override=False, now=now())  # type: ignore[arg-type]
    service.refresh()
    batch = service.predictor.answer_columns(COLUMNS, now(), 0.0)
    assert batch is not None
    service.log_batch(batch).result()
    service.stop()
    move_batches(db)
    kept = beside(db, build_predictions(batch))
    assert {(row.version, row.score) for row in kept} == {(1, 60.0)}
    assert 20 <= len(kept) <= 60


def test_while_a_trial_runs_no_batch_is_answered_by_columns(
    service: PredictionService, start: Callable[[float], None], now: Callable[[], datetime]
) -> None:
    start(0.5)
    assert service.predictor.answer_columns(COLUMNS, now(), 0.0) is None


def test_a_rollback_has_the_version_before_in_memory_already(
    db: Database,
    registry: FakeRegistry,
    service: PredictionService,
    now: Callable[[], datetime],
) -> None:
    deploy(db, registry, 2, reason="new", by=person("ada"), override=False, now=now())  # type: ignore[arg-type]
    service.refresh()
    rollback(db, registry, None, reason="worse", by=person("bob"), now=now())  # type: ignore[arg-type]
    registry.loaded.clear()
    service.refresh()
    assert registry.loaded == []
    answers = service.predict([ROW] * 100)
    service.stop()
    assert {row.version for row in answers} == {1}
    assert beside(db, answers) == []  # what was left for a reason is not asked again


def test_the_version_before_scores_nothing_after_the_baking_time(
    db: Database, registry: FakeRegistry, service: PredictionService, now: Callable[[], datetime]
) -> None:
    deploy(db, registry, 2, reason="new", by=person("ada"), override=False, now=now())  # type: ignore[arg-type]
    service.refresh()
    service.now = lambda: now() + timedelta(days=1)
    answers = service.predict([ROW] * 100)
    service.stop()
    assert beside(db, answers) == []


def test_the_version_before_leaves_memory_after_the_baking_time(
    db: Database, registry: FakeRegistry, service: PredictionService, now: Callable[[], datetime]
) -> None:
    passed = timedelta()
    deploy(db, registry, 2, reason="new", by=person("ada"), override=False, now=now())  # type: ignore[arg-type]
    other = PredictionService(
        db,
        registry,  # type: ignore[arg-type]
        ServiceOptions(baking=lambda: timedelta(days=1)),
        scale=Scale(0.0, 100.0),
        now=lambda: now() + passed,
        timer=lambda: passed.total_seconds(),
    )
    other.refresh()
    assert registry.loaded[-2:] == ["hash-2", "hash-1"]
    passed = timedelta(days=2)
    other.refresh()
    rollback(db, registry, None, reason="worse", by=person("bob"), now=now())  # type: ignore[arg-type]
    registry.loaded.clear()
    other.refresh()
    assert registry.loaded == ["hash-1"]
    other.stop()
