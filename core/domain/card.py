"""A card: what a saved pipeline says of itself, beside the pipeline in its artifact."""

from dataclasses import dataclass

from core.domain.sample import Features


@dataclass(frozen=True, slots=True)
class GoldenRow:
    """A row with the score that the pipeline gave it when it was saved."""

    features: Features
    text: str | None
    score: float


@dataclass(frozen=True, slots=True)
class Card:
    """Everything that serving needs to know without the pipeline."""

    recipe: str
    features: tuple[str, ...]  # raw feature names the pipeline reads
    scale_low: float
    scale_high: float
    tolerance: float
    interval_half_width: float | None  # split conformal, 90 %; None where there were too few rows
    golden: tuple[GoldenRow, ...]  # rescored before the version may serve
    synthetic: bool  # trained on generated rows
