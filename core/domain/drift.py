"""Drift: a version's reference, kept as counts, and what a window of requests was against it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

SCORE = "score"
"""What the scores are called among what may drift; a feature's check says that it is one."""


MIN_TRACK = 5
"""Windows with an estimate and mature labels below which no track record exists."""


class Subject(StrEnum):
    """What of a column was compared."""

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
        """Whether the values are numbers."""
        return bool(self.edges)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a version's inputs and scores were on its holdout, pinned to the version."""

    version: int
    at: datetime
    n_rows: int  # of the holdout
    n_blocks: int  # days of history that noise is drawn from; 0 where rows have no time
    mae: float  # on the holdout
    columns: tuple[Bins, ...]
    estimates: bool = False  # whether the costs tell rows apart at all


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
    confirmed: bool  # passed here and in one of the two windows before
    importance: float | None = None  # of the feature to the model, share of the total
    effect_on_mae: float | None = None  # estimated, points; None where it cannot be
    outside: float = 0.0  # share of the rows that lie beyond anything seen
    bins: tuple[str, ...] = ()  # of the picture, for what passed
    before: tuple[float, ...] = ()  # shares of the reference by bin
    now: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Track:
    """How estimates did against what the labels said later, beside the simplest forecast: the
    window before. Errors are mean absolute ones of the MAE, in points."""

    n_windows: int = 0
    error: float | None = None
    error_of_last: float | None = None

    @property
    def is_shown(self) -> bool:
        """Whether the estimate has beaten the last mature window often enough to be shown."""
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
        """How long it is."""
        return self.to_at - self.from_at

    @property
    def confirmed(self) -> tuple[DriftCheck, ...]:
        """What drifted, the most expensive first."""
        return tuple(check for check in self.checks if check.confirmed)
