"""Releases against a real store and a registry that behaves."""

import itertools
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest

from core.audit.approvals import decide
from core.audit.attempt import NeedsApproval
from core.audit.verify import verify_audit
from core.deployment.release import deploy, describe_plan, rehearse_rollback, rollback, what_served
from core.domain.actor import Act, ApprovalState
from core.domain.deployment import Action, Deployment
from core.errors import Conflict, InvalidInput, NotFound, OpsError, Refused
from core.settings import Scale
from core.store.engine.database import Database
from core.store.installation import audit
from core.store.models import deployments
from core.store.predictions.predictions import append_predictions
from tests.conftest import NOON
from tests.fakes import (
    FakeArtifact,
    FakeRegistry,
    add_version,
    make_card,
    make_prediction,
    make_report,
)
from tests.people import person


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def release(
    db: Database, registry: FakeRegistry, now: Callable[[], datetime]
) -> Callable[..., Deployment]:
    """`deploy` by ada, at noon unless said, for a reason."""

    def run(number: int, **changes: object) -> Deployment:
        arguments = {"reason": "it is better", "by": person("ada"), "override": False, "now": now()}
        return deploy(db, registry, number, **{**arguments, **changes})  # type: ignore[arg-type]

    return run


@pytest.fixture
def back(
    db: Database, registry: FakeRegistry, now: Callable[[], datetime]
) -> Callable[..., Deployment]:
    """`rollback` by bob, at noon unless said, for a reason."""

    def run(number: int | None = None, **changes: object) -> Deployment:
        arguments = {"reason": "it got worse", "by": person("bob"), "now": now()}
        return rollback(db, registry, number, **{**arguments, **changes})  # type: ignore[arg-type]

    return run


def _n_rows(db: Database) -> int:
    with db.read() as conn:
        return len(deployments.load_history(conn))


def test_before_the_first_deployment_nothing_serves(db: Database) -> None:
    summary = describe_plan(db, NOON)
    assert summary.revision == 0
    assert summary.champion is None


def test_a_deployed_version_serves_with_who_when_and_why(
    db: Database,
    registry: FakeRegistry,
    release: Callable[..., Deployment],
    now: Callable[[], datetime],
) -> None:
    add_version(db, registry)
    deployment = release(1, reason=" it is better ")
    assert deployment.action is Action.DEPLOY
    assert deployment.reason == "it is better"
    assert deployment.evidence["artifact_hash"] == "hash-1"
    champion = describe_plan(db, NOON).champion
    assert champion is not None
    assert (champion.version, champion.since, champion.by) == (1, now(), "ada")


def test_rolling_back_twice_from_v3_lets_v1_serve_and_a_third_time_is_refused(
    db: Database,
    registry: FakeRegistry,
    release: Callable[..., Deployment],
    back: Callable[..., Deployment],
) -> None:
    for _ in range(3):
        release(add_version(db, registry).number)
    assert back().plan.champion == 2
    assert back().plan.champion == 1
    with pytest.raises(Refused, match="Nothing served before v1"):
        back()
    assert _n_rows(db) == 5


def test_a_rollback_to_a_named_version_serves_it(
    db: Database,
    registry: FakeRegistry,
    release: Callable[..., Deployment],
    back: Callable[..., Deployment],
) -> None:
    for _ in range(3):
        release(add_version(db, registry).number)
    deployment = back(1)
    assert deployment.action is Action.ROLLBACK
    assert deployment.by == "bob"
    assert deployment.plan.champion == 1


def test_running_without_a_model_can_be_deployed_and_rolled_back(
    db: Database,
    registry: FakeRegistry,
    release: Callable[..., Deployment],
    back: Callable[..., Deployment],
) -> None:
    release(add_version(db, registry).number)
    assert release(0, reason="the model is off").plan.champion == 0
    assert back().plan.champion == 1


def test_a_version_that_does_not_exist_is_not_found(release: Callable[..., Deployment]) -> None:
    with pytest.raises(NotFound, match="v7"):
        release(7)


@pytest.mark.parametrize("reason", ["", "   "])
def test_a_change_without_a_reason_is_not_made(
    db: Database,
    registry: FakeRegistry,
    release: Callable[..., Deployment],
    back: Callable[..., Deployment],
    reason: str,
) -> None:
    add_version(db, registry)
    with pytest.raises(InvalidInput):
        release(1, reason=reason)
    with pytest.raises(InvalidInput):
        back(reason=reason)
    assert _n_rows(db) == 0


@pytest.mark.parametrize("passed", [True, False])
def test_an_override_is_told_as_one_only_where_the_gate_refused(
    db: Database, registry: FakeRegistry, release: Callable[..., Deployment], passed: bool
) -> None:
    add_version(db, registry, gate_reasons=() if passed else ("Failed: no better.",))
    assert release(1, override=True).override is not passed
    with db.read() as conn:
        (entry,) = audit.search_entries(conn, "v1")
    assert entry.act is (Act.DEPLOY if passed else Act.OVERRIDE)


def test_the_word_override_is_no_way_around_the_second_person(
    db: Database,
    registry: FakeRegistry,
    release: Callable[..., Deployment],
    now: Callable[[], datetime],
) -> None:
    add_version(db, registry, gate_reasons=("Failed: no better.",))
    ana = replace(person("ana"), second=frozenset({Act.DEPLOY, Act.OVERRIDE}))
    for number, act in ((1, "'deploy'"), (2, "'override'")):
        with pytest.raises(NeedsApproval, match=f"{act} of v1 .* request {number} waits"):
            release(1, by=ana, override=True)
        assert _n_rows(db) == 0
        decide(db, number, ApprovalState.APPROVED, by=person("bob"), now=now())
    assert release(1, by=ana, override=True).override
    assert verify_audit(db).findings == ()


def test_a_version_that_the_gate_refused_needs_an_override(
    db: Database, registry: FakeRegistry, release: Callable[..., Deployment]
) -> None:
    add_version(db, registry, gate_reasons=("no better than the median",))
    with pytest.raises(Refused, match="no better than the median"):
        release(1)
    assert _n_rows(db) == 0
    deployment = release(1, override=True, reason="the pilot asked for it")
    assert deployment.override
    assert deployment.evidence["gate_passed"] is False


def test_a_version_of_another_scale_is_refused_as_serving_would_refuse_it(
    db: Database, registry: FakeRegistry, release: Callable[..., Deployment]
) -> None:
    version = add_version(db, registry)
    registry.scale = Scale(0, 5)
    with pytest.raises(Refused, match=r"trained on the scale 0:100 and PLUMBLINE_SCALE is 0:5"):
        release(version.number)
    assert _n_rows(db) == 0
    registry.scale = Scale(0, 100)
    assert release(version.number).plan.champion == version.number


def test_an_artifact_that_was_altered_is_refused_before_anything_switches(
    db: Database, registry: FakeRegistry, release: Callable[..., Deployment]
) -> None:
    release(add_version(db, registry).number)
    add_version(db, registry)
    registry.altered.add("hash-2")
    with pytest.raises(
        Refused, match=r"v2 was not deployed and what serves was not changed.*alter"
    ):
        release(2)
    champion = describe_plan(db, NOON).champion
    assert champion is not None
    assert champion.version == 1


def test_an_artifact_that_is_missing_is_refused(
    db: Database, registry: FakeRegistry, release: Callable[..., Deployment]
) -> None:
    add_version(db, registry)
    registry.artifacts.clear()
    with pytest.raises(Refused, match="There is no artifact"):
        release(1)


def test_a_version_whose_golden_rows_score_differently_is_refused(
    db: Database, registry: FakeRegistry, release: Callable[..., Deployment]
) -> None:
    card = make_card()
    wrong = replace(card, golden=(replace(card.golden[0], score=12.0),))
    add_version(db, registry, artifact=FakeArtifact(wrong))
    with pytest.raises(Refused, match="golden row"):
        release(1)


def test_a_rollback_to_an_altered_artifact_is_refused(
    db: Database,
    registry: FakeRegistry,
    release: Callable[..., Deployment],
    back: Callable[..., Deployment],
) -> None:
    release(add_version(db, registry).number)
    release(add_version(db, registry).number)
    registry.altered.add("hash-1")
    with pytest.raises(Refused, match="altered"):
        back()
    champion = describe_plan(db, NOON).champion
    assert champion is not None
    assert champion.version == 2


def test_who_looked_at_an_older_plan_is_told_what_happened_meanwhile(
    db: Database,
    registry: FakeRegistry,
    release: Callable[..., Deployment],
    back: Callable[..., Deployment],
) -> None:
    for _ in range(2):
        add_version(db, registry)
    release(1, expected_revision=0)
    told = r"ada deployed v1 at 12:00 UTC \(reason: it is better\).*nothing was changed"
    with pytest.raises(Conflict, match=told):
        release(2, expected_revision=0, by=person("bob"))
    with pytest.raises(Conflict, match=told):
        back(expected_revision=0)
    assert _n_rows(db) == 1


def test_of_two_operators_at_once_one_wins_and_the_other_is_told(
    db: Database, registry: FakeRegistry, release: Callable[..., Deployment]
) -> None:
    for _ in range(9):
        add_version(db, registry)
    release(1)
    start = threading.Barrier(8)
    outcomes: list[Deployment | OpsError] = []

    def act(number: int) -> None:
        start.wait()
        try:
            outcomes.append(release(number, by=person(f"person {number}"), expected_revision=1))
        except OpsError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=partial(act, number)) for number in range(2, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [winner] = [outcome for outcome in outcomes if isinstance(outcome, Deployment)]
    losers = [outcome for outcome in outcomes if not isinstance(outcome, Deployment)]
    assert len(losers) == 7
    for loser in losers:
        assert isinstance(loser, Conflict)
        assert f"{winner.by} deployed v{winner.plan.champion}" in str(loser)
    assert _n_rows(db) == 2


def test_what_served_at_a_moment_is_found(
    db: Database,
    registry: FakeRegistry,
    release: Callable[..., Deployment],
    back: Callable[..., Deployment],
    now: Callable[[], datetime],
) -> None:
    for minutes in (0, 10):
        release(add_version(db, registry).number, now=now() + timedelta(minutes=minutes))
    back(now=now() + timedelta(minutes=20))
    served = [
        what_served(db, now() + timedelta(minutes=minutes)) for minutes in (-1, 0, 9, 10, 19, 25)
    ]
    assert [row.plan.champion if row else None for row in served] == [None, 1, 1, 2, 2, 1]
    assert served[-1] is not None
    assert served[-1].reason == "it got worse"


def test_a_rehearsal_does_all_but_the_switch_and_times_each_step(
    db: Database, registry: FakeRegistry, release: Callable[..., Deployment]
) -> None:
    for _ in range(3):
        release(add_version(db, registry).number)
    ticks = itertools.count()
    done = rehearse_rollback(db, registry, 1, timer=lambda: next(ticks) / 1000)  # type: ignore[arg-type]
    assert done.target == 1
    assert [step.name for step in done.steps] == [
        "read the history and choose the version",
        "load the artifact and check its hash",
        "score its golden rows",
        "check what callers send",
        "take the lock and check the plan",
    ]
    assert done.milliseconds == pytest.approx(5.0)
    assert done.objection == ""
    assert _n_rows(db) == 3


def test_a_rollback_to_what_callers_no_longer_feed_warns_and_needs_an_override(
    db: Database,
    registry: FakeRegistry,
    release: Callable[..., Deployment],
    back: Callable[..., Deployment],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its strongest feature, which the one that serves does without, is in none of the newest
    requests, of which a batch is one. Where that one lacks it as much, nothing gets worse."""
    release(add_version(db, registry).number)
    release(add_version(db, registry).number)
    asked = [
        make_prediction(f"p{i}", features={"testCoverage": 60.0}, batch_rows=rows)
        for i, rows in enumerate([None] * 19 + [500, *([0] * 499)])
    ]
    with db.write() as conn:
        append_predictions(conn, asked)
    alike = rehearse_rollback(db, registry, None, timer=lambda: 0.0)  # type: ignore[arg-type]
    assert (alike.target, alike.objection) == (1, "")
    frugal = replace(
        make_report(), features_selected=("testCoverage",), importance={"testCoverage": 1.0}
    )
    monkeypatch.setattr("tests.fakes.make_report", lambda *_: frugal)
    release(add_version(db, registry).number)
    why = "The newest 20 requests bring 40.0 % of what v2 goes by (codeQuality in 0"
    done = rehearse_rollback(db, registry, None, timer=lambda: 0.0)  # type: ignore[arg-type]
    assert done.objection.startswith(why)
    with pytest.raises(Refused, match=re.escape(why)):
        back()
    assert _n_rows(db) == 3
    row = back(override=True)
    assert (row.plan.champion, row.override) == (2, True)


@pytest.mark.parametrize("harm", ["altered", "gone", "golden"])
def test_a_rehearsal_finds_what_would_keep_a_rollback_from_working(
    db: Database, registry: FakeRegistry, release: Callable[..., Deployment], harm: str
) -> None:
    for _ in range(2):
        release(add_version(db, registry).number)
    if harm == "altered":
        registry.altered.add("hash-1")
    elif harm == "gone":
        del registry.artifacts["hash-1"]
    else:
        card = make_card()
        wrong = replace(card, golden=(replace(card.golden[0], score=12.0),))
        registry.artifacts["hash-1"] = FakeArtifact(wrong)
    with pytest.raises(Refused, match="v1 was not deployed and what serves was not changed"):
        rehearse_rollback(db, registry, None, timer=lambda: 0.0)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="v1 was not deployed"):
        rollback(db, registry, None, reason="r", by=person("ada"), now=NOON)  # type: ignore[arg-type]
    assert _n_rows(db) == 2


def test_with_one_version_in_history_there_is_nothing_to_rehearse(
    db: Database, registry: FakeRegistry, release: Callable[..., Deployment]
) -> None:
    release(add_version(db, registry).number)
    with pytest.raises(Refused, match="Nothing served before v1"):
        rehearse_rollback(db, registry, None, timer=lambda: 0.0)  # type: ignore[arg-type]


def test_a_clock_that_jumps_back_keeps_the_order_of_the_history(
    db: Database, registry: FakeRegistry, release: Callable[..., Deployment]
) -> None:
    """The revision says what is in force, not the time."""
    for number, hours in ((1, 0), (2, -5)):
        add_version(db, registry)
        release(number, now=NOON + timedelta(hours=hours))
    champion = describe_plan(db, NOON).champion
    assert champion is not None
    assert champion.version == 2
    served = what_served(db, NOON + timedelta(hours=1))
    assert served is not None
    assert served.plan.champion == 2
