"""The retraining policy: decides whether to train again now, with its reasons; pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core import text
from core.clock import has_passed, pause_after
from core.domain.job import Job, JobStatus
from core.domain.monitoring import DriftCheck, Health, HealthReport
from core.domain.version import HEURISTIC, version_name
from core.settings import Settings

BUDGET_SPAN = timedelta(days=7)
"""The span in which comparisons with the champion count against the budget."""

_SHOWN = 3
_DIED_PAUSE, _MOST_PAUSE = timedelta(minutes=15), timedelta(days=1)

CURABLE = ("error_growth", "accuracy", "collapsed")
"""The critical checks that a better model can cure; slow and failing requests are not among
them."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The conditions of a retraining, and its recipe."""

    mode: str  # "off", "propose" or "auto"
    every: timedelta
    new_rows: int
    recipe: str
    cool_down: timedelta = timedelta(hours=6)  # after any training, however it ended
    per_week: int = 1  # comparisons with the champion in seven days, whoever asked for them


@dataclass(frozen=True, slots=True)
class RetrainingInputs:
    """The inputs of the decision."""

    champion: int | None
    newest: int | None  # the version that was trained last, whether it serves or not
    trained_at: datetime | None  # when that training began: rows that came later are new
    n_new_samples: int
    n_new_labels: int  # labelled predictions
    last_attempt_at: datetime | None  # the last training, failed and cancelled ones too
    open_job_id: int | None  # a training that waits or runs
    report: HealthReport | None
    n_recent: int = 0  # comparisons with a champion in the last seven days
    failures: tuple[Job, ...] = ()  # automatic trainings in a row, newest first
    costly: tuple[DriftCheck, ...] = ()  # what drifted since that training began, and matters

    @property
    def n_new(self) -> int:
        """Return the number of labelled rows that no training has used."""
        return self.n_new_samples + self.n_new_labels


@dataclass(frozen=True, slots=True)
class RetrainingVerdict:
    """The decision, its reasons as sentences, and the codes of the signals that decided."""

    retrain: bool
    reasons: tuple[str, ...]
    signals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Signal:
    code: str
    holds: bool
    message: str


def build_policy(settings: Settings) -> Policy:
    """Return the policy that the settings describe."""
    return Policy(
        mode=settings.retrain,
        every=timedelta(days=settings.retrain_every_days),
        new_rows=settings.retrain_new_rows,
        recipe=settings.retrain_recipe,
        per_week=settings.retrain_per_week,
    )


def decide_retraining(facts: RetrainingInputs, policy: Policy, now: datetime) -> RetrainingVerdict:
    """Decide to train if the last training is old, enough labelled rows are new, the health is
    critical in a way that a model can cure, or drift costs accuracy; never while an obstacle
    holds."""
    if facts.champion is None or facts.champion == HEURISTIC or facts.trained_at is None:
        what = "Nothing is" if facts.champion is None else "No trained version is"
        message = f"{what} deployed: train a version and deploy it first."
        return RetrainingVerdict(False, (message,), ("nothing_deployed",))
    due = [
        _check_age(facts.newest, facts.trained_at, policy, now),
        _check_new_rows(facts, policy),
        _check_health(facts.report),
        *_check_drift(facts.costly),
    ]
    obstacles = [obstacle for obstacle in _check_obstacles(facts, policy, now) if obstacle.holds]
    is_due = any(signal.holds for signal in due)
    deciding = [signal for signal in due if signal.holds]
    shown = [*obstacles, *(deciding or due)] if is_due or obstacles else due
    return RetrainingVerdict(
        retrain=is_due and not obstacles,
        reasons=tuple(signal.message for signal in shown),
        signals=tuple(signal.code for signal in (*obstacles, *deciding)),
    )


def _check_age(newest: int | None, trained_at: datetime, policy: Policy, now: datetime) -> _Signal:
    due = now >= trained_at + policy.every
    name = "The last version" if newest is None else version_name(newest)
    days = (now.date() - trained_at.date()).days
    when = {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
    left = math.ceil((trained_at + policy.every - now) / timedelta(days=1))
    rest = (
        f"a training is due every {text.duration(policy.every)}"
        if due
        else f"the next training by age is due in {text.count(left, 'day')}"
    )
    return _Signal("age", due, f"{name} was trained {when}; {rest}.")


def _check_new_rows(facts: RetrainingInputs, policy: Policy) -> _Signal:
    parts = f"{facts.n_new_samples:,} collected, {facts.n_new_labels:,} labelled predictions"
    message = (
        f"{facts.n_new:,} labelled rows are newer than the last training ({parts}); it is due from "
        f"{policy.new_rows:,} on."
    )
    return _Signal("new_rows", facts.n_new >= policy.new_rows, message)


def _check_health(report: HealthReport | None) -> _Signal:
    critical = [] if report is None else [r for r in report.reasons if r.health is Health.CRITICAL]
    curable = [reason for reason in critical if reason.code in CURABLE]
    if curable:
        message = f"Health is critical: {' '.join(reason.message for reason in curable)}"
    elif critical:
        names = " and ".join(reason.code.replace("_", " ") for reason in critical)
        message = f"Health is critical because of {names}, which training does not cure."
    else:
        message = "Nothing critical that training would cure."
    return _Signal("critical_health", bool(curable), message)


def _check_drift(costly: tuple[DriftCheck, ...]) -> list[_Signal]:
    if not costly:
        return []
    parts = [
        f"'{check.column}'"
        + ("" if check.effect_on_mae is None else f" (MAE {check.effect_on_mae:+.2f} estimated)")
        for check in costly[:_SHOWN]
    ]
    more = f" and {len(costly) - _SHOWN} more" if len(costly) > _SHOWN else ""
    return [
        _Signal("drift", True, f"Inputs drifted in a way that costs: {', '.join(parts)}{more}.")
    ]


def _choose_pause(failures: Sequence[Job], policy: Policy) -> timedelta:
    """Return the pause before the next training: the cool-down, or after trainings that came to
    nothing one that grows; one that died, of no fault of its own, is tried again soon."""
    if not failures:
        return policy.cool_down
    died = failures[0].status is JobStatus.LOST
    first = _DIED_PAUSE if died else policy.cool_down
    seconds = pause_after(len(failures), first.total_seconds(), _MOST_PAUSE.total_seconds())
    return timedelta(seconds=seconds)


def _describe_rest(failures: Sequence[Job], pause: timedelta) -> str:
    if not failures:
        return f"The last training was less than {text.duration(pause)} ago"
    said = f"The last {len(failures)} trainings" if len(failures) > 1 else "The last training"
    return f"{said} came to nothing, so that the next waits for {text.duration(pause)}"


def _check_obstacles(facts: RetrainingInputs, policy: Policy, now: datetime) -> list[_Signal]:
    attempt_at = facts.last_attempt_at
    pause = _choose_pause(facts.failures, policy)
    rests = attempt_at is not None and not has_passed(attempt_at, pause, now)
    until = "" if attempt_at is None else f"; the next is from {attempt_at + pause:%H:%M} UTC on."
    return [
        _Signal(
            "off", policy.mode == "off", "Automatic retraining is off (the setting `retrain`)."
        ),
        _Signal(
            "running",
            facts.open_job_id is not None,
            f"Job {facts.open_job_id} is training or waits to.",
        ),
        _Signal(
            "cool_down",
            facts.open_job_id is None and rests,
            _describe_rest(facts.failures, pause) + until,
        ),
        _Signal(
            "budget",
            facts.open_job_id is None and facts.n_recent >= policy.per_week,
            f"The budget of {policy.per_week} in 7 days (PLUMBLINE_RETRAIN_PER_WEEK) is spent, by "
            f"{text.count(facts.n_recent, 'comparison')}: "
            "each comparison with the champion costs some of a year's chance of a false promotion.",
        ),
        _Signal(
            "no_new_rows",
            facts.n_new == 0,
            "No labelled row is newer than the last training: it would give the same model again.",
        ),
    ]
