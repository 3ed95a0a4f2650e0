"""The plan that serves, fresh releases, replays of candidates, and decisions to retrain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.domain.monitoring import LiveEstimate
from core.domain.prediction import Prediction


class Action(StrEnum):
    """The kind of a row of the deployment history."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    START_TRIAL = "start_trial"
    RAMP = "ramp"
    PROMOTE = "promote"
    STOP_TRIAL = "stop_trial"


@dataclass(frozen=True, slots=True)
class Plan:
    """The version that serves, and on trial a challenger with its share of the answers."""

    champion: int
    challenger: int | None = None
    traffic: float = 0.0  # share 0..1 of the answers that come from the challenger
    ab_test: str | None = None
    salt: str | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A plan with who decided it, when and why; appended, never edited."""

    revision: int
    at: datetime
    by: str
    action: Action
    reason: str
    plan: Plan
    override: bool  # the gate had refused and a person decided all the same
    evidence: Mapping[str, object]  # what the decision rested on


EVIDENCE_SHARE = 0.1
"""The share of the requests that the version before a fresh release scores as well: each costs the
API's process a second scoring."""


@dataclass(frozen=True, slots=True)
class Release:
    """A deployment or promotion in its baking time: it may be rolled back automatically."""

    row: Deployment
    before: int | None  # the version that a rollback goes back to; None where nothing served
    until_at: datetime  # the last moment of the baking time


def find_release(history: Sequence[Deployment], now: datetime, baking: timedelta) -> Release | None:
    """Return the release of the champion in force while it bakes, by every row, oldest first; None
    without a baking time, and after a rollback: its version has proved itself before.

    >>> find_release([], datetime.max, timedelta(days=1)) is None
    True
    """
    release = None
    for row in history:
        if release is None or row.plan.champion != release.plan.champion:
            release = row
    if release is None or release.action not in (Action.DEPLOY, Action.PROMOTE):
        return None
    until_at = release.at + baking
    if not baking or now > until_at:
        return None
    stack = serving_stack(history)
    below = stack[: len(stack) - 1 - stack[::-1].index(release.plan.champion)]
    return Release(release, below[-1] if below else None, until_at)


def serving_stack(history: Sequence[Deployment]) -> tuple[int, ...]:
    """Return the versions that a rollback goes back through, the one in force last. `history` is
    every row, oldest first: a deployment pushes its champion, a rollback pops. A challenger is on
    top while its trial runs, so that a rollback ends the trial, and stays there when it is
    promoted.

    >>> serving_stack([])
    ()
    """
    stack: list[int] = []
    on_trial = False
    for row in history:
        champion, challenger = row.plan.champion, row.plan.challenger
        if on_trial and row.action in (Action.DEPLOY, Action.STOP_TRIAL):
            stack.pop()
        if row.action is Action.DEPLOY:
            stack.append(champion)
        elif row.action is Action.START_TRIAL and challenger is not None:
            stack.append(challenger)
        elif row.action is Action.PROMOTE and stack[-1:] != [champion]:
            stack.append(champion)
        elif row.action is Action.ROLLBACK:
            stack = stack[:-1]
            while stack and stack[-1] != champion:
                stack.pop()
        on_trial = challenger is not None
    return tuple(stack)


@dataclass(frozen=True, slots=True)
class Slowness:
    """Requests of one kind since a release: their p95 latency, and the time that scoring one takes
    either version, measured side by side on one machine. Times in ms."""

    p95_ms: float
    limit_ms: float  # above which it is critical
    own_ms: float
    before_ms: float
    per_second: float  # requests


@dataclass(frozen=True, slots=True)
class ReleaseEvidence:
    """The champion of a fresh release and the version before it on the same requests, and the
    requests of all since the release."""

    bad_since: frozenset[str] = frozenset()  # checks that the release's own requests fail
    bad_before: frozenset[str] = frozenset()  # checks that failed just before the release
    n_pairs: int = 0  # labelled requests that both scored
    gain: float = 0.0  # mean absolute error of the champion less that of the version before
    deviation: float = 0.0  # standard deviation of that difference
    n_distinct: int = 0  # different requests whose scores are compared
    fullest: float = 0.0  # share of the champion's scores in the fullest 50th of the scale
    fullest_before: float = 0.0  # the same of the version before
    n_unscored: int = 0  # requests that the champion cannot score
    n_unscored_before: int = 0  # of these, those that the version before cannot score either
    n_elsewhere: int = 0  # requests that failed for another reason than the champion
    slowness: tuple[Slowness, ...] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request of the log with the label that counts, where one arrived."""

    served: Prediction
    actual: float | None


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """A request whose score would have been another one."""

    prediction_id: str
    at: datetime
    served_by: int  # the version that was asked then
    served: float
    replayed: float
    actual: float | None


@dataclass(frozen=True, slots=True)
class ReplaySegment:
    """The requests that share a word of a feature, such as "language = python"."""

    name: str
    n: int  # scored both times
    change: float  # mean of the new score less the one served, in points
    n_labelled: int
    mae: float | None
    served_mae: float | None


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """The result of scoring recorded requests with a version. Every request is scored, left to the
    heuristic (it has nothing that the version reads) or failed. Errors are in points; those as
    served are of the answers that callers got, on the same rows."""

    from_at: datetime
    to_at: datetime
    n_requests: int
    n_scored: int
    n_fallback: int
    n_failed: int
    n_at_limit: int  # scores at or beyond an end of the scale
    failures: Mapping[str, int]  # why, for the most frequent reasons
    n_labelled: int  # of the rows that the errors are measured on
    n_known: int  # labelled rows of its own snapshot, left out of the errors
    mae: LiveEstimate | None
    served_mae: LiveEstimate | None
    improvement: LiveEstimate | None  # error as served less the version's
    accuracy: LiveEstimate | None
    served_accuracy: LiveEstimate | None
    basis: str  # how many days the intervals rest on, such as "12 days"
    changes: tuple[ScoreChange, ...]  # the largest, largest first
    segments: tuple[ReplaySegment, ...]  # largest change first
    latency_ms: Mapping[str, float]  # p50 and p95 of rows scored alone
    n_timed: int
    doubt: str  # why the rows that it has trained on are not known; empty where they are
    summary: str

    @property
    def fallback_share(self) -> float:
        """The share of the requests that the version would not have scored, 0..1."""
        return (self.n_fallback + self.n_failed) / self.n_requests


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay that was made."""

    id: int
    at: datetime
    by: str
    version: int
    days: float
    report: ReplayReport


@dataclass(frozen=True, slots=True)
class RetrainingDecision:
    """Appended at every check whose outcome or reasons changed."""

    at: datetime
    retrain: bool
    reasons: tuple[str, ...]
    signals: tuple[str, ...]  # the codes of what decided: "age", "new_rows", "cool_down", ...
    job_id: int | None  # the training that it started, where it did
    by: str
