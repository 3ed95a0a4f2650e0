"""Scores of rows that were asked for before: asking again costs a look instead of a model."""

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
    """What scores the rows of one version, as an artifact does."""

    @property
    def card(self) -> Card:
        """What it says of itself."""

    @property
    def why_uncompiled(self) -> str:
        """Why its pipeline scores rather than what was compiled from it."""

    def score_row(self, row: Features) -> float:
        """The score of one row; raises where it has none."""

    def score_rows(self, rows: Sequence[Features]) -> list[float]:
        """The scores of rows; raises where one has none."""

    @property
    def takes_columns(self) -> bool:
        """Whether `score_columns` gives the scores that rows have one by one, from nothing but
        their features."""

    def score_columns(self, rows: Columns) -> NDArray[np.float64]:
        """The scores of rows by columns; raises where one has none."""

    def time_row(self, row: Features, timer: Callable[[], float]) -> tuple[float, float]:
        """The seconds that the features of a row take, and its score from them."""


_MAX_LOOKED_UP = 100  # rows at once


class CachedModel:
    """A model that remembers the scores of its newest rows, `max_rows` at most. What raises is not
    remembered, and batches of more than a hundred rows are neither looked up nor kept: they are
    scored quicker."""

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
        """The score of one row, found or made. Two rows are the same where they have the same
        names with the same values, in any order."""
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
        """The scores of rows, each found or made; those to make, at once."""
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
        """Answer intervals `factor` times as wide as training found from now on."""
        self.card = widen_card(self._model.card, factor)

    def clear(self) -> None:
        """Forget the scores; what was counted stays."""
        self._scores = OrderedDict()

    def _keep(self, keys: Sequence[frozenset[tuple[str, object]]], scores: Sequence[float]) -> None:
        kept = self._scores
        kept.update(zip(keys, scores, strict=True))
        while len(kept) > self._max_rows:
            kept.popitem(last=False)
