"""The report of a training, as it is stored with the version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.domain.model_card import ScorerCheck

LEFT_OUT = "left out by "
"""How the reason begins for which a column was left out by a person."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the limits of its 95 % interval, all in the figure's own unit."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """Errors in points of the scale; accuracy is the share within the tolerance; skill is
    1 - MAE / MAE of the best naive guess."""

    mae: Estimate
    rmse: Estimate
    r2: Estimate | None  # None where the holdout's target does not vary
    accuracy: Estimate
    skill: Estimate | None  # None where the best naive guess makes no error


@dataclass(frozen=True, slots=True)
class NaiveMetrics:
    """The metrics of a baseline on the same holdout rows: a constant, one column `of` the rows, or
    the base metrics with fixed weights."""

    guess: float | None  # None where it differs from row to row
    mae: float
    rmse: float
    accuracy: float
    of: str | None = None


@dataclass(frozen=True, slots=True)
class NaivePick:
    """The figures of a naive picker on the same groups: at random, the best level or the largest
    value of one column `of` the rows, or the heuristic."""

    pair_accuracy: float | None
    regret: float
    gap_recovered: float | None
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Picks:
    """The figures of picking by the scores on the holdout's groups of 2 to 100 candidates, as
    `core.stats.picks.PickFigures` defines them; their limits are by groups."""

    n_groups: int
    n_pairs: int  # of candidates with different truths
    pair_accuracy: Estimate | None
    tau: Estimate | None
    regret: Estimate | None  # points
    gap_recovered: Estimate | None
    advantage: Estimate | None  # over the best naive picker, in shares of the gap
    naive: Mapping[str, NaivePick]  # random, best_category, longest, heuristic


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The same recipe fitted on a part of the training rows, judged on the same holdout."""

    n_rows: int
    mae: Estimate


@dataclass(frozen=True, slots=True)
class HoldoutSegment:
    """The holdout rows of one level of a category."""

    column: str
    level: str
    n_rows: int
    mae: Estimate
    bias: float  # mean of score - actual


@dataclass(frozen=True, slots=True)
class ScoreBand:
    """The holdout rows whose scores lie between two scores: what such a score turned out to be."""

    low: float
    high: float
    n_rows: int
    score: float  # mean
    actual: Estimate  # mean
    mae: float


@dataclass(frozen=True, slots=True)
class WorstRow:
    """A holdout row that the score missed by far; `key` finds the sample with its raw values."""

    key: str
    at: datetime | None
    score: float
    actual: float


@dataclass(frozen=True, slots=True)
class SearchAttempt:
    """A combination of parameters that a search has judged."""

    parameters: Mapping[str, object]
    loss: float  # mean over the folds, of what was aimed at
    n_folds: int


class GateCode(StrEnum):
    """The checks of the gate, then its notes."""

    ROWS = "rows"
    SCORES = "scores"
    SKILL = "skill"
    PICKS = "picks"
    CONSTANT_BASELINE = "constant_baseline"
    PROVENANCE = "provenance"
    LEAKS = "leaks"
    SUSPECTS = "suspects"
    CHAMPION = "champion"
    SEGMENTS = "segments"
    OVERRIDDEN = "overridden"
    SYNTHETIC = "synthetic"
    TOLERANCE = "tolerance"
    NO_CHAMPION = "no_champion"
    ROWS_LEFT_OUT = "rows_left_out"
    DOUBT = "doubt"


@dataclass(frozen=True, slots=True)
class Gate:
    """The decision whether a version may be deployed without an override. `codes` holds the
    `GateCode` of each reason, in their order; a report of an older program has none."""

    passed: bool
    reasons: tuple[str, ...]
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """Everything a training says of itself; stored with the version and never edited."""

    recipe: str
    seed: int
    n_train: int  # rows learned from, those of the training window
    n_holdout: int
    split: str  # "time", "group" or "random"
    split_reason: str
    features_available: tuple[str, ...]
    features_selected: tuple[str, ...]
    importance: Mapping[str, float]  # share of the total, 0..1
    search: Mapping[str, object]  # n_combinations, n_folds, best, method, n_rows, loss
    metrics: Metrics
    champion_mae: Estimate | None  # the champion on the same holdout rows, where there was one
    naive: Mapping[str, NaiveMetrics]  # mean, median, recent_mean, category_mean, heuristic
    cv: Mapping[str, Mapping[str, float]]  # mae -> mean, std; empty where no folds were run
    gate: Gate
    tolerance: float
    scale_low: float
    scale_high: float
    synthetic: bool
    overrides: tuple[str, ...]  # blocking data issues that a person overrode, with the reason
    summary: str  # the verdict in one sentence
    seconds: float
    basis: str = ""  # what the intervals treat as independent: "146 days", "32 groups", "206 rows"
    left_out: Mapping[str, str] = field(default_factory=dict)  # column -> why it is not used
    champion: int | None = None  # the version that was compared with
    improvement: Estimate | None = None  # champion's MAE minus this one's, on the same rows
    n_compared: int = 0  # holdout rows that the champion has not trained on
    random_split_mae: float | None = None  # what a plain random split would have claimed
    interval_coverage: Estimate | None = None  # share of holdout rows inside the 90 % interval
    n_unknown_yet: int = 0  # rows left out because their label came after the split
    label_delay_seconds: float = 0.0
    learning_curve: tuple[CurvePoint, ...] = ()  # fewest rows first
    doubling: Estimate | None = None  # MAE of half the training rows minus that of all
    segments: tuple[HoldoutSegment, ...] = ()  # most rows first
    score_bands: tuple[ScoreBand, ...] = ()  # lowest scores first
    worst: tuple[WorstRow, ...] = ()  # worst first
    environment: Mapping[str, str] = field(default_factory=dict)  # library -> version, and python
    commit: str = ""  # the code that trained: git's commit, or the package's version
    importance_method: str = ""  # how the importance was found, in words
    scorer: ScorerCheck | None = None  # the row scorer beside the pipeline
    gate_alpha: float | None = None  # what the comparison spent of the year's chance of a mistake
    objective: str = "squared"  # "squared", "absolute" or "tolerance": what the model aims at
    window: str = ""  # how much of the past was learned from, and why, in words
    windows_tried: Mapping[str, float] = field(default_factory=dict)  # words -> validation MAE
    plan: Mapping[str, object] = field(default_factory=dict)  # what was asked for beside the recipe
    attempts: tuple[SearchAttempt, ...] = ()  # what the search tried
    acknowledged: tuple[str, ...] = ()  # suspect columns that a person said are known before
    holdout_from_at: datetime | None = (
        None  # where a short holdout begins; None: a fifth of the rows
    )
    picks: Picks | None = None  # None where no two holdout rows are of one group


@dataclass(frozen=True, slots=True)
class Naive:
    """The figures of the best constant score for the same labels, found in hindsight, so that it is
    at least as hard to beat as any number known before. Each figure is that of the constant that is
    best for it: near the median for the MAE, the mean for the RMSE, the middle of the densest
    labels for the accuracy."""

    guess: float  # the one with the smallest MAE
    mae: float
    rmse: float
    accuracy: float
