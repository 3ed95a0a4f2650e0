"""A card: what a saved pipeline says of itself, beside the pipeline in its artifact."""

from dataclasses import dataclass, replace

from core.domain.sample import Features


@dataclass(frozen=True, slots=True)
class GoldenRow:
    """A row with the score that the pipeline gave it when it was saved."""

    features: Features
    text: str | None
    score: float


@dataclass(frozen=True, slots=True)
class Band:
    """The half width of the 90 % prediction interval for scores of this band."""

    highest: float  # the band's highest score; the one before ends below
    half_width: float


@dataclass(frozen=True, slots=True)
class ScorerCheck:
    """The comparison of a compiled row scorer with its pipeline."""

    n_rows: int  # held-out rows and edge cases that both scored
    largest_difference: float | None  # points; None where there is no row scorer
    why: str  # why the version serves from the pipeline itself; empty where it does not


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
    bands: tuple[Band, ...] = ()  # by score, lowest first; empty where one width serves all
    reads: tuple[str, ...] = ()  # what a row carries beside its features that the pipeline reads
    scorer: ScorerCheck | None = None  # None in cards from before there were row scorers


def find_limits(card: Card, score: float) -> tuple[float, float] | None:
    """The 90 % interval around a score, clipped to the card's scale; its width is that of the
    score's band. None where the card knows no width.

    >>> card = Card("r", (), 0.0, 100.0, 5.0, 6.0, (), False, (Band(50.0, 2.0), Band(90.0, 8.0)))
    >>> find_limits(card, 50.0), find_limits(card, 95.0)
    ((48.0, 52.0), (87.0, 100.0))
    """
    reach = find_half_width(card, score)
    if reach is None:
        return None
    return max(score - reach, card.scale_low), min(score + reach, card.scale_high)


def widen_card(card: Card, factor: float) -> Card:
    """The card with intervals `factor` times as wide.

    >>> card = Card("r", (), 0.0, 100.0, 5.0, 6.0, (), False, (Band(50.0, 2.0), Band(90.0, 8.0)))
    >>> find_limits(widen_card(card, 1.5), 50.0)
    (47.0, 53.0)
    """
    width = card.interval_half_width
    return replace(
        card,
        interval_half_width=None if width is None else width * factor,
        bands=tuple(Band(band.highest, band.half_width * factor) for band in card.bands),
    )


def find_half_width(card: Card, score: float) -> float | None:
    """Return the half width of the 90 % prediction interval of a score, before clipping; None if
    unknown."""
    if not card.bands:
        return card.interval_half_width
    return next((b.half_width for b in card.bands if score <= b.highest), card.bands[-1].half_width)
