"""What may serve next: decided from values alone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.deployment.plan import (
    build_evidence,
    check_deploy,
    check_reason,
    check_revision,
    check_rollback,
    choose_rollback,
    summarize_plan,
)
from core.domain.deployment import Action, Deployment, Plan, serving_stack
from core.domain.training_report import Gate
from core.domain.version import Version
from core.errors import Conflict, InvalidInput, Refused
from tests.fakes import make_report

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PASSED = Gate(True, ())
REFUSED = Gate(False, ("MAE 9.1 is no better than the median's 9.0", "holdout of 12 rows."))


def _row(
    revision: int, champion: int, action: Action = Action.DEPLOY, **plan: object
) -> Deployment:
    return Deployment(
        revision=revision,
        at=NOON + timedelta(minutes=revision),
        by="ada",
        action=action,
        reason=f"reason {revision}",
        plan=Plan(champion=champion, **plan),  # type: ignore[arg-type]
        override=False,
        evidence={},
    )


def _history(*steps: int | tuple[str, int]) -> list[Deployment]:
    """Rows of a deployment each, or of a rollback where the step is ("back", version)."""
    rows = []
    for revision, step in enumerate(steps, start=1):
        if isinstance(step, tuple):
            rows.append(_row(revision, step[1], Action.ROLLBACK))
        else:
            rows.append(_row(revision, step))
    return rows


def test_rollback_goes_to_the_version_before() -> None:
    assert choose_rollback(_history(1, 2, 3)) == 2


def test_two_rollbacks_from_v3_lead_to_v1() -> None:
    assert choose_rollback(_history(1, 2, 3, ("back", 2))) == 1


def test_after_rolling_back_to_the_first_version_there_is_none() -> None:
    assert choose_rollback(_history(1, 2, 3, ("back", 2), ("back", 1))) is None


def test_a_deployment_after_a_rollback_goes_back_to_what_it_replaced() -> None:
    assert choose_rollback(_history(1, 2, 3, ("back", 2), 4)) == 2


def test_a_rollback_to_a_named_version_forgets_everything_above_it() -> None:
    history = _history(1, 2, 3, ("back", 1))
    assert serving_stack(history) == (1,)
    assert choose_rollback(history) is None


def test_a_version_deployed_twice_is_on_the_stack_twice() -> None:
    history = _history(1, 2, 1)
    assert choose_rollback(history) == 2
    assert choose_rollback([*history, _row(4, 2, Action.ROLLBACK)]) == 1


def test_a_rollback_during_a_trial_leads_to_its_champion() -> None:
    history = [*_history(1, 2), _row(3, 2, Action.START_TRIAL, challenger=3, traffic=0.1)]
    history.append(_row(4, 2, Action.RAMP, challenger=3, traffic=0.2))
    assert choose_rollback(history) == 2
    assert choose_rollback([*history, _row(5, 2, Action.ROLLBACK)]) == 1


@pytest.mark.parametrize(
    ("action", "champion", "target"),
    [(Action.PROMOTE, 3, 2), (Action.STOP_TRIAL, 2, 1), (Action.DEPLOY, 4, 2)],
)
def test_after_a_trial_a_rollback_leads_to_what_served_before(
    action: Action, champion: int, target: int
) -> None:
    history = [*_history(1, 2), _row(3, 2, Action.START_TRIAL, challenger=3, traffic=0.1)]
    assert choose_rollback([*history, _row(4, champion, action)]) == target


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(0, 20))
def test_every_rollback_restores_the_stack_of_before_its_deployment(
    numbers: list[int], n_rollbacks: int
) -> None:
    history, kept = _history(*numbers), list(numbers)
    for _ in range(n_rollbacks):
        target = choose_rollback(history)
        assert target == (kept[-2] if len(kept) > 1 else None)
        if target is None:
            break
        kept.pop()
        history.append(_row(len(history) + 1, target, Action.ROLLBACK))
        assert serving_stack(history) == tuple(kept)


def test_rolling_back_an_empty_history_is_refused() -> None:
    with pytest.raises(Refused, match="Nothing was ever deployed"):
        check_rollback([], None)


def test_rolling_back_the_first_version_is_refused_and_says_what_else_there_is() -> None:
    with pytest.raises(Refused, match=r"Nothing served before v1.*`heuristic`"):
        check_rollback(_history(1), None)


def test_an_unnamed_rollback_goes_one_back_and_a_named_one_further() -> None:
    history = _history(1, 2, 3)
    assert check_rollback(history, None) == 2
    assert check_rollback(history, 1) == 1


@pytest.mark.parametrize("number", [3, 4, 0])
def test_a_named_rollback_to_a_version_that_did_not_serve_before_is_refused(number: int) -> None:
    with pytest.raises(Refused, match=r"not among the versions to go back to from v3: v2, v1\."):
        check_rollback(_history(1, 2, 3), number)


def test_a_version_that_was_rolled_back_is_not_gone_back_to() -> None:
    with pytest.raises(Refused, match="Deploy it instead"):
        check_rollback(_history(1, 2, 3, ("back", 2)), 3)


def test_the_heuristic_can_be_gone_back_to() -> None:
    assert choose_rollback(_history(0, 1)) == 0


def test_deploying_what_serves_is_refused() -> None:
    with pytest.raises(Refused, match=r"v2 serves already \(revision 1\)"):
        check_deploy(2, PASSED, _row(1, 2), override=False)


def test_deploying_a_side_of_a_trial_is_refused_with_what_to_do() -> None:
    current = _row(1, 2, Action.START_TRIAL, challenger=3, traffic=0.1)
    with pytest.raises(Refused, match="Stop the trial beside it instead"):
        check_deploy(2, PASSED, current, override=False)
    with pytest.raises(Refused, match=r"v3 is on trial as .*: promote it, or stop"):
        check_deploy(3, PASSED, current, override=True)


def test_deploying_another_version_during_a_trial_is_possible() -> None:
    current = _row(1, 2, Action.START_TRIAL, challenger=3, traffic=0.1)
    assert check_deploy(4, PASSED, current, override=False) is False


def test_a_version_that_the_gate_refused_is_refused_with_the_reasons() -> None:
    with pytest.raises(Refused) as caught:
        check_deploy(4, REFUSED, _row(1, 2), override=False)
    assert str(caught.value) == (
        "The gate refused v4: MAE 9.1 is no better than the median's 9.0; holdout of 12 rows. "
        "Deploy another version, or override the gate with a reason."
    )


def test_an_override_lets_a_refused_version_through_and_is_recorded() -> None:
    assert check_deploy(4, REFUSED, None, override=True) is True


def test_an_override_that_was_not_needed_is_not_recorded() -> None:
    assert check_deploy(4, PASSED, None, override=True) is False
    assert check_deploy(0, None, None, override=True) is False


def test_a_plan_that_did_not_move_raises_nothing() -> None:
    check_revision(None, 0)
    check_revision(_row(5, 1), 5)


def test_a_plan_that_moved_names_who_did_what_when_and_why() -> None:
    with pytest.raises(Conflict) as caught:
        check_revision(_row(10, 4), 9)
    assert str(caught.value).startswith(
        "ada deployed v4 at 12:10 UTC (reason: reason 10) while you were looking; nothing was "
        "changed."
    )


@pytest.mark.parametrize(
    ("action", "did"),
    [
        (Action.START_TRIAL, "put v3 on trial"),
        (Action.RAMP, "gave v3 20 % of the answers"),
        (Action.PROMOTE, "promoted v2"),
        (Action.STOP_TRIAL, "stopped the trial beside v2"),
    ],
)
def test_a_trial_that_moved_meanwhile_says_what_was_done(action: Action, did: str) -> None:
    with pytest.raises(Conflict, match=did):
        check_revision(_row(10, 2, action, challenger=3, traffic=0.2), 9)


def test_a_plan_that_was_rolled_back_meanwhile_says_so() -> None:
    with pytest.raises(Conflict, match="ada rolled back to v1 at"):
        check_revision(_row(10, 1, Action.ROLLBACK), 9)


def test_a_revision_of_another_store_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="nothing was changed"):
        check_revision(None, 3)


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_change_without_a_reason_is_invalid(reason: str) -> None:
    with pytest.raises(InvalidInput, match="needs a reason"):
        check_reason(reason)


def test_the_champion_serves_since_the_row_that_put_it_there() -> None:
    history = [*_history(1, 2), _row(3, 2, Action.START_TRIAL, challenger=3, traffic=0.1)]
    summary = summarize_plan(history)
    assert summary.revision == 3
    assert summary.champion is not None
    assert summary.champion.version == 2
    assert summary.champion.since == NOON + timedelta(minutes=2)
    assert summary.champion.reason == "reason 2"
    assert summary.challenger is None


def test_a_champion_that_came_back_serves_since_it_came_back() -> None:
    summary = summarize_plan(_history(1, 2, ("back", 1)))
    assert summary.champion is not None
    assert summary.champion.since == NOON + timedelta(minutes=3)


def test_evidence_holds_the_figures_and_the_gate() -> None:
    version = Version(4, 1, "run", "hash", make_report(False, ("too few rows",)), NOON, "ada")
    evidence = build_evidence(version)
    assert evidence["artifact_hash"] == "hash"
    assert evidence["gate_passed"] is False
    assert evidence["gate_reasons"] == ["too few rows"]
    assert evidence["mae"] == {"value": 4.0, "low": 3.5, "high": 4.5}
