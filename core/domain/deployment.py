"""The plan that serves, replays of candidates, and decisions to retrain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.domain.monitoring import LiveEstimate
from core.domain.prediction import Prediction
from core.domain.version import HEURISTIC


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


EVIDENCE_FOR = timedelta(days=14)
"""How long a version that was replaced goes on scoring."""

EVIDENCE_SHARE = 0.1
"""The share of the requests that it scores: each costs the API's process a second scoring."""


@dataclass(frozen=True, slots=True)
class Retired:
    """A version that was replaced by a deployment or promotion."""

    version: int
    revision: int  # the row that replaced it
    since_at: datetime
    until_at: datetime


def find_retired(history: Sequence[Deployment], now: datetime) -> Retired | None:
    """The model that the champion has replaced within the last 14 days, by every row, oldest first.
    None while a trial runs, after a rollback (what was left for a reason is not asked again), and
    where one of the two is no model.

    >>> find_retired([], datetime.max) is None
    True
    """
    if not history or history[-1].plan.challenger is not None:
        return None
    champion = history[-1].plan.champion
    for before, row in zip(reversed(history[:-1]), reversed(history[1:]), strict=True):
        replaced = before.plan.champion
        if replaced == champion:
            continue
        until_at = row.at + EVIDENCE_FOR
        is_chosen = row.action in (Action.DEPLOY, Action.PROMOTE)
        if HEURISTIC in (replaced, champion) or not is_chosen or now >= until_at:
            return None
        return Retired(replaced, row.revision, row.at, until_at)
    return None


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
