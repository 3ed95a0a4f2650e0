"""The row scorer: a saved pipeline as a plain function of one row."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.artifacts.row_model import RowModel, score_each
from core.artifacts.steps import RowStep, compile_model, compile_step
from core.domain.prediction import Columns
from core.domain.sample import Features

ColumnScorer = Callable[[Columns], NDArray[np.float64]]
"""Rows by columns -> their scores, unclipped, shape (n_rows,)."""

MANY = 300
"""Rows from which on a pipeline is quicker than what was compiled from it."""


class Scorer(Protocol):
    """Scores the rows of one version, unclipped. For a row without a score it raises or returns a
    number that is not finite."""

    @property
    def why(self) -> str:
        """Return why this is not the compiled scorer; empty if it is."""

    def score_row(self, row: Features) -> float:
        """The score of one row."""

    def score_rows(self, rows: Sequence[Features]) -> NDArray[np.float64]:
        """The score of each row, shape (n_rows,)."""

    def time_row(self, row: Features, timer: Callable[[], float]) -> tuple[float, float]:
        """The seconds that the features of a row take, and its score from them."""


class PipelineScorer:
    """The pipeline itself, with why it is not compiled."""

    def __init__(self, pipeline: Any, why: str) -> None:
        self._pipeline = pipeline
        self.why = why

    def score_row(self, row: Features) -> float:
        """The score of one row."""
        return float(self.score_rows([row])[0])

    def score_rows(self, rows: Sequence[Features]) -> NDArray[np.float64]:
        """The score of each row, shape (n_rows,)."""
        return np.asarray(self._pipeline.predict(rows), dtype=np.float64).reshape(-1)

    def time_row(self, row: Features, timer: Callable[[], float]) -> tuple[float, float]:
        """No seconds for the features, which are not to be told apart, and those of all of it."""
        started = timer()
        self.score_row(row)
        return 0.0, timer() - started


class CompiledScorer:
    """The pipeline's steps as functions of one row, and its model as another; from `MANY` rows on
    the pipeline itself, which is quicker."""

    why = ""

    def __init__(self, steps: Sequence[RowStep], model: RowModel, pipeline: Any) -> None:
        self._first, *self._rest = steps
        self._model = model
        self._many = PipelineScorer(pipeline, "")

    def score_row(self, row: Features) -> float:
        """The score of one row."""
        return self._model(self._prepare(row))

    def score_rows(self, rows: Sequence[Features]) -> NDArray[np.float64]:
        """The score of each row, shape (n_rows,)."""
        if len(rows) >= MANY:
            return self._many.score_rows(rows)
        return score_each(self._model, [self._prepare(row) for row in rows])

    def time_row(self, row: Features, timer: Callable[[], float]) -> tuple[float, float]:
        """The seconds that the features of a row take, and its score from them."""
        started = timer()
        values = self._prepare(row)
        prepared = timer()
        self._model(values)
        return prepared - started, timer() - prepared

    def _prepare(self, row: Features) -> Any:
        values = self._first(row)
        for step in self._rest:
            values = step(values)
        return values


def compile_pipeline(pipeline: Any) -> Scorer:
    """The pipeline as a function of one row where every step of it can be one, else the pipeline
    with the reason."""
    *steps, (_, model) = pipeline.steps
    compiled: list[RowStep] = []
    for name, step in steps:
        function = compile_step(step)
        if function is None:
            return PipelineScorer(pipeline, f"its step '{name}' has no row scorer")
        compiled.append(function)
    try:
        row_model = compile_model(model)
    except ValueError as error:
        return PipelineScorer(pipeline, f"its model has {error}")
    if row_model is None or not compiled:
        return PipelineScorer(pipeline, f"its model {type(model).__name__} has no row scorer")
    return CompiledScorer(compiled, row_model, pipeline)


def compile_columns(pipeline: Any) -> ColumnScorer:
    """Return the pipeline as a function of rows by columns, without scikit-learn's checks between
    the steps: for a thousand rows they take half as long as the trees."""
    functions = [pipeline.predict]
    *steps, model = [step for _, step in getattr(pipeline, "steps", [("all", pipeline)])]
    if all(hasattr(step, "transform") for step in steps):  # one may be left out by a word
        functions = [getattr(step, "encode", step.transform) for step in steps]
        functions.append(getattr(model, "predict_matrix", model.predict))

    def score(rows: Any) -> NDArray[np.float64]:
        for function in functions:
            rows = function(rows)
        return np.asarray(rows, dtype=np.float64).reshape(-1)

    return score
