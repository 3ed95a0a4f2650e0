"""A trial of a challenger, and the sums over its labelled pairs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

MARGIN_SHARE = 0.003
"""Of the scale: so much more or less error is no difference that matters."""


class TrialVerdict(StrEnum):
    """The verdict of a trial on the challenger."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    NOT_YET = "not_yet"
    INVALID = "invalid"


class ShadowOutcome(StrEnum):
    """The outcome of a shadow score."""

    SCORED = "scored"
    FAILED = "failed"  # the version does not load, or could not score the row
    LATE = "late"  # it took longer than its time limit
    DROPPED = "dropped"  # too much waited, so it was not tried


@dataclass(frozen=True, slots=True)
class ShadowScore:
    """The score of the version that did not answer, logged with the prediction."""

    prediction_id: str
    version: int
    outcome: ShadowOutcome
    score: float | None  # None unless SCORED
    latency_ms: float  # of the scoring alone
    error: str | None


@dataclass(frozen=True, slots=True)
class TrialSettings:
    """The rules of a trial. Fixed at its start and kept with it: a rule that is chosen after
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
class RampStep:
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
    steps: tuple[RampStep, ...]  # oldest first; the last is in force


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
class TrafficSplit:
    """The counts of answers by version while one share was planned; a unit that always gets the
    same version counts once, at its first request."""

    traffic: float  # planned share of the challenger
    n_champion: int
    n_challenger: int


@dataclass(frozen=True, slots=True)
class Ratings:
    """The users' ratings of one version's answers, each 0..1."""

    n: int = 0
    mean: float = 0.0
    deviation: float = 0.0


@dataclass(frozen=True, slots=True)
class Conduct:
    """The behaviour of the challenger: its answers of the current step, its shadow scores of
    all."""

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
    verdict: TrialVerdict
    n_differences: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums of differences less the first of them, since squares lose all digits far from zero."""

    n: int = 0
    shift: float = 0.0
    total: float = 0.0
    squares: float = 0.0


@dataclass(frozen=True, slots=True)
class UnitDay:
    """A unit's pairs of a day that has not ended: how many, and the sums of their differences."""

    n: int = 0
    error: float = 0.0
    within: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """The first crossing, and how alike the differences that follow each other were up to it."""

    verdict: TrialVerdict
    point: TrialPoint
    echo: float


@dataclass(frozen=True, slots=True)
class PairSlice:
    """The differences of one category, whose unit-days wait on their own."""

    moments: Moments = Moments()
    waiting: Mapping[str, UnitDay] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PairSums:
    """The sums over the first pairs of a trial, in the order of their first labels."""

    n_pairs: int = 0
    champion_error: float = 0.0  # sum of absolute errors, points
    challenger_error: float = 0.0
    moments: Moments = Moments()
    first: float = 0.0  # difference less the shift, as is the last
    last: float = 0.0
    echo: float = 0.0  # sum of the products of those that follow each other
    n_wins: int = 0  # only the challenger within the tolerance
    n_losses: int = 0
    within: TrialVerdict = TrialVerdict.NOT_YET
    decided: Decision | None = None
    stride: int = 1  # every how many differences a point is kept
    series: tuple[TrialPoint, ...] = ()
    newest: TrialPoint | None = None
    waiting_until_at: datetime | None = None  # the end of the day of what waits
    waiting: Mapping[str, UnitDay] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, PairSlice]] = field(
        default_factory=dict
    )  # by column and value
    crowded: tuple[str, ...] = ()  # columns with too many values to be categories


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """The labelled requests of a trial: who answered, pairs, and ratings by version."""

    splits: Mapping[str, int] = field(default_factory=dict)  # by "revision variant"
    pairs: Mapping[str, int] = field(default_factory=dict)  # by revision
    ratings: Mapping[str, tuple[int, float, float]] = field(default_factory=dict)
    """By version: how many, their sum and the sum of their squares."""


def merge_counts(one: LabelCounts, other: LabelCounts) -> LabelCounts:
    """Return the sum of two counts.

    >>> one = LabelCounts({"2 champion": 3}, {"2": 3}, {"1": (1, 0.5, 0.25)})
    >>> both = merge_counts(one, LabelCounts({"2 champion": 2}, {}, {"1": (1, 1.0, 1.0)}))
    >>> both.splits, both.pairs, both.ratings
    ({'2 champion': 5}, {'2': 3}, {'1': (2, 1.5, 1.25)})
    """
    nothing = (0, 0.0, 0.0)
    return LabelCounts(
        add_counts(one.splits, other.splits),
        add_counts(one.pairs, other.pairs),
        {
            key: _add_three(one.ratings.get(key, nothing), other.ratings.get(key, nothing))
            for key in sorted({*one.ratings, *other.ratings})
        },
    )


def add_counts(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """The sum by key.

    >>> add_counts({"a": 1}, {"a": 2, "b": 3})
    {'a': 3, 'b': 3}
    """
    return {key: one.get(key, 0) + other.get(key, 0) for key in sorted({*one, *other})}


def find_ratings(counts: LabelCounts, version: int) -> Ratings:
    """Return the users' ratings of a version's answers.

    >>> find_ratings(LabelCounts(ratings={"1": (2, 1.5, 1.25)}), 1)
    Ratings(n=2, mean=0.75, deviation=0.3535533905932738)
    """
    n, total, squares = counts.ratings.get(str(version), (0, 0.0, 0.0))
    if n == 0:
        return Ratings()
    mean = total / n
    variance = max(squares / n - mean**2, 0.0) * n / max(n - 1, 1)
    return Ratings(n, mean, variance**0.5)


def _add_three(
    one: tuple[int, float, float], other: tuple[int, float, float]
) -> tuple[int, float, float]:
    return (one[0] + other[0], one[1] + other[1], one[2] + other[2])


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The sums over all labelled requests whose first label came before a moment."""

    until_at: datetime
    sums: PairSums = PairSums()
    labels: LabelCounts = LabelCounts()


@dataclass(frozen=True, slots=True)
class Progress:
    """Up to which rows the checkpoints of a trial are right, and the requests counted so far."""

    request_seq: int = 0  # of the last request in `requests`
    prediction_seq: int = 0  # of the newest prediction that the checkpoints know
    label_id: int = 0  # of the newest label that they know
    requests: Mapping[str, int] = field(default_factory=dict)  # by "what revision"
