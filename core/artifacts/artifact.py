"""An artifact: a fitted pipeline with its card, ready to score."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.artifacts.check import build_edge_rows, check_scorer, clip_score, takes_columns
from core.artifacts.scorer import (
    ColumnScorer,
    PipelineScorer,
    Scorer,
    compile_columns,
    compile_pipeline,
)
from core.domain.model_card import Card
from core.domain.prediction import Columns
from core.domain.sample import Features
from core.errors import Refused

if TYPE_CHECKING:
    import pandas as pd

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
