"""A fresh release that turns critical is rolled back once, and the incident says so."""

import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier
from unittest.mock import patch

import numpy as np
import pytest

from core.alerts.auto_rollback import mend
from core.alerts.incidents import record
from core.alerts.rollback_rules import Preference, judge_evidence
from core.alerts.rules import CONFIRM_AFTER, RESOLVE_AFTER, Finding
from core.deployment.release import deploy
from core.domain.deployment import Action, ReleaseEvidence
from core.domain.incident import EventKind
from core.domain.monitoring import Health, HealthReport, Reason, Unanswered
from core.domain.prediction import AnswerSource, Label
from core.domain.sample import Features, FeatureValue
from core.domain.trial import ShadowOutcome, ShadowScore
from core.errors import Unavailable
from core.monitoring.measure.rollup_updates import measure
from core.settings import Thresholds
from core.store.engine.database import Database
from core.store.models import deployments, trials
from core.store.monitoring import incidents
from core.store.predictions import predictions
from core.store.predictions.unanswered import add_unanswered
from tests.alerts import seeing
from tests.fakes import (
    FakeArtifact,
    FakeRegistry,
    add_version,
    keep_labels,
    make_card,
    make_prediction,
)
from tests.people import person
from tests.streams import DAY, HOUR, MINUTE, NOON, SCALE, TOLERANCE

BAD = Finding("error_rate", Health.CRITICAL, "40 % of the requests failed.")
SOME_FALLBACK = Finding("fallback", Health.WARNING, "10 % were answered by the heuristic.")


@pytest.fixture
def registry(db: Database) -> FakeRegistry:
    """v1 served for a week before v2 was deployed at noon, which scores nothing."""
    fake = serve_two(db, fail_always())
    ask_requests(db, source=AnswerSource.FAILED)
    return fake


def fail_always() -> FakeArtifact:
    """A version that loads, and scores nothing that callers send."""
    return FakeArtifact(replace(make_card(), golden=()), error=ValueError("no number"))


def serve_two(db: Database, second: FakeArtifact) -> FakeRegistry:
    """v1 served for a week before v2, `second`, was deployed at noon."""
    fake = FakeRegistry()
    for number, artifact, at in ((1, FakeArtifact(), NOON - 7 * DAY), (2, second, NOON)):
        add_version(db, fake, artifact=artifact)
        release(db, fake, number, at)
    return fake


def ask_requests(
    db: Database,
    n: int = 60,
    *,
    at: datetime = NOON + 2 * MINUTE,
    version: int = 2,
    revision: int = 2,
    **changes: object,
) -> list[str]:
    """Log so many different requests and measure them; their ids."""
    unscored = {} if changes.get("source") in (None, AnswerSource.MODEL) else {"score": None}
    rows = [
        make_prediction(
            f"{revision} {at:%H%M} {place}",
            **{
                "version": version,
                "revision": revision,
                "at": at,
                "features": {"codeQuality": 20.0 + place, "testCoverage": 60.0},
                **unscored,
                **changes,
            },
        )
        for place in range(n)
    ]
    with db.write() as conn:
        predictions.append_predictions(conn, rows)
    measure(db, at + MINUTE, scale=SCALE, tolerance=TOLERANCE)
    return [row.id for row in rows]


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
    return mend(db, fake, report, Thresholds(), scale=SCALE, baking=DAY, now=now)  # type: ignore[arg-type]


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
    ask_requests(db, at=NOON + 3 * HOUR + MINUTE, revision=4, source=AnswerSource.FAILED)
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
    assert (
        message
        == "v2 was not rolled back: v1 cannot score 60 of the newest 60 requests that failed."
    )
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
    late = NOON + 2 * HOUR + MINUTE
    ask_requests(db, 1_000, at=NOON + HOUR + MINUTE, version=1, revision=3)
    ask_requests(db, at=late, revision=4, source=AnswerSource.FAILED)
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


def label_requests(db: Database, ids: Sequence[str], before: Sequence[float]) -> None:
    """74 was true of each of v2's answers, and v1 would have answered this."""
    with db.write() as conn:
        for prediction_id, other in zip(ids, before, strict=False):
            scored = ShadowScore(prediction_id, 1, ShadowOutcome.SCORED, other, 1.0, None)
            trials.append_shadow_scores(conn, [scored])
            keep_labels(conn, [Label(prediction_id, 74.0, NOON, "ada", NOON + MINUTE)])


@pytest.mark.parametrize(
    ("cause", "before", "serves"),
    [
        ("accuracy", [73.0, 72.0] * 10, 1),
        ("error_growth", [73.0, 72.0] * 10, 1),
        ("accuracy", [70.0] * 20, 2),
        ("accuracy", [60.0, 74.0] * 10, 2),
        ("accuracy", [73.0] * 9, 2),
        ("accuracy", [], 2),
    ],
    ids=["closer", "closer than promised", "as wrong", "more wrong", "too few", "not asked"],
)
def test_an_error_goes_back_only_to_a_version_that_errs_less_on_the_same_requests(
    db: Database, cause: str, before: list[float], serves: int
) -> None:
    fake = serve_two(db, FakeArtifact())
    label_requests(db, ask_requests(db, score=70.0), before)
    found = [Finding(cause, Health.CRITICAL, "m")]
    see(db, found, NOON + HOUR)
    run(db, fake, NOON + HOUR, found)
    assert champion(db) == serves


class OneScore(FakeArtifact):
    """Gives everything the same score."""

    def _score(self, row: Mapping[str, FeatureValue]) -> float:
        return 70.0


@pytest.mark.parametrize(
    ("second", "features", "serves"),
    [
        (OneScore(), {}, 1),
        (FakeArtifact(), {"features": {"codeQuality": 80.0, "testCoverage": 60.0}}, 2),
        (OneScore(), {"features": {"testCoverage": 60.0}}, 2),
    ],
    ids=["its own making", "what callers send", "too few different ones"],
)
def test_collapsed_scores_go_back_only_to_a_version_that_tells_the_requests_apart(
    db: Database, second: FakeArtifact, features: dict[str, object], serves: int
) -> None:
    fake = serve_two(db, second)
    ask_requests(db, 100, **features)
    found = [Finding("collapsed", Health.CRITICAL, "m")]
    see(db, found, NOON + HOUR)
    run(db, fake, NOON + HOUR, found)
    assert champion(db) == serves


class Slow(FakeArtifact):
    """Takes 0.3 s on the clock of the tests."""

    def _score(self, row: Mapping[str, FeatureValue]) -> float:
        TICKS[0] += 0.3
        return FakeArtifact._score(self, row)


TICKS = [0.0]


@pytest.mark.parametrize(
    ("second", "serves"), [(Slow(), 1), (FakeArtifact(), 2)], ids=["the model", "the machine"]
)
def test_slow_answers_go_back_only_where_the_model_is_what_is_slow(
    db: Database, second: FakeArtifact, serves: int
) -> None:
    fake = serve_two(db, second)
    ask_requests(db, latency_ms=320.0)
    slow = [Finding("latency", Health.CRITICAL, "m")]
    see(db, slow, NOON + HOUR)
    report = HealthReport(Health.CRITICAL, (Reason("latency", Health.CRITICAL, "m", ""),), NOON)
    message = mend(
        db,
        fake,  # type: ignore[arg-type]
        report,
        Thresholds(),
        scale=SCALE,
        baking=DAY,
        now=NOON + HOUR,
        timer=lambda: TICKS[0],
    )
    assert champion(db) == serves
    assert message is not None
    assert ("v2 was not rolled back: scoring takes 0.0000 ms of the 322 ms" in message) == (
        serves == 2
    )


@pytest.mark.parametrize(
    ("n", "features", "serves", "said"),
    [
        (60, {"codeQuality": 80.0}, 1, "Rolled back"),
        (60, {"wind": 3.0}, 2, "v1 cannot score 60 of the newest 60 requests that failed."),
        (60, {}, 2, "v1 cannot score 60 of the newest 60 requests that failed."),
        (60, {"codeQuality": "high"}, 2, "v1 cannot score 60 of the newest 60"),
    ],
    ids=["of the model's making", "features of another", "nothing", "no number"],
)
def test_requests_that_the_version_before_fails_alike_roll_nothing_back_and_say_so(
    db: Database, n: int, features: Features, serves: int, said: str
) -> None:
    fake = serve_two(db, fail_always())
    ask_requests(db, n, source=AnswerSource.FAILED, features=features)
    see(db, [BAD], NOON + HOUR)
    message = run(db, fake, NOON + HOUR)
    assert said in (message or "")
    assert champion(db) == serves
    with db.read() as conn:
        (incident,) = incidents.load_unresolved(conn)
    expected = EventKind.MENDED if serves == 1 else EventKind.KEPT
    assert (incident.events[-1].kind, incident.events[-1].message) == (expected, message)


def test_a_release_that_reads_what_nobody_sends_is_rolled_back(db: Database) -> None:
    """Its callers were refused, and the version before can score what they sent."""
    needy = FakeArtifact(replace(make_card(), features=("wind",), golden=()))
    fake = serve_two(db, needy)
    ask_requests(db, source=AnswerSource.REFUSED)
    found = [Finding("fallback", Health.CRITICAL, "m")]
    see(db, found, NOON + HOUR)
    assert "Rolled back" in (run(db, fake, NOON + HOUR, found) or "")


@pytest.mark.parametrize(("n_lost", "serves"), [(0, 1), (300, 1), (3_000, 2)])
def test_of_very_many_failures_most_have_to_be_of_the_models_making(
    db: Database, n_lost: int, serves: int
) -> None:
    """The newest 400 of a thousand are replayed, and stand for all of them."""
    fake = serve_two(db, fail_always())
    ask_requests(db, 1_000, source=AnswerSource.FAILED)
    lost = Unanswered(NOON + 2 * MINUTE, "single", AnswerSource.FAILED, "store", "", n_lost)
    with db.write() as conn:
        add_unanswered(conn, [lost])
    see(db, [BAD], NOON + HOUR)
    run(db, fake, NOON + HOUR)
    assert champion(db) == serves


def test_a_log_that_could_not_be_written_rolls_nothing_back(db: Database) -> None:
    fake = serve_two(db, FakeArtifact())
    ask_requests(db)
    lost = Unanswered(NOON + MINUTE, "single", AnswerSource.FAILED, "store", "", 2_000)
    with db.write() as conn:
        add_unanswered(conn, [lost])
    see(db, [BAD], NOON + HOUR)
    message = run(db, fake, NOON + HOUR)
    assert "2,000 requests failed for a reason that no version has" in (message or "")
    assert champion(db) == 2


def test_what_failed_before_the_release_already_rolls_nothing_back(db: Database) -> None:
    fake = serve_two(db, fail_always())
    failed = AnswerSource.FAILED
    ask_requests(db, 100, at=NOON - 30 * MINUTE, version=1, revision=1, source=failed)
    ask_requests(db, source=failed)
    see(db, [BAD], NOON + HOUR)
    message = run(db, fake, NOON + HOUR)
    assert message == "v2 was not rolled back: it was critical before the release already."


def test_that_a_release_stays_is_said_again_after_as_long_as_it_had_lasted(db: Database) -> None:
    fake = serve_two(db, FakeArtifact())
    ask_requests(db, source=AnswerSource.FAILED, features={})
    see(db, [BAD], NOON + HOUR)
    looks = [NOON + HOUR + n * 15 * MINUTE for n in range(13)]
    said = [at for at in looks if run(db, fake, at) is not None]
    assert said == [NOON + HOUR, NOON + 2 * HOUR, NOON + 4 * HOUR]


def test_the_heuristic_that_a_person_deployed_stays(db: Database) -> None:
    fake = FakeRegistry()
    add_version(db, fake)
    release(db, fake, 1, NOON - DAY)
    release(db, fake, 0, NOON)
    ask_requests(db, version=0, source=AnswerSource.HEURISTIC)
    found = [Finding("fallback", Health.CRITICAL, "100 % by the heuristic")]
    see(db, found, NOON + HOUR)
    assert run(db, fake, NOON + HOUR, found) is None
    assert champion(db) == 0


def test_a_release_waits_for_evidence_and_is_rolled_back_when_it_comes(
    db: Database, registry: FakeRegistry
) -> None:
    found = [Finding("accuracy", Health.CRITICAL, "m")]
    see(db, found, NOON + HOUR)
    assert run(db, registry, NOON + HOUR, found) is None
    ids = ask_requests(db, 20, at=NOON + 3 * MINUTE, score=70.0)
    label_requests(db, ids, [73.0, 72.0] * 10)
    assert run(db, registry, NOON + HOUR + MINUTE, found) is not None
    assert champion(db) == 1


def test_requests_of_an_earlier_release_are_no_evidence(
    db: Database, registry: FakeRegistry
) -> None:
    label_requests(db, ask_requests(db, 20, at=NOON + 3 * MINUTE, score=70.0), [73.0, 72.0] * 10)
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
            judge_evidence(
                ReleaseEvidence(n_pairs=k + 1, gain=means[path, k], deviation=deviations[path, k]),
                ["accuracy"],
                1,
            ).answer
            is Preference.BETTER
            for k in range(9, n)
        )
        for path in range(n_paths)
    )
    assert wrong <= 0.05 * n_paths
