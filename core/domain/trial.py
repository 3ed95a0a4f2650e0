"""A trial: champion and challenger score the same requests until a verdict settles the question."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MARGIN_SHARE = 0.003
"""Of the scale: so much more or less error is no difference that matters."""


class Verdict(StrEnum):
    """What a trial says of the challenger."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    NOT_YET = "not_yet"
    INVALID = "invalid"


class ShadowOutcome(StrEnum):
    """What became of the score beside an answer."""

    SCORED = "scored"
    FAILED = "failed"  # the version does not load, or could not score the row
    LATE = "late"  # it took longer than its time limit
    DROPPED = "dropped"  # too much waited, so it was not tried


@dataclass(frozen=True, slots=True)
class ShadowScore:
    """What the version that did not answer would have said, logged beside the prediction."""

    prediction_id: str
    version: int
    outcome: ShadowOutcome
    score: float | None  # None unless SCORED
    latency_ms: float  # of the scoring alone
    error: str | None


@dataclass(frozen=True, slots=True)
class TrialSettings:
    """What a trial is judged by. Fixed at its start and kept with it: a rule that is chosen after
    looking decides whatever one likes."""

    alpha: float = 0.05
    margin: float = 0.3  # points of MAE within which two versions are the same
    t_star: int = 2_000  # differences after which a decision is expected
    burn_in: int = 50
    tolerance: float = 5.0  # points within which a score counts as accurate
    ratio_alpha: float = 0.01  # of the sample-ratio test
    min_step_seconds: float = 86_400.0
    min_step_requests: int = 100  # answered by the challenger
    min_step_labels: int = 30
    max_latency_ms: float = 200.0  # for 95 % of the challenger's answers
    max_error_rate: float = 0.05
    max_fallback_share: float = 0.5
    auto_ramp: bool = True
    auto_promote: bool = True
    auto_stop: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of a trial with one share of the answers."""

    revision: int
    at: datetime
    traffic: float  # share 0..1


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial that runs, found in the deployment history by the revision of its first row."""

    revision: int
    name: str
    champion: int
    challenger: int
    started_at: datetime
    by: str
    reason: str
    settings: TrialSettings
    steps: tuple[Step, ...]  # oldest first; the last is in force


@dataclass(frozen=True, slots=True)
class Pair:
    """One labelled request that both versions scored."""

    labelled_at: datetime  # when its first label was received
    unit_id: str | None
    champion: float
    challenger: float
    actual: float
    categories: tuple[tuple[str, str], ...] = ()  # of its features: column and value


@dataclass(frozen=True, slots=True)
class TrialPoint:
    """The interval as it was after the first `n` differences."""

    at: datetime
    n: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Split:
    """Who answered while one share was planned; a unit that always gets the same one counts once,
    where it first came."""

    traffic: float  # planned share of the challenger
    n_champion: int
    n_challenger: int


@dataclass(frozen=True, slots=True)
class Ratings:
    """How content users were with the answers of one version, 0..1."""

    n: int = 0
    mean: float = 0.0
    deviation: float = 0.0


@dataclass(frozen=True, slots=True)
class Conduct:
    """How the challenger behaved: its answers of the current step, its shadow scores of all."""

    n_requests: int = 0
    n_failed: int = 0
    n_fallback: int = 0
    n_slow: int = 0  # above the latency limit of the settings
    n_scores: int = 0  # of the step's newest requests, those that both scored
    n_distinct: int = 0  # different scores of its own among them
    n_champion_distinct: int = 0  # the champion's on the same requests
    n_labels: int = 0  # labelled pairs of the current step
    n_shadow: int = 0  # shadow scores of either version, wanted since the start of the trial
    n_shadow_failed: int = 0
    n_shadow_late: int = 0
    n_shadow_dropped: int = 0
    n_challenger_shadow: int = 0  # of these, the challenger's in the current step
    n_challenger_shadow_failed: int = 0
    champion_ratings: Ratings = Ratings()  # since the start of the trial
    challenger_ratings: Ratings = Ratings()


@dataclass(frozen=True, slots=True)
class FrozenVerdict:
    """The verdict at a trial's first crossing; what comes later does not change it."""

    revision: int  # of the trial
    at: datetime
    verdict: Verdict
    n_differences: int
    value: float
    low: float
    high: float
