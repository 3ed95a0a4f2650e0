"""What the labelled pairs of a trial add up to, so that each is looked at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from core.domain.trial import Ratings, TrialPoint, Verdict


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

    verdict: Verdict
    point: TrialPoint
    echo: float


@dataclass(frozen=True, slots=True)
class Part:
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
    within: Verdict = Verdict.NOT_YET
    decided: Decision | None = None
    stride: int = 1  # every how many differences a point is kept
    series: tuple[TrialPoint, ...] = ()
    newest: TrialPoint | None = None
    waiting_until_at: datetime | None = None  # the end of the day of what waits
    waiting: Mapping[str, UnitDay] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, Part]] = field(default_factory=dict)  # by column and value
    crowded: tuple[str, ...] = ()  # columns with too many values to be categories


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """The labelled requests of a trial: who answered, pairs, and ratings by version."""

    splits: Mapping[str, int] = field(default_factory=dict)  # by "revision variant"
    pairs: Mapping[str, int] = field(default_factory=dict)  # by revision
    ratings: Mapping[str, tuple[int, float, float]] = field(default_factory=dict)
    """By version: how many, their sum and the sum of their squares."""


def merge_counts(one: LabelCounts, other: LabelCounts) -> LabelCounts:
    """What both count together.

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
    """How content users were with the answers of a version.

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
