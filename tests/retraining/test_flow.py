"""The retraining check keeps what changed and asks for one training at a time."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from core.data.context import CollectContext
from core.data.sources.feedback import collect_feedback
from core.domain.deployment import RetrainingDecision
from core.domain.job import Job, JobStatus
from core.domain.monitoring import DriftCheck, DriftReport, Health, HealthReport, Subject
from core.domain.prediction import AnswerSource
from core.domain.sample import Provenance, Sample
from core.errors import Conflict
from core.retraining.flow import (
    check_retraining,
    describe_retraining,
    judge_retraining,
    start_retraining,
)
from core.retraining.policy import Policy
from core.store.data import samples
from core.store.engine.database import Database
from core.store.jobs import jobs
from core.store.models import deployments, versions
from core.store.monitoring import drift
from tests.fakes import AN_HOUR_BEFORE, FakeRegistry, add_version, make_prediction, make_report
from tests.people import person
from tests.streams import DAY, HOUR, NOON, SCALE, add_labels, add_predictions, deploy

POLICY = Policy(mode="auto", every=timedelta(days=7), new_rows=100, recipe="advanced", per_week=100)
HEALTHY = HealthReport(Health.HEALTHY, (), NOON)


def check(db: Database, now: datetime = NOON, mode: str = "auto") -> RetrainingDecision:
    return check_retraining(db, replace(POLICY, mode=mode), HEALTHY, seed=7, now=now)


def load_decisions(db: Database) -> list[RetrainingDecision]:
    with db.read() as conn:
        return deployments.load_decisions(conn, 100)


def load_jobs(db: Database) -> list[Job]:
    with db.read() as conn:
        return jobs.load_jobs(conn, 100, ["train"])


def finish(db: Database, job_id: int, status: JobStatus, now: datetime) -> None:
    with db.write() as conn:
        jobs.save_outcome(conn, job_id, status, result=None, error=None, now=now)


def add_samples(
    db: Database,
    n: int,
    now: datetime = NOON - 10 * timedelta(minutes=1),
    provenance: Provenance = Provenance.REAL,
    first: int = 0,
) -> None:
    rows = [Sample("file:x.csv", provenance, {"x": float(first + i)}, 50.0, now) for i in range(n)]
    with db.write() as conn:
        collection = samples.start_collection(conn, "file:x.csv", {}, "ada", now)
        samples.append_samples(conn, collection, rows)
        samples.finish_collection(
            conn,
            collection,
            n_received=n,
            n_new=n,
            n_duplicate=0,
            rejected=[],
            n_rejected=0,
            now=now,
        )


@pytest.fixture
def serving(db: Database) -> Database:
    """v1 serves, trained an hour before noon."""
    add_version(db, FakeRegistry())
    deploy(db, 1, AN_HOUR_BEFORE)
    return db


LATER = NOON + DAY  # after the cool-down


def test_without_a_deployment_the_check_says_so_once(db: Database) -> None:
    for hour in range(3):
        check(db, NOON + hour * HOUR)
    (decision,) = load_decisions(db)
    assert (decision.retrain, decision.signals) == (False, ("nothing_deployed",))


def test_new_rows_ask_for_one_training_and_no_second_while_it_lasts(serving: Database) -> None:
    add_samples(serving, 100)
    decision = check(serving, LATER)
    (job,) = load_jobs(serving)
    assert decision.retrain
    assert decision.job_id == job.id
    assert job.args == {
        "recipe": "advanced",
        "seed": 7,
        "overrides": None,
        "leave_out": [],
        "acknowledged": [],
        "purpose": "score",
        "holdout": "recent",
        "deploy": True,
    }
    assert job.requested_by == "plumbline"
    assert job.reason == (
        "100 labelled rows are newer than the last training (100 collected, 0 labelled "
        "predictions); it is due from 100 on."
    )
    for hour in range(1, 20):
        assert not check(serving, LATER + hour * HOUR).retrain
    assert len(load_jobs(serving)) == 1
    assert [d.signals for d in load_decisions(serving)] == [
        ("running", "new_rows"),
        ("new_rows",),
    ]


def test_a_failed_training_is_tried_again_only_after_the_cool_down(serving: Database) -> None:
    add_samples(serving, 100)
    check(serving, LATER)
    finish(serving, 1, JobStatus.FAILED, LATER + HOUR)
    assert not check(serving, LATER + 6 * HOUR).retrain
    assert check(serving, LATER + 7 * HOUR).job_id == 2


def test_after_a_training_its_rows_are_no_longer_new(serving: Database) -> None:
    add_samples(serving, 100)
    check(serving, LATER)
    finish(serving, 1, JobStatus.DONE, LATER + HOUR)
    with serving.write() as conn:
        versions.append_version(
            conn,
            snapshot_id=1,
            artifact_hash="two",
            report=make_report(passed=False),
            by="plumbline",
            now=LATER + HOUR,
        )
    decision = check(serving, LATER + 2 * DAY)  # whether the gate let it through or not
    assert not decision.retrain
    assert decision.signals == ("no_new_rows",)


def test_proposing_decides_and_asks_for_nothing(serving: Database) -> None:
    add_samples(serving, 100)
    decision = check(serving, LATER, mode="propose")
    assert decision.retrain
    assert decision.job_id is None
    check(serving, LATER + HOUR, mode="propose")
    assert load_jobs(serving) == []
    assert len(load_decisions(serving)) == 1


def test_off_keeps_the_signals_in_view(serving: Database) -> None:
    add_samples(serving, 100)
    decision = check(serving, LATER, mode="off")
    assert not decision.retrain
    assert decision.signals == ("off", "new_rows")


def test_describing_writes_nothing(serving: Database) -> None:
    add_samples(serving, 100)
    assert describe_retraining(serving, POLICY, HEALTHY, now=LATER).retrain
    assert load_jobs(serving) == []
    assert load_decisions(serving) == []


def test_two_checks_at_once_ask_for_one_training(serving: Database) -> None:
    add_samples(serving, 100)
    threads = [threading.Thread(target=check, args=(serving, LATER)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(load_jobs(serving)) == 1
    assert sum(decision.job_id is not None for decision in load_decisions(serving)) == 1


def test_a_person_starts_a_training_whatever_the_signals_say(serving: Database) -> None:
    decision = start_retraining(
        serving, POLICY, seed=3, by=person("ada"), reason="new idea", now=NOON
    )
    (job,) = load_jobs(serving)
    assert (decision.job_id, decision.by, decision.reasons) == (job.id, "ada", ("new idea",))
    assert (job.requested_by, job.reason, job.args["seed"]) == ("ada", "new idea", 3)
    with pytest.raises(Conflict, match="Job 1 is training or waits to"):
        start_retraining(serving, POLICY, seed=3, by=person("bob"), reason="me too", now=NOON)


def test_labelled_predictions_count_once_and_only_when_they_are_known(serving: Database) -> None:
    add_predictions(
        serving,
        [
            make_prediction("a", at=NOON),
            make_prediction("b", at=NOON, source=AnswerSource.HEURISTIC),
            make_prediction("unlabelled", at=NOON),
        ],
    )
    add_labels(serving, [("a", 1.0), ("a", 2.0), ("b", 0.0), ("nobody", 1.0)])
    reasons = describe_retraining(serving, POLICY, HEALTHY, now=LATER).reasons
    assert any("(0 collected, 2 labelled predictions)" in reason for reason in reasons)


def test_rows_collected_before_the_training_began_are_not_new(serving: Database) -> None:
    add_samples(serving, 500, AN_HOUR_BEFORE - HOUR)
    add_samples(serving, 7, first=500)
    reasons = describe_retraining(serving, POLICY, HEALTHY, now=LATER).reasons
    assert any("(7 collected, 0 labelled predictions)" in reason for reason in reasons)


def test_generated_rows_do_not_count_beside_a_model_of_real_ones(serving: Database) -> None:
    add_samples(serving, 500, provenance=Provenance.SYNTHETIC)
    assert describe_retraining(serving, POLICY, HEALTHY, now=LATER).signals == ("no_new_rows",)
    with serving.read() as conn:
        n_new = deployments.count_new_samples(conn, AN_HOUR_BEFORE, list(Provenance))
    assert n_new == {Provenance.REAL: 0, Provenance.FEEDBACK: 0, Provenance.SYNTHETIC: 500}


def test_a_labelled_prediction_that_became_a_sample_counts_once(serving: Database) -> None:
    add_predictions(serving, [make_prediction(name) for name in "abc"])
    add_labels(serving, [("a", 1.0), ("b", 2.0)])
    collect(serving, NOON + HOUR)
    add_labels(serving, [("b", 3.0), ("c", 0.0)], NOON + 2 * HOUR)
    reasons = describe_retraining(serving, POLICY, HEALTHY, now=LATER).reasons
    assert any("(0 collected, 4 labelled predictions)" in reason for reason in reasons)
    collect(serving, NOON + 3 * HOUR)
    reasons = describe_retraining(serving, POLICY, HEALTHY, now=LATER).reasons
    assert any("(0 collected, 3 labelled predictions)" in reason for reason in reasons)


def collect(db: Database, now: datetime) -> None:
    collect_feedback(CollectContext(db, SCALE, "ada", lambda: now, lambda *_: None))


def test_a_spent_budget_keeps_what_is_due_from_starting(serving: Database) -> None:
    add_samples(serving, 150)
    policy = replace(POLICY, per_week=1)
    first = check_retraining(serving, policy, HEALTHY, seed=7, now=LATER)
    assert first.job_id is not None
    finish(serving, first.job_id, JobStatus.DONE, LATER)
    with serving.write() as conn:
        versions.append_version(
            conn,
            snapshot_id=1,
            artifact_hash="two",
            report=replace(make_report(passed=False), gate_alpha=0.001),
            by="plumbline",
            now=LATER,
        )
    add_samples(serving, 150, LATER + HOUR, first=500)
    again = check_retraining(serving, policy, HEALTHY, seed=7, now=LATER + DAY)
    assert (again.retrain, again.signals) == (False, ("budget", "new_rows"))
    assert "The budget of 1 in 7 days" in again.reasons[0]


def test_a_training_that_was_killed_spends_no_budget_and_is_tried_again_after_growing_pauses(
    serving: Database,
) -> None:
    add_samples(serving, 150)
    policy, at, pauses = replace(POLICY, per_week=1), LATER, []
    for number in range(1, 6):
        decision = check_retraining(serving, policy, HEALTHY, seed=7, now=at)
        assert decision.job_id == number
        finish(serving, number, JobStatus.LOST, at)
        ended_at = at
        while not describe_retraining(serving, policy, HEALTHY, now=at).retrain:
            at += HOUR / 4
        pauses.append((at - ended_at) / HOUR)
        is_said = judge_retraining(serving).severity is Health.WARNING
        assert is_said is (number >= 3)
    assert pauses == [0.25, 0.5, 1, 2, 4]


def test_the_drift_of_a_window_after_the_training_is_a_reason_and_of_one_before_is_none(
    serving: Database,
) -> None:
    drifted = DriftCheck("x", True, Subject.VALUES, 0.6, 0.1, 0.1, 0.001, True, True, 0.4, 1.25)
    for start_at, due in ((NOON - 2 * DAY, False), (NOON + HOUR, True)):
        report = DriftReport(
            1, start_at + HOUR, start_at, start_at + HOUR, 500, 500, (drifted,), 1, 4.0
        )
        with serving.write() as conn:
            drift.append_report(conn, report)
        add_samples(serving, 1, LATER, first=int(due))
        found = describe_retraining(
            serving, replace(POLICY, mode="propose"), HEALTHY, now=LATER + HOUR
        )
        assert ("drift" in found.signals) == due
