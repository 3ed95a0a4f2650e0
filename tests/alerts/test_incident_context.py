"""An incident names what was changed before it, and proposes what fits."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from core.alerts.incident_context import RECENT, Remedy, build_context
from core.alerts.rules import CAUSES
from core.domain.deployment import Action, Deployment, Plan
from core.domain.incident import EventKind, Incident, IncidentEvent, IncidentStatus
from core.domain.monitoring import Health
from core.domain.sample import Collection
from tests.streams import DAY, HOUR, NOON


def incident(cause: str) -> Incident:
    events = (IncidentEvent(1, NOON, EventKind.OPENED, Health.CRITICAL, "m", "plumbline"),)
    return Incident(1, cause, NOON, IncidentStatus.OPEN, Health.CRITICAL, "m", events)


def release(
    revision: int, version: int, at: datetime, action: Action = Action.DEPLOY
) -> Deployment:
    return Deployment(revision, at, "ada", action, "better", Plan(version), False, {})


def collection(at: datetime, n_new: int = 1200) -> Collection:
    return Collection(1, "ratings.csv", at, "ada", at, n_new, n_new, 0, 0, (), {}, None)


OLD = release(1, 1, NOON - 9 * DAY)


def test_a_release_shortly_before_is_named_and_rolled_back() -> None:
    history = [OLD, release(2, 2, NOON - 2 * HOUR)]
    found = build_context(incident("error_growth"), history, [])
    assert found.remedy is Remedy.ROLL_BACK
    assert found.tell() == (
        "2 hours before it began, ada deployed v2 (better).",
        "Next: roll back to v1; it began after the last release.",
    )


def test_rows_that_came_shortly_before_are_named() -> None:
    found = build_context(
        incident("error_growth"), [OLD], [collection(NOON - 30 * timedelta(minutes=1))]
    )
    assert found.before == ("30 minutes before it began, 1,200 rows came from ratings.csv.",)


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [
        ("error_growth", Remedy.RETRAIN),
        ("drift", Remedy.RETRAIN),
        ("collapsed", Remedy.RUN_HEURISTIC),
        ("fallback", Remedy.RUN_HEURISTIC),
        ("error_rate", Remedy.RUN_HEURISTIC),
        ("latency", Remedy.LOOK),
        ("no_traffic", Remedy.LOOK),
        ("disk", Remedy.LOOK),
        ("labels", Remedy.LOOK),
        ("notifications", Remedy.LOOK),
    ],
)
def test_without_a_release_before_the_remedy_fits_the_cause(cause: str, remedy: Remedy) -> None:
    assert build_context(incident(cause), [OLD], []).remedy is remedy


def test_what_lies_further_back_or_came_later_is_not_blamed() -> None:
    history = [OLD, release(2, 2, NOON + HOUR)]
    rows = [collection(NOON + HOUR), collection(NOON - RECENT - HOUR), collection(NOON - HOUR, 0)]
    found = build_context(incident("error_growth"), history, rows)
    assert found.before == ()
    assert found.remedy is Remedy.RETRAIN


def test_a_rollback_is_not_rolled_back() -> None:
    history = [
        OLD,
        release(2, 2, NOON - 3 * HOUR),
        release(3, 1, NOON - 2 * HOUR, Action.ROLLBACK),
    ]
    assert build_context(incident("latency"), history, []).remedy is Remedy.LOOK


def test_the_part_that_carries_the_error_and_the_drifted_inputs_are_named() -> None:
    culprit = "provider = openai carries 71 % of the excess error"
    known = {"drifted": ["length", "tokens"], "culprit": culprit}
    told = build_context(incident("error_growth"), [OLD], [], **known).tell()  # type: ignore[arg-type]
    named = "Where: provider = openai carries 71 % of the excess error."
    assert told[:2] == (named, "Drifted inputs: length, tokens.")
    assert named not in build_context(incident("latency"), [OLD], [], culprit=culprit).tell()


def test_what_else_goes_wrong_from_the_same_cause_is_told_first() -> None:
    events = (
        IncidentEvent(
            1, NOON, EventKind.OPENED, Health.CRITICAL, "one score", "p", check="collapsed"
        ),
        IncidentEvent(
            1, NOON, EventKind.JOINED, Health.WARNING, "MAE is 9.", "p", check="error_growth"
        ),
        IncidentEvent(1, NOON, EventKind.JOINED, Health.WARNING, "moved", "p", check="drift"),
        IncidentEvent(1, NOON, EventKind.EASED, Health.HEALTHY, "back", "p", check="drift"),
    )
    told = build_context(replace(incident("collapsed"), events=events), [OLD], []).tell()
    assert told[0] == "With it, error above its promise: MAE is 9."
    assert not any("drift" in sentence for sentence in told)


def test_every_cause_that_opens_incidents_has_an_advice_of_its_own() -> None:
    told = {cause: build_context(incident(cause), [OLD], []).advice for cause in CAUSES}
    assert [cause for cause, advice in told.items() if advice == "look at the page."] == []


def test_inputs_that_are_unlike_before_in_one_window_ask_the_callers_and_not_for_a_training() -> (
    None
):
    found = build_context(incident("error_growth"), [OLD], [], suspected=["length"])
    assert found.tell()[0] == "Drift of inputs is suspected: length."
    assert found.advice.startswith("ask the callers what changed in these inputs")
    assert not build_context(incident("latency"), [OLD], [], suspected=["length"]).suspected


def test_scores_that_drifted_are_no_input_to_ask_the_callers_about() -> None:
    found = build_context(
        incident("error_growth"), [OLD], [], drifted=["score"], suspected=["score"]
    )
    assert (found.drifted, found.suspected) == ((), ())
    assert not found.advice.startswith("ask the callers")


def test_a_message_about_one_check_tells_the_cause_and_not_itself_again() -> None:
    level = IncidentEvent(1, NOON, EventKind.OPENED, Health.CRITICAL, "73 %", "p", check="accuracy")
    promise = IncidentEvent(
        1, NOON, EventKind.JOINED, Health.WARNING, "1.3 times", "p", check="error_growth"
    )
    both = replace(incident("error_growth"), events=(level, promise), message="1.3 times")
    evidence = {
        told: build_context(both, [OLD], [], told=told).evidence for told in (None, level, promise)
    }
    assert evidence == {
        None: ("With it, accuracy below its threshold: 73 %",),
        level: ("With it, error above its promise: 1.3 times",),
        promise: ("With it, accuracy below its threshold: 73 %",),
    }


def test_the_culprit_is_named_once_though_its_figures_move() -> None:
    culprit = (
        "provider = openai carries 71 % of the excess error (n = 40, MAE 9 against 3 elsewhere)"
    )
    said = replace(incident("error_growth"), message=f"MAE 5. {culprit.replace('40', '38')}.")
    assert build_context(said, [OLD], [], culprit=culprit).where is None
