"""A training report: what was measured on which rows, as the command line and the pages show it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.domain.card import ScorerCheck


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
    """How a guess that looks at no feature does on the same holdout rows."""

    guess: float
    mae: float
    rmse: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a version may be deployed without an override; reasons are kept either way."""

    passed: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """Everything a training says of itself; stored with the version and never edited."""

    recipe: str
    seed: int
    n_train: int
    n_holdout: int
    split: str  # "time", "group" or "random"
    split_reason: str
    features_available: tuple[str, ...]
    features_selected: tuple[str, ...]
    importance: Mapping[str, float]  # share of the total, 0..1
    search: Mapping[str, object]  # n_combinations, n_folds, best
    metrics: Metrics
    champion_mae: Estimate | None  # the champion on the same holdout rows, where there was one
    naive: Mapping[str, NaiveMetrics]  # mean, median, recent_mean
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
    scorer: ScorerCheck | None = None  # the row scorer beside the pipeline
