"""The values of monitoring: rollups, health, drift, segments, and retention."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from core.domain.prediction import AnswerSource, Route
from core.domain.training_report import Naive


class Health(StrEnum):
    """Nothing is healthy by default: without data it is unknown, with old data stale."""

    HEALTHY = "healthy"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that was checked: what was found, and what to do next. It is confirmed where chance
    is no explanation; only then an incident is opened."""

    code: str  # "accuracy", "latency", "error_rate", "fallback", "no_traffic", "collapsed", ...
    health: Health
    message: str
    next_step: str
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The status and every check, the one that decides first, then worst first."""

    health: Health
    reasons: tuple[Reason, ...]
    at: datetime

    def find_reason(self, code: str) -> Reason | None:
        """Return the reason that a check gave, or None if it was not made."""
        return next((reason for reason in self.reasons if reason.code == code), None)


MINUTE = 60
HOUR = 3_600
DAY = 86_400
SPANS = (MINUTE, HOUR, DAY)
"""The lengths of a rollup in seconds; each divides the next."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Sums over the predictions that have a score and a label; an error is score - actual."""

    n: int = 0
    n_within: int = 0  # within the tolerance
    sum_error: float = 0.0
    sum_abs: float = 0.0
    sum_squared: float = 0.0
    actuals: dict[int, tuple[int, float]] = field(default_factory=dict)  # bucket -> count, sum


@dataclass(frozen=True, slots=True)
class Rollup:
    """The rows of a span, and the requests that they came in. Histograms map a bucket's index to
    its count; `core.stats.histogram` defines the buckets."""

    seconds: int  # one of SPANS
    start_at: datetime
    version: int
    source: AnswerSource
    n: int  # rows
    latency: dict[int, int]  # of requests
    scores: dict[int, int]  # of rows
    outcomes: Outcomes = field(default_factory=Outcomes)
    route: Route = Route.SINGLE
    n_further: int = 0  # rows whose request another row stands for

    @property
    def n_requests(self) -> int:
        """Return the number of requests."""
        return self.n - self.n_further


class Observation(NamedTuple):
    """The facts of one prediction that a rollup counts; `actual` is the label that counts, if
    any."""

    minute_at: datetime
    version: int
    source: AnswerSource
    latency_ms: float
    score: float | None
    actual: float | None
    batch_rows: int | None = None  # as of `Prediction`


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Requests of a minute that are not in the log, by what their callers got: refused, for a
    mistake of theirs, or failed, for one of ours."""

    minute_at: datetime
    route: str  # a `Route`, or the name of another one, such as "feedback"
    source: AnswerSource  # REFUSED or FAILED
    cause: str  # "unknown_key", "invalid", "log", ...
    caller: str  # "key 3", an address, or empty
    n: int


@dataclass(frozen=True, slots=True)
class RollupProgress:
    """Up to which rows the rollups count everything, and in which unit."""

    basis: str  # the scale and the tolerance; rollups of another basis are counted again
    prediction_seq: int
    label_id: int
    measured_at: datetime


def floor_time(at: datetime, seconds: int) -> datetime:
    """The start of the span that holds a moment.

    >>> floor_time(datetime(2026, 3, 2, 12, 34, 56, tzinfo=UTC), HOUR).isoformat()
    '2026-03-02T12:00:00+00:00'
    """
    return at - (at - EPOCH) % timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the traffic whose error is surely larger than the rest's, in points."""

    column: str
    where: str  # "provider = openai", "length above 1,200", or two of these with "and" between
    n: int  # labelled predictions in it
    share: float  # of all labelled predictions
    mae: float
    rest_mae: float
    excess_share: float | None  # of the error beyond what was expected; None where there is none
    p_value: float  # corrected for the number of parts that were looked at
    second: str | None = None  # the other column, where neither alone explains it


@dataclass(frozen=True, slots=True)
class LiveEstimate:
    """A figure of labels with its 95 % interval by days, all in the figure's own unit; the limits
    are None where all labels are of one day."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """The figures of one category or score band, and those of the best constant guesses for the
    same rows; None below the smallest number of labels."""

    column: str
    value: str
    n: int
    mae: LiveEstimate | None = None
    accuracy: LiveEstimate | None = None
    rmse: LiveEstimate | None = None
    skill: LiveEstimate | None = None  # None too where the best constant makes no error
    naive: Naive | None = None


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """The newest labelled predictions of a version by the parts of the traffic."""

    version: int
    at: datetime
    from_at: datetime | None  # of the oldest prediction looked at
    to_at: datetime | None
    n_labelled: int
    n_parts: int  # that were looked at
    segments: tuple[Segment, ...]  # that carry the error, the worst first
    groups: tuple[GroupFigures, ...]  # by category
    bands: tuple[GroupFigures, ...]  # by score
    coverage: LiveEstimate | None = None  # share of the labels inside the 90 % intervals
    width: float | None = None  # of these intervals, mean, points


@dataclass(frozen=True, slots=True)
class Removed:
    """The number of removed predictions, with their features and texts."""

    n_predictions: int = 0
    n_labels: int = 0
    n_shadow_scores: int = 0

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(
            self.n_predictions + other.n_predictions,
            self.n_labels + other.n_labels,
            self.n_shadow_scores + other.n_shadow_scores,
        )


@dataclass(frozen=True, slots=True)
class Removal:
    """The predictions that one run removed, or had removed before it was killed."""

    at: datetime
    until_at: datetime  # of the predictions before this moment none is left
    removed: Removed


@dataclass(frozen=True, slots=True)
class Retention:
    """The time for which single predictions are kept, and the last removal."""

    keep_days: int | None  # None keeps all
    last: Removal | None
    n_too_late: int  # labels that came for predictions that had been removed


SCORE = "score"
"""What the scores are called among what may drift; a feature's check says that it is one."""


MIN_TRACK = 5
"""Windows with an estimate and mature labels below which no track record exists."""


class Subject(StrEnum):
    """The property of a column that is compared."""

    VALUES = "values"
    MISSING = "missing"
    UNSEEN = "unseen"  # categories that no row of the version's snapshot has


@dataclass(frozen=True, slots=True)
class Bins:
    """One column of a reference. Counts are by bin: of numbers as `core.stats.drift.choose_edges`
    says, of categories one for each of `levels` and one for all other known ones; what is missing
    stands in a last bin of its own."""

    name: str
    is_feature: bool  # else the score
    edges: tuple[float, ...]  # empty for a category
    levels: tuple[str, ...]  # empty for numbers
    known: frozenset[str]  # every level of the snapshot; empty where there are too many
    counts: tuple[int, ...]  # of the holdout's rows
    blocks: tuple[tuple[int, ...], ...]  # of each day of history
    spread: float  # standard deviation of the numbers
    unseen_share: float = 0.0  # of the holdout's rows, going by the rows learned from
    costs: tuple[float, ...] = ()  # what standing in a bin adds to the expected |error|, points

    @property
    def is_number(self) -> bool:
        """Return True if the values are numbers."""
        return bool(self.edges)


@dataclass(frozen=True, slots=True)
class Reference:
    """The distributions of a version's inputs and scores on its holdout, pinned to the version."""

    version: int
    at: datetime
    n_rows: int  # of the holdout
    n_blocks: int  # days of history that noise is drawn from; 0 where rows have no time
    mae: float  # on the holdout
    columns: tuple[Bins, ...]
    estimates: bool = False  # whether the costs tell rows apart at all


class DriftVerdict(StrEnum):
    """The verdict on a change of the inputs."""

    NONE = "none"
    SUSPECTED = "suspected"  # beyond chance in this window only
    CONFIRMED = "confirmed"  # in a window before as well, or a feature has vanished


@dataclass(frozen=True, slots=True)
class DriftCheck:
    """One comparison. `effect` is Wasserstein / reference standard deviation for numbers,
    Jensen-Shannon distance for categories, a difference of shares for the others."""

    column: str
    is_feature: bool
    subject: Subject
    effect: float
    noise: float  # what chance alone stays below in 99.5 % of windows of this size
    minimum: float  # the smallest effect that counts
    p_value: float
    passed: bool  # in this window: both thresholds, corrected for the number of checks
    confirmed: bool  # passed here and in one of the two windows before, or vanished
    importance: float | None = None  # of the feature to the model, share of the total
    effect_on_mae: float | None = None  # estimated, points; None where it cannot be
    outside: float = 0.0  # share of the rows that lie beyond anything seen
    bins: tuple[str, ...] = ()  # of the picture, for what passed
    before: tuple[float, ...] = ()  # shares of the reference by bin
    now: tuple[float, ...] = ()
    n_gone: int = 0  # newest rows without a value, where that is beyond chance; else 0

    @property
    def verdict(self) -> DriftVerdict:
        """The verdict on this comparison."""
        if self.confirmed:
            return DriftVerdict.CONFIRMED
        return DriftVerdict.SUSPECTED if self.passed else DriftVerdict.NONE


@dataclass(frozen=True, slots=True)
class Track:
    """The track record of error estimates against labels, compared with the simplest forecast: the
    window before. Errors are mean absolute ones of the MAE, in points."""

    n_windows: int = 0
    error: float | None = None
    error_of_last: float | None = None

    @property
    def is_shown(self) -> bool:
        """Return True if the estimate has beaten the last mature window often enough to be
        shown."""
        return (
            self.n_windows >= MIN_TRACK
            and self.error is not None
            and self.error_of_last is not None
            and self.error < self.error_of_last
        )


@dataclass(frozen=True, slots=True)
class DriftReport:
    """A window of requests against the reference of the version that served."""

    version: int
    at: datetime
    from_at: datetime
    to_at: datetime
    n_requests: int
    n_rows: int  # of them that were read; at most 100,000
    checks: tuple[DriftCheck, ...]  # what drifted first, by what it costs
    n_columns: int = 0
    reference_mae: float | None = None
    estimated_mae: float | None = None  # of the window's scores, without their labels
    track: Track = field(default_factory=Track)  # of the estimates before
    note: str = ""  # why there is no verdict
    basis: str = ""  # what the noise was drawn from
    drifted: tuple[str, ...] = field(default=())  # columns, confirmed

    @property
    def window(self) -> timedelta:
        """Return the length of the window."""
        return self.to_at - self.from_at

    @property
    def confirmed(self) -> tuple[DriftCheck, ...]:
        """Return the confirmed checks, the largest effect first."""
        return tuple(check for check in self.checks if check.confirmed)

    @property
    def suspected(self) -> tuple[DriftCheck, ...]:
        """Return the checks that are suspected and not confirmed, the largest effect first."""
        return tuple(c for c in self.checks if c.verdict is DriftVerdict.SUSPECTED)

    @property
    def verdict(self) -> DriftVerdict:
        """The verdict on the window: that of the check that is most certain."""
        if self.drifted or self.confirmed:
            return DriftVerdict.CONFIRMED
        return DriftVerdict.SUSPECTED if self.suspected else DriftVerdict.NONE
