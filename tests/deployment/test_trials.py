"""Trials against a real store: from the first request to the promotion, and what is refused."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.deployment.ramp import StepKind
from core.deployment.release import deploy, describe_plan, rollback
from core.deployment.trials import (
    TrialStart,
    describe_trial,
    promote,
    start_trial,
    stop_trial,
    watch_trial,
    widen_trial,
)
from core.domain.deployment import Action, Deployment, Plan
from core.domain.prediction import Label, Variant
from core.domain.trial import ShadowOutcome, ShadowScore, TrialSettings, TrialVerdict
from core.errors import Conflict, InvalidInput, NotFound, OpsError, Refused
from core.store.engine.database import Database
from core.store.models import deployments, trials
from core.store.predictions import predictions
from tests.fakes import (
    FakeArtifact,
    FakeRegistry,
    add_version,
    keep_labels,
    make_card,
    make_prediction,
    make_report,
)
from tests.people import person

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
QUICK = TrialSettings(t_star=200, min_step_requests=20, min_step_labels=20)


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def start(db: Database, registry: FakeRegistry) -> Callable[..., Deployment]:
    """v1 serves, v2 and v3 are there; put v2 on trial with 10 %, unless said otherwise."""
    for _ in range(3):
        add_version(db, registry)
    deploy(db, registry, 1, reason="first", by=person("ada"), override=False, now=NOON)  # type: ignore[arg-type]

    def run(number: int = 2, **changes: object) -> Deployment:
        asked = {"name": "shorter", "traffic": 0.1, "settings": QUICK, "salt": "salt"}
        asked |= {name: changes.pop(name) for name in asked if name in changes}
        who = {"reason": "to see", "by": person("ada"), "override": False, "now": NOON, **changes}
        return start_trial(db, registry, TrialStart(number, **asked), **who)  # type: ignore[arg-type]

    return run


def who(**changes: object) -> dict[str, object]:
    return {"reason": "as agreed", "by": person("bob"), "now": NOON, **changes}


def history(db: Database) -> list[Deployment]:
    with db.read() as conn:
        return deployments.load_history(conn)


def answer_requests(
    db: Database,
    *,
    n: int,
    gain: float,
    revision: int = 2,
    slow: bool = False,
    spread: float = 0.5,
) -> None:
    """Requests that both scored, a tenth answered by the challenger, whose error is smaller by
    `gain` on average; their labels came at once."""
    rng = np.random.default_rng(1)
    noise, own = rng.normal(0, 1, n), rng.normal(0, spread, n)
    kept, beside, actuals = [], [], []
    for i in range(n):
        is_challenger = i % 10 == 0
        champion, challenger = 60.0 + noise[i], 60.0 + noise[i] + own[i] - gain
        prediction = make_prediction(
            f"{revision}-{i}",
            at=NOON,
            version=2 if is_challenger else 1,
            variant=Variant.CHALLENGER if is_challenger else Variant.CHAMPION,
            score=challenger if is_challenger else champion,
            revision=revision,
            latency_ms=900.0 if slow else 5.0,
        )
        other, score = (1, champion) if is_challenger else (2, challenger)
        kept.append(prediction)
        beside.append(
            ShadowScore(prediction.id, other, ShadowOutcome.SCORED, float(score), 1.0, None)
        )
        actuals.append(Label(prediction.id, 50.0, NOON, "ada", NOON + timedelta(seconds=i)))
    with db.write() as conn:
        predictions.append_predictions(conn, kept)
        trials.append_shadow_scores(conn, beside)
        keep_labels(conn, actuals)


def test_a_trial_is_a_row_with_its_settings(start: Callable[..., Deployment], db: Database) -> None:
    row = start(reason=" to see ")
    assert row.action is Action.START_TRIAL
    assert row.plan == Plan(1, 2, 0.1, "shorter", "salt")
    assert row.reason == "to see"
    assert row.evidence["artifact_hash"] == "hash-2"
    standing = describe_trial(db, NOON)
    assert standing is not None
    assert standing.trial.settings == QUICK
    assert standing.report.verdict is TrialVerdict.NOT_YET


def test_status_says_what_the_trial_says(start: Callable[..., Deployment], db: Database) -> None:
    start()
    answer_requests(db, n=300, gain=1.0)
    challenger = describe_plan(db, NOON + timedelta(hours=1)).challenger
    assert challenger is not None
    assert (challenger.version, challenger.traffic, challenger.ab_test) == (2, 0.1, "shorter")
    assert (challenger.n_pairs, challenger.verdict) == (300, "better")
    assert challenger.estimate is not None
    assert 0 < challenger.estimate.low < 1.0 < challenger.estimate.high


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"number": 9}, NotFound, "v9"),
        ({"number": 0}, Refused, "heuristic cannot be on trial"),
        ({"number": 1}, Refused, "v1 serves already"),
        ({"traffic": 0.0}, InvalidInput, "10, 20, 50 or 100"),
        ({"traffic": 1.01}, InvalidInput, "10, 20, 50 or 100"),
        ({"traffic": float("nan")}, InvalidInput, "10, 20, 50 or 100"),
        ({"name": " "}, InvalidInput, "needs a name"),
        ({"reason": " "}, InvalidInput, "needs a reason"),
        ({"expected_revision": 7}, Conflict, "nothing was changed"),
    ],
)
def test_what_cannot_be_tried_is_refused_and_changes_nothing(
    start: Callable[..., Deployment],
    db: Database,
    changes: dict[str, object],
    error: type[OpsError],
    said: str,
) -> None:
    with pytest.raises(error, match=said):
        start(**changes)
    assert len(history(db)) == 1


def test_without_a_champion_there_is_nothing_to_compare_with(
    db: Database, registry: FakeRegistry, start: Callable[..., Deployment]
) -> None:
    deploy(db, registry, 0, override=False, **who())  # type: ignore[arg-type]
    with pytest.raises(Refused, match="No model serves"):
        start()


def test_a_second_trial_while_one_runs_is_refused(
    start: Callable[..., Deployment], db: Database
) -> None:
    start()
    for changes in ({"number": 3}, {"name": "longer"}, {"number": 3, "name": "longer"}):
        with pytest.raises(Refused, match="v2 is on trial as 'shorter'"):
            start(**changes)
    assert len(history(db)) == 2


def test_the_same_trial_with_another_share_is_widened(
    start: Callable[..., Deployment], db: Database
) -> None:
    start()
    row = start(traffic=0.5, settings=TrialSettings(margin=9.0), salt="another")
    assert row.action is Action.RAMP
    assert row.plan == Plan(1, 2, 0.5, "shorter", "salt")
    standing = describe_trial(db, NOON)
    assert standing is not None
    assert standing.trial.settings == QUICK
    assert [step.traffic for step in standing.trial.steps] == [0.1, 0.5]
    with pytest.raises(Refused, match="50 % already"):
        start(traffic=0.5)


def test_a_challenger_with_inputs_that_nobody_sends_is_refused_unless_overridden(
    start: Callable[..., Deployment],
    db: Database,
    registry: FakeRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before requests came, callers are taken to send what the champion reads."""
    other = replace(make_report(), importance={"codeQuality": 0.6, "wind": 0.4})
    monkeypatch.setattr("tests.fakes.make_report", lambda *_: other)
    artifact = FakeArtifact(replace(make_card(), features=("codeQuality", "wind"), golden=()))
    add_version(db, registry, artifact=artifact)
    with pytest.raises(Refused, match=r"v1 reads, which is 60.0 % of what v4 goes by \(wind in 0"):
        start(4)
    assert start(4, override=True).override


def test_a_challenger_that_the_gate_refused_needs_an_override(
    start: Callable[..., Deployment], db: Database, registry: FakeRegistry
) -> None:
    add_version(db, registry, gate_reasons=("MAE is no better.",))
    with pytest.raises(Refused, match=r"Its gate refused it: MAE is no better\."):
        start(4)
    assert start(4, override=True).override


def test_a_challenger_that_was_altered_is_refused(
    start: Callable[..., Deployment], db: Database, registry: FakeRegistry
) -> None:
    registry.altered.add("hash-2")
    with pytest.raises(Refused, match="altered"):
        start()
    assert len(history(db)) == 1


def test_a_trial_without_a_verdict_is_not_promoted(
    start: Callable[..., Deployment], db: Database, registry: FakeRegistry
) -> None:
    start()
    with pytest.raises(Refused, match=r"not found v2 better \(not_yet\)"):
        promote(db, registry, "shorter", override=False, **who())  # type: ignore[arg-type]
    assert len(history(db)) == 2


def test_an_override_promotes_without_a_verdict_and_says_so(
    start: Callable[..., Deployment], db: Database, registry: FakeRegistry
) -> None:
    start()
    row = promote(db, registry, "shorter", override=True, **who())  # type: ignore[arg-type]
    assert (row.action, row.plan, row.override) == (Action.PROMOTE, Plan(2), True)
    assert row.evidence["trial_result"]["verdict"] == "not_yet"  # type: ignore[index]


def test_a_better_challenger_is_promoted_with_its_evidence_and_can_be_rolled_back(
    start: Callable[..., Deployment], db: Database, registry: FakeRegistry
) -> None:
    start()
    answer_requests(db, n=300, gain=1.0)
    later = who(now=NOON + timedelta(hours=1))
    row = promote(db, registry, "shorter", override=False, **later)  # type: ignore[arg-type]
    assert (row.plan, row.override) == (Plan(2), False)
    result = row.evidence["trial_result"]
    assert (result["verdict"], result["n_pairs"]) == ("better", 300)  # type: ignore[index]
    assert rollback(db, registry, None, **later).plan == Plan(1)  # type: ignore[arg-type]


@pytest.mark.parametrize("act", [promote, stop_trial, widen_trial])
def test_a_trial_that_does_not_run_cannot_be_changed(
    start: Callable[..., Deployment],
    db: Database,
    registry: FakeRegistry,
    act: Callable[..., Deployment],
) -> None:
    more = {promote: {"override": True}, widen_trial: {"traffic": 0.5}}.get(act, {})
    store = (db, registry) if act is promote else (db,)
    with pytest.raises(NotFound, match="No trial runs"):
        act(*store, "shorter", **who(), **more)
    start()
    with pytest.raises(NotFound, match="'shorter', not 'longer'"):
        act(*store, "longer", **who(), **more)
    with pytest.raises(InvalidInput, match="reason"):
        act(*store, "shorter", **who(reason=""), **more)
    with pytest.raises(Conflict):
        act(*store, "shorter", **who(expected_revision=1), **more)
    assert len(history(db)) == 2


def test_a_stopped_trial_leaves_the_champion(
    start: Callable[..., Deployment], db: Database, registry: FakeRegistry
) -> None:
    start()
    row = stop_trial(db, "shorter", **who())  # type: ignore[arg-type]
    assert (row.action, row.plan) == (Action.STOP_TRIAL, Plan(1))
    assert describe_trial(db, NOON) is None
    assert start(name="again").plan.ab_test == "again"


def test_a_rollback_ends_the_trial_and_the_champion_answers(
    start: Callable[..., Deployment], db: Database, registry: FakeRegistry
) -> None:
    start(traffic=1.0)
    row = rollback(db, registry, None, **who())  # type: ignore[arg-type]
    assert (row.action, row.plan) == (Action.ROLLBACK, Plan(1))
    assert row.evidence["ended_trial"] == "shorter"


def test_deploying_another_version_ends_the_trial(
    start: Callable[..., Deployment], db: Database, registry: FakeRegistry
) -> None:
    start()
    row = deploy(db, registry, 3, override=False, **who())  # type: ignore[arg-type]
    assert (row.plan, row.evidence["ended_trial"]) == (Plan(3), "shorter")


def test_without_a_trial_there_is_nothing_to_watch(db: Database, registry: FakeRegistry) -> None:
    assert watch_trial(db, registry, NOON) is None  # type: ignore[arg-type]


@pytest.mark.slow  # each of the days is a checkpoint of its own
def test_no_data_holds_a_trial_for_ever(
    start: Callable[..., Deployment], db: Database, registry: FakeRegistry
) -> None:
    start()
    following = watch_trial(db, registry, NOON + timedelta(days=400))  # type: ignore[arg-type]
    assert following is not None
    assert following.kind is StepKind.HOLD
    assert len(history(db)) == 2


def test_a_step_goes_on_by_itself_when_its_minimums_are_met(
    start: Callable[..., Deployment], db: Database, registry: FakeRegistry
) -> None:
    start()
    answer_requests(db, n=240, gain=0.0, spread=4.0)
    watch_trial(db, registry, NOON + timedelta(hours=23))  # type: ignore[arg-type]
    assert len(history(db)) == 2
    watch_trial(db, registry, NOON + timedelta(hours=24))  # type: ignore[arg-type]
    row = history(db)[-1]
    assert (row.action, row.plan.traffic, row.by) == (Action.RAMP, 0.2, "plumbline")
    watch_trial(db, registry, NOON + timedelta(hours=25))  # type: ignore[arg-type]
    assert len(history(db)) == 3


@pytest.mark.parametrize(
    ("gain", "slow", "action"),
    [
        (1.0, False, Action.PROMOTE),
        (-1.0, False, Action.STOP_TRIAL),
        (1.0, True, Action.STOP_TRIAL),
    ],
    ids=["better", "worse", "better, but slow"],
)
def test_a_verdict_or_a_guardrail_ends_the_trial_by_itself(
    start: Callable[..., Deployment],
    db: Database,
    registry: FakeRegistry,
    gain: float,
    slow: bool,
    action: Action,
) -> None:
    start()
    answer_requests(db, n=300, gain=gain, slow=slow)
    following = watch_trial(db, registry, NOON + timedelta(hours=1))  # type: ignore[arg-type]
    row = history(db)[-1]
    assert (row.action, row.by) == (action, "plumbline")
    assert following is not None
    assert row.reason == " ".join(following.reasons)
    with db.read() as conn:
        frozen = trials.find_verdict(conn, 2)
    assert frozen is not None
    assert frozen.verdict is (TrialVerdict.BETTER if gain > 0 else TrialVerdict.WORSE)


def test_a_verdict_is_kept_when_labels_change_afterwards(
    start: Callable[..., Deployment], db: Database, registry: FakeRegistry
) -> None:
    start(settings=replace(QUICK, auto_promote=False))
    answer_requests(db, n=300, gain=1.0)
    now = NOON + timedelta(hours=1)
    watch_trial(db, registry, now)  # type: ignore[arg-type]
    with db.write() as conn:
        keep_labels(conn, (Label(f"2-{i}", 90.0, now, "ada", now) for i in range(300)))
    standing = describe_trial(db, now + timedelta(hours=1))
    assert standing is not None
    assert standing.report.verdict is TrialVerdict.BETTER
    assert standing.report.estimate is not None
    assert standing.report.estimate.value < 0


def test_of_two_operators_at_once_one_starts_the_trial(
    start: Callable[..., Deployment], db: Database
) -> None:
    barrier, outcomes = threading.Barrier(2), []

    def run(number: int) -> None:
        barrier.wait(10)
        try:
            outcomes.append(start(number, name=f"try-{number}", expected_revision=1))
        except OpsError as error:
            outcomes.append(error)  # type: ignore[arg-type]

    threads = [threading.Thread(target=run, args=(number,)) for number in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(history(db)) == 2
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 1
