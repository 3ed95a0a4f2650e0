"""An artifact: a fitted pipeline with its card, ready to score, and the check of its row scorer."""

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.artifacts.scorer import (
    MANY,
    ColumnScorer,
    PipelineScorer,
    Scorer,
    compile_columns,
    compile_pipeline,
)
from core.domain.model_card import Card, ScorerCheck
from core.domain.prediction import Columns
from core.domain.sample import Features, FeatureValue
from core.errors import Refused

if TYPE_CHECKING:
    import pandas as pd


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


_GOLDEN_TOLERANCE = 1e-6


class Artifact:
    """A fitted pipeline with its card, ready to score."""

    def __init__(self, pipeline: Any, card: Card) -> None:
        self.pipeline = pipeline
        self.card = card

    def score(self, rows: "Sequence[Features] | pd.DataFrame") -> NDArray[np.float64]:
        """The score of each row, shape (n_rows,), clipped to the card's scale.

        A row is a mapping of raw feature names to values, or a line of a frame with these names as
        columns: the same code reads both, and a list of mappings never becomes a frame. Names that
        the pipeline does not read are ignored, names that a row lacks are missing values. A score
        that is no number stays nan."""
        if len(rows) == 0:
            return np.empty(0)
        scores = np.asarray(self.pipeline.predict(rows), dtype=np.float64).reshape(-1)
        return np.clip(scores, self.card.scale_low, self.card.scale_high)

    @cached_property
    def scorer(self) -> Scorer:
        """Return the compiled scorer where it scores the golden rows and edge cases like the
        pipeline, else the pipeline's own."""
        scorer = compile_pipeline(self.pipeline)
        golden = [row.features for row in self.card.golden]
        rows = [*golden, *build_edge_rows(golden, self.card.features)]
        check = self.card.scorer
        if check is None or not check.why:
            check = check_scorer(self.pipeline, scorer, self.card, rows)
        return PipelineScorer(self.pipeline, check.why) if check.why else scorer

    @property
    def why_uncompiled(self) -> str:
        """Return why the pipeline itself serves; empty if its compiled scorer does."""
        return self.scorer.why

    def score_row(self, row: Features) -> float:
        """Return the score of one row as it is served, clipped to the card's scale. Raises the
        pipeline's errors, and `ValueError` for a score that is not a number."""
        return clip_score(self.scorer.score_row(row), self.card)

    def score_rows(self, rows: Sequence[Features]) -> list[float]:
        """The scores of rows as they are served; see `score_row`."""
        clipped: list[float] = self._clip(self.scorer.score_rows(rows)).tolist()
        return clipped

    @cached_property
    def takes_columns(self) -> bool:
        """Return True if `score_columns` scores the golden rows as `score` does and needs only
        their features."""
        golden = [row.features for row in self.card.golden]
        return not self.card.reads and takes_columns(self.pipeline, self._column_scorer, golden)

    @cached_property
    def _column_scorer(self) -> ColumnScorer:
        return compile_columns(self.pipeline)

    def score_columns(self, rows: Columns) -> NDArray[np.float64]:
        """Return the pipeline's scores of rows by columns, shape (n_rows,); see `score_row`."""
        return self._clip(self._column_scorer(rows))

    def time_row(self, row: Features, timer: Callable[[], float]) -> tuple[float, float]:
        """The seconds that the features of a row take, and its score from them."""
        return self.scorer.time_row(row, timer)

    def verify_golden(self) -> None:
        """Score the card's golden rows again; raise `Refused` if a score differs from the saved
        one."""
        golden = self.card.golden
        scores = self.score([row.features for row in golden])
        for i, row in enumerate(golden):
            if not abs(float(scores[i]) - row.score) <= _GOLDEN_TOLERANCE:
                raise Refused(
                    f"The pipeline scores its golden row {i + 1} with {scores[i]:.6g} instead of "
                    f"{row.score:.6g}: the libraries have changed since it was saved. Train it "
                    "again, or install the versions of the lock."
                )

    def _clip(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        if not np.isfinite(scores).all():
            raise ValueError("its score is not a finite number")
        return np.clip(scores, self.card.scale_low, self.card.scale_high)
