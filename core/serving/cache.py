"""A cache of scores: a row that was scored before costs a look-up instead of a model's run."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.domain.model_card import Card, widen_card
from core.domain.prediction import Columns
from core.domain.sample import Features
from core.serving.answer import check_scores


class Model(Protocol):
    """The contract of anything that scores rows for one version, as an artifact does."""

    @property
    def card(self) -> Card:
        """The card of the version: its features, scale and interval."""

    @property
    def why_uncompiled(self) -> str:
        """The reason why the pipeline scores and no compiled scorer; empty if one does."""

    def score_row(self, row: Features) -> float:
        """Return the score of one row; raises if the model has none."""

    def score_rows(self, rows: Sequence[Features]) -> list[float]:
        """Return the scores of rows; raises if the model has none for one of them."""

    @property
    def takes_columns(self) -> bool:
        """True if `score_columns` gives the same scores as `score_row`, reading nothing but
        features."""

    def score_columns(self, rows: Columns) -> NDArray[np.float64]:
        """Return the scores of rows given as columns, shape (n_rows,); raises if one has none."""

    def time_row(self, row: Features, timer: Callable[[], float]) -> tuple[float, float]:
        """Return the seconds to build the features of a row, and the seconds to score them."""


_MAX_LOOKED_UP = 100  # rows of one batch


class CachedModel:
    """A model with the scores of its newest `max_rows` rows. Errors are not cached, and neither are
    batches of more than a hundred rows, which the model scores faster than a look-up."""

    def __init__(self, model: Model, max_rows: int) -> None:
        self.card = model.card
        self.why_uncompiled = model.why_uncompiled
        self.takes_columns = model.takes_columns
        self.score_columns = model.score_columns
        self.n_asked = self.n_found = 0
        self.time_row = model.time_row
        self._model = model
        self._max_rows = max_rows
        self._scores: OrderedDict[frozenset[tuple[str, object]], float] = OrderedDict()

    def score_row(self, row: Features) -> float:
        """Return the score of one row, cached or computed. Two rows are the same if they have the
        same names and values, in any order."""
        key = frozenset(row.items())
        self.n_asked += 1
        score = self._scores.get(key)
        if score is not None:
            self.n_found += 1
            return score
        score = self._model.score_row(row)
        self._keep([key], [score])
        return score

    def score_rows(self, rows: Sequence[Features]) -> list[float]:
        """Return the scores of rows, cached or computed; those to compute are scored together."""
        if len(rows) > _MAX_LOOKED_UP:
            return self._model.score_rows(rows)
        keys = [frozenset(row.items()) for row in rows]
        scores = [self._scores.get(key) for key in keys]
        new = [place for place, score in enumerate(scores) if score is None]
        self.n_asked += len(rows)
        self.n_found += len(rows) - len(new)
        if new:
            made = self._model.score_rows([rows[place] for place in new])
            check_scores(made, len(new))
            for place, score in zip(new, made, strict=True):
                scores[place] = score
            self._keep([keys[place] for place in new], made)
        return [score for score in scores if score is not None]

    def widen(self, factor: float) -> None:
        """Make all intervals from now on `factor` times as wide as training found them."""
        self.card = widen_card(self._model.card, factor)

    def clear(self) -> None:
        """Delete the cached scores; the counts of look-ups stay."""
        self._scores = OrderedDict()

    def _keep(self, keys: Sequence[frozenset[tuple[str, object]]], scores: Sequence[float]) -> None:
        kept = self._scores
        kept.update(zip(keys, scores, strict=True))
        while len(kept) > self._max_rows:
            kept.popitem(last=False)
