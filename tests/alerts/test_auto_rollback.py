"""A fresh release that turns critical is rolled back once, and the incident says so."""

import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from threading import Barrier
from unittest.mock import patch

import numpy as np
import pytest

from core.alerts.auto_rollback import does_better, mend
from core.alerts.incidents import record
from core.alerts.rules import CONFIRM_AFTER, RESOLVE_AFTER, Finding
from core.deployment.release import deploy
from core.domain.deployment import Action, ReleaseEvidence
from core.domain.incident import EventKind
from core.domain.monitoring import Health, HealthReport, Reason
from core.domain.prediction import AnswerSource, Label
from core.domain.trial import ShadowOutcome, ShadowScore
from core.errors import Unavailable
from core.store.engine.database import Database
from core.store.models import deployments, trials
from core.store.monitoring import incidents
from core.store.predictions import predictions
from tests.alerts import seeing
from tests.fakes import FakeArtifact, FakeRegistry, add_version, keep_labels, make_prediction
from tests.people import person
from tests.streams import DAY, HOUR, MINUTE, NOON

BAD = Finding("error_rate", Health.CRITICAL, "40 % of the requests failed.")
SOME_FALLBACK = Finding("fallback", Health.WARNING, "10 % were answered by the heuristic.")


@pytest.fixture
def registry(db: Database) -> FakeRegistry:
    """v1 served for a week before v2 was deployed at noon."""
    fake = FakeRegistry()
    for number, at in ((1, NOON - 7 * DAY), (2, NOON)):
        add_version(db, fake)
        release(db, fake, number, at)
    return fake


def release(db: Database, fake: FakeRegistry, number: int, at: datetime) -> None:
    deploy(db, fake, number, reason="r", by=person("ada"), override=True, now=at)  # type: ignore[arg-type]


def see(db: Database, found: Sequence[Finding], now: datetime) -> None:
    """Let two looks find this, the second at `now`."""
    seeing.see(db, found, now - CONFIRM_AFTER)


def run(
    db: Database, fake: FakeRegistry, now: datetime, found: Sequence[Finding] = (BAD,)
) -> str | None:
    """What comes of the look at `now` that found this, after incidents were told of it."""
    reasons = tuple(Reason(one.cause, one.severity, one.message, "") for one in found)
    report = HealthReport(Health.CRITICAL, reasons, now)
    return mend(db, fake, report, baking=DAY, now=now)  # type: ignore[arg-type]


def champion(db: Database) -> int:
    with db.read() as conn:
        current = deployments.find_current(conn)
    assert current is not None
    return current.plan.champion


def test_a_critical_incident_within_the_baking_time_rolls_back_and_says_so(
    db: Database, registry: FakeRegistry
) -> None:
    see(db, [BAD], NOON + HOUR)
    message = run(db, registry, NOON + HOUR)
    assert message == (
        "Rolled back from v2 to v1 (revision 3), since this began within the baking time of v2."
    )
    assert champion(db) == 1
    with db.read() as conn:
        (incident,) = incidents.load_unresolved(conn)
        row = deployments.find_current(conn)
    assert incident.events[-1].kind is EventKind.MENDED
    assert row is not None
    assert (row.action, row.by) == (Action.ROLLBACK, "plumbline")
    assert "incident 1 within the baking time: 40 % of the requests failed" in row.reason


def test_a_release_is_rolled_back_once(db: Database, registry: FakeRegistry) -> None:
    see(db, [BAD], NOON + HOUR)
    run(db, registry, NOON + HOUR)
    for minute in range(2, 30):
        assert run(db, registry, NOON + HOUR + minute * MINUTE) is None
    slow = Finding("latency", Health.CRITICAL, "slow")
    see(db, [slow], NOON + 2 * HOUR)
    assert run(db, registry, NOON + 2 * HOUR, [slow]) is None
    assert champion(db) == 1


def test_the_same_version_deployed_anew_is_a_release_of_its_own(
    db: Database, registry: FakeRegistry
) -> None:
    see(db, [BAD], NOON + HOUR)
    run(db, registry, NOON + HOUR)
    good = Finding("error_rate", Health.HEALTHY, "well")
    see(db, [good], NOON + 2 * HOUR)
    see(db, [good], NOON + 2 * HOUR + RESOLVE_AFTER)
    release(db, registry, 2, NOON + 3 * HOUR)
    see(db, [BAD], NOON + 4 * HOUR)
    assert run(db, registry, NOON + 4 * HOUR) is not None
    assert champion(db) == 1


@pytest.mark.parametrize(
    ("finding", "opened", "checked"),
    [
        (Finding("error_rate", Health.WARNING, "m"), HOUR, HOUR),
        (Finding("no_traffic", Health.CRITICAL, "m"), HOUR, HOUR),
        (Finding("notifications", Health.CRITICAL, "m"), HOUR, HOUR),
        (BAD, -HOUR, HOUR),
        (BAD, 25 * HOUR, 25 * HOUR),
    ],
    ids=["a warning", "no traffic", "a channel", "older than the release", "after the baking time"],
)
def test_what_the_release_did_not_cause_leaves_it_alone(
    db: Database,
    registry: FakeRegistry,
    finding: Finding,
    opened: timedelta,
    checked: timedelta,
) -> None:
    see(db, [finding], NOON + opened)
    assert run(db, registry, NOON + checked, [finding]) is None
    assert champion(db) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([BAD], [Finding("error_rate", Health.WARNING, "2 % failed.")]),
        ([BAD], [Finding("error_rate", Health.HEALTHY, "well"), SOME_FALLBACK]),
        ([Finding("error_rate", Health.WARNING, "2 % failed.")], [BAD]),
        ([BAD], []),
    ],
    ids=["a warning by then", "well by then", "only now", "unknown by then"],
)
def test_a_check_that_was_not_critical_in_both_looks_rolls_nothing_back(
    db: Database, registry: FakeRegistry, first: list[Finding], second: list[Finding]
) -> None:
    """Of one cause are requests that fail and those that the heuristic answers."""
    record(db, [*first, SOME_FALLBACK], NOON + HOUR)
    record(db, [*second, SOME_FALLBACK], NOON + HOUR + CONFIRM_AFTER)
    assert run(db, registry, NOON + HOUR + CONFIRM_AFTER, second) is None
    assert champion(db) == 2


def test_a_check_that_stays_critical_from_its_second_look_on_rolls_back(
    db: Database, registry: FakeRegistry
) -> None:
    record(db, [SOME_FALLBACK], NOON + HOUR)
    for look in (1, 2):
        record(db, [BAD], NOON + HOUR + look * CONFIRM_AFTER)
    assert run(db, registry, NOON + HOUR + 2 * CONFIRM_AFTER) is not None


def test_an_incident_that_was_a_warning_before_the_release_may_be_its_fault(
    db: Database, registry: FakeRegistry
) -> None:
    see(db, [Finding("error_rate", Health.WARNING, "2 % failed.")], NOON - HOUR)
    record(db, [BAD], NOON + HOUR)
    assert run(db, registry, NOON + HOUR + CONFIRM_AFTER) is not None


def test_a_target_that_does_not_load_leaves_the_release_and_says_why(
    db: Database, registry: FakeRegistry
) -> None:
    registry.artifacts.clear()
    see(db, [BAD], NOON + HOUR)
    message = run(db, registry, NOON + HOUR)
    assert message is not None
    assert message.startswith("v2 could not be rolled back by itself: v1 was not deployed")
    assert champion(db) == 2
    assert run(db, registry, NOON + HOUR + MINUTE) is None


def test_two_workers_at_once_roll_back_once(db: Database, registry: FakeRegistry) -> None:
    """Both read the plan before either changes it: the artifact is checked in between."""
    see(db, [BAD], NOON + HOUR)
    together = Barrier(2, timeout=10)
    verify = FakeArtifact.verify_golden

    def meet(artifact: FakeArtifact) -> None:
        together.wait()
        verify(artifact)

    with (
        patch.object(FakeArtifact, "verify_golden", meet),
        ThreadPoolExecutor(2) as pool,
    ):
        said = list(pool.map(lambda _: run(db, registry, NOON + HOUR), range(2)))
    assert sorted(message is None for message in said) == [False, True]
    with db.read() as conn:
        rows = deployments.load_history(conn)
        (incident,) = incidents.load_unresolved(conn)
    assert [row.action for row in rows] == [Action.DEPLOY, Action.DEPLOY, Action.ROLLBACK]
    assert [event.kind for event in incident.events].count(EventKind.MENDED) == 1


def test_a_release_by_somebody_else_meanwhile_is_left_alone(
    db: Database, registry: FakeRegistry
) -> None:
    add_version(db, registry)
    see(db, [BAD], NOON + HOUR)
    load = registry.load_artifact

    def load_late(artifact_hash: str) -> FakeArtifact:
        registry.load_artifact = load  # type: ignore[method-assign]
        release(db, registry, 3, NOON + HOUR)
        return load(artifact_hash)

    registry.load_artifact = load_late  # type: ignore[method-assign]
    assert run(db, registry, NOON + HOUR) is None
    assert champion(db) == 3
    with db.read() as conn:
        (incident,) = incidents.load_unresolved(conn)
    assert incident.events[-1].kind is EventKind.OPENED


@pytest.mark.parametrize(("late", "serves"), [(timedelta(0), 1), (timedelta(microseconds=1), 2)])
def test_the_baking_time_ends_with_its_last_moment(
    db: Database, registry: FakeRegistry, late: timedelta, serves: int
) -> None:
    see(db, [BAD], NOON + HOUR)
    run(db, registry, NOON + DAY + late)
    assert champion(db) == serves


def test_a_version_that_is_back_for_the_second_time_goes_to_another(
    db: Database, registry: FakeRegistry
) -> None:
    """v2, v1, v2: what served before the last v2 is v1, and never v2 itself."""
    release(db, registry, 1, NOON + HOUR)
    release(db, registry, 2, NOON + 2 * HOUR)
    see(db, [BAD], NOON + 3 * HOUR)
    run(db, registry, NOON + 3 * HOUR)
    assert champion(db) == 1


def test_a_locked_store_is_tried_again_and_not_given_up(
    db: Database, registry: FakeRegistry
) -> None:
    see(db, [BAD], NOON + HOUR)
    with db.engine.connect() as impatient:  # the pool gives this connection again
        impatient.exec_driver_sql("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(str(db.engine.url.database))) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            run(db, registry, NOON + HOUR)
    assert run(db, registry, NOON + HOUR + MINUTE) is not None
    assert champion(db) == 1


def test_the_first_release_has_nothing_to_go_back_to(db: Database) -> None:
    fake = FakeRegistry()
    add_version(db, fake)
    release(db, fake, 1, NOON)
    see(db, [BAD], NOON + HOUR)
    message = "v1 could not be rolled back by itself: nothing served before it."
    assert run(db, fake, NOON + HOUR) == message


def answer_requests(
    db: Database, before: list[float | None], *, version: int = 2, score: float | None = 70.0
) -> None:
    """The champion scores every request alike, 74 was true, and v1 scored as it is said."""
    failed = {} if score is not None else {"source": AnswerSource.FAILED}
    with db.write() as conn:
        for place, other in enumerate(before):
            kept = make_prediction(
                f"p{place}", version=version, revision=2, score=score, at=NOON + MINUTE, **failed
            )
            predictions.append_predictions(conn, [kept])
            outcome = ShadowOutcome.FAILED if other is None else ShadowOutcome.SCORED
            why = "no number" if other is None else None
            trials.append_shadow_scores(conn, [ShadowScore(kept.id, 1, outcome, other, 1.0, why)])
            keep_labels(conn, [Label(kept.id, 74.0, NOON, "ada", NOON + MINUTE)])


@pytest.mark.parametrize(
    ("cause", "before", "serves"),
    [
        ("accuracy", [73.0, 72.0] * 10, 1),
        ("error_growth", [73.0, 72.0] * 10, 1),
        ("accuracy", [70.0] * 20, 2),
        ("accuracy", [60.0, 74.0] * 10, 2),
        ("accuracy", [73.0] * 9, 2),
        ("accuracy", [], 2),
        ("collapsed", [60.0, 80.0], 1),
        ("collapsed", [60.0, 60.0], 2),
        ("collapsed", [], 2),
        ("latency", [], 1),
    ],
    ids=[
        "closer",
        "closer than promised",
        "as wrong",
        "more wrong",
        "too few labels",
        "not asked",
        "different scores",
        "one score too",
        "no scores",
        "slow",
    ],
)
def test_a_release_goes_back_only_to_a_version_that_does_better_on_the_same_requests(
    db: Database, registry: FakeRegistry, cause: str, before: list[float | None], serves: int
) -> None:
    answer_requests(db, before)
    found = [Finding(cause, Health.CRITICAL, "m")]
    see(db, found, NOON + HOUR)
    run(db, registry, NOON + HOUR, found)
    assert champion(db) == serves


@pytest.mark.parametrize(
    ("before", "serves"),
    [([None] * 20, 2), ([None] * 9, 1), ([70.0] * 12 + [None] * 8, 1), ([], 1)],
    ids=["it fails on them alike", "too few to say", "it scores most of them", "not asked"],
)
def test_requests_that_the_version_before_fails_alike_roll_nothing_back(
    db: Database, registry: FakeRegistry, before: list[float | None], serves: int
) -> None:
    answer_requests(db, before, score=None)
    see(db, [BAD], NOON + HOUR)
    run(db, registry, NOON + HOUR)
    assert champion(db) == serves


def test_a_release_waits_for_evidence_and_is_rolled_back_when_it_comes(
    db: Database, registry: FakeRegistry
) -> None:
    found = [Finding("accuracy", Health.CRITICAL, "m")]
    see(db, found, NOON + HOUR)
    assert run(db, registry, NOON + HOUR, found) is None
    answer_requests(db, [73.0, 72.0] * 10)
    assert run(db, registry, NOON + HOUR + MINUTE, found) is not None
    assert champion(db) == 1


def test_requests_of_an_earlier_release_are_no_evidence(
    db: Database, registry: FakeRegistry
) -> None:
    answer_requests(db, [73.0, 72.0] * 10)
    release(db, registry, 1, NOON + HOUR)
    release(db, registry, 2, NOON + 2 * HOUR)
    found = [Finding("accuracy", Health.CRITICAL, "m")]
    see(db, found, NOON + 3 * HOUR)
    assert run(db, registry, NOON + 3 * HOUR, found) is None


def test_versions_that_err_alike_are_rarely_told_apart_however_often_one_looks() -> None:
    """300 labels, looked at after each: at most one release in 20 is rolled back for nothing."""
    n_paths, n = 1_000, 300
    differences = np.random.default_rng(1).normal(0.0, 5.0, (n_paths, n))
    places = np.arange(1, n + 1)
    means = differences.cumsum(axis=1) / places
    squares = (differences**2).cumsum(axis=1) - places * means**2
    deviations = np.sqrt(np.maximum(squares, 0.0) / np.maximum(places - 1, 1))
    wrong = sum(
        any(
            does_better(ReleaseEvidence(k + 1, means[path, k], deviations[path, k]), ["accuracy"])
            for k in range(9, n)
        )
        for path in range(n_paths)
    )
    assert wrong <= 0.05 * n_paths
