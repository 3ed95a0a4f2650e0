"""The check of a row scorer: the same rows through it and through the pipeline it was made from."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.artifacts.scorer import MANY, ColumnScorer, PipelineScorer, Scorer
from core.domain.model_card import Card, ScorerCheck
from core.domain.prediction import Columns
from core.domain.sample import Features, FeatureValue

LARGEST_DIFFERENCE = 1e-4
"""Points by which a compiled score may differ from the pipeline's."""

_SAME = 1e-9  # points by which the pipeline's own scores may differ, by rows and by columns
_ERRORS = (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError)
_EDGES: tuple[FeatureValue, ...] = (
    None,
    0.0,
    1e300,
    -1e300,
    "no such level",
    " 12.5 ",
    "1e3",
    True,
)
_MAX_EDGE_FEATURES = 40


def build_edge_rows(rows: Sequence[Features], features: Sequence[str]) -> list[Features]:
    """Rows that nobody sent: each feature of the first row in turn, and all features at once,
    missing, far beyond what was seen, of an unseen category, and written as text.

    >>> len(build_edge_rows([{"a": 1.0, "b": 2.0}], ["a", "b"]))
    24
    """
    first = dict(rows[0]) if rows else {}
    return [
        *(dict.fromkeys(features, edge) for edge in _EDGES),
        *({**first, name: edge} for name in features[:_MAX_EDGE_FEATURES] for edge in _EDGES),
    ]


def takes_columns(pipeline: Any, scorer: ColumnScorer, rows: Sequence[Features]) -> bool:
    """Return True if a scorer gives these rows, as columns, the scores of the pipeline; False
    without rows."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = Columns({name: [row.get(name) for row in rows] for name in names})
    try:
        expected, found = pipeline.predict(rows), scorer(columns)
        return bool(rows) and np.allclose(found, expected, rtol=0.0, atol=_SAME, equal_nan=True)
    except (*_ERRORS, AttributeError):  # it wants of a frame what columns do not have
        return False


def check_scorer(
    pipeline: Any, scorer: Scorer, card: Card, rows: Sequence[Features]
) -> ScorerCheck:
    """Compare a scorer with the pipeline on these rows, after clipping to the card's scale. Rows
    that the pipeline refuses are left out: scikit-learn takes no 1e300 for a forest, and its trees
    have an answer."""
    if isinstance(scorer, PipelineScorer):
        return ScorerCheck(0, None, scorer.why)
    expected = _score_each(PipelineScorer(pipeline, ""), card, rows)
    pieces = [rows[start : start + MANY - 1] for start in range(0, len(rows), MANY - 1)]
    found = [score for piece in pieces for score in _score_each(scorer, card, piece)]
    pairs = [(a, b) for a, b in zip(expected, found, strict=True) if a is not None]
    largest = max((abs(a - b) for a, b in pairs if b is not None), default=0.0)
    n_silent = sum(b is None for _, b in pairs)
    why = ""
    if n_silent:
        why = f"the compiled scorer has no score for {n_silent} rows that the pipeline scores"
    elif largest > LARGEST_DIFFERENCE:
        why = f"the compiled scorer is up to {largest:.2g} points from the pipeline"
    return ScorerCheck(len(pairs), largest, why)


def clip_score(score: float, card: Card) -> float:
    """A finite score on the card's scale; raises `ValueError` for one that is no number.

    >>> clip_score(104.0, Card("r", (), 0.0, 100.0, 5.0, None, (), False))
    100.0
    """
    if not math.isfinite(score):
        raise ValueError("its score is not a finite number")
    return min(max(score, card.scale_low), card.scale_high)


def _score_each(scorer: Scorer, card: Card, rows: Sequence[Features]) -> list[float | None]:
    """A clipped score for each row, None where it has none."""
    try:
        with np.errstate(all="ignore"):
            scores = scorer.score_rows(rows).tolist()
    except _ERRORS:
        if len(rows) == 1:
            return [None]
        half = len(rows) // 2
        return _score_each(scorer, card, rows[:half]) + _score_each(scorer, card, rows[half:])
    return [clip_score(score, card) if math.isfinite(score) else None for score in scores]
