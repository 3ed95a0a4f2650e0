"""Scores for a piece of a file: by the pipeline for all rows, then row by row for those without a
score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core.artifacts.artifact import Artifact
from core.data.parsing.unlabelled import Unlabelled
from core.domain.dataset import TEXT
from core.domain.history import MODEL, PROVIDER, RecentLabels
from core.domain.model_card import Card, find_limits, widen_card
from core.domain.prediction import AnswerSource, Variant
from core.domain.sample import Features, FeatureValue
from core.domain.version import version_name
from core.serving.answer import Ask, ScoringAttempt, build_guessed_prediction
from core.serving.fallback import choose_guess
from core.serving.files.report import REJECTED
from core.serving.scoring import MODEL_ERRORS, InputRow, carry_rows, score_asked
from core.settings import Scale
from core.store.engine.database import Database

_Column = NDArray[np.float64] | Sequence[FeatureValue]


@dataclass(frozen=True, slots=True)
class RowScorer:
    """Scores the rows of one file by a version, or by the heuristic with the reason for it."""

    db: Database
    artifact: Artifact | None
    version: int
    why: str
    recent: RecentLabels
    at: datetime  # the time of rows that have none
    scale: Scale
    widening: float  # how many times as wide as training found the intervals are

    def score(self, rows: Unlabelled) -> dict[str, list[object]]:
        """Return the columns of `parts.ADDED`, with one value for each row."""
        found = [self.why] * len(rows.texts) if self.artifact is None else self._ask_model(rows)
        columns: dict[str, list[object]] = {
            name: [None] * len(found) for name in ("score", "low", "high", "source", "reason")
        }
        card = None if self.artifact is None else widen_card(self.artifact.card, self.widening)
        for place, score in enumerate(found):
            if place in rows.wrong:
                answer: tuple[object, ...] = (None, None, None, REJECTED, rows.wrong[place])
            elif isinstance(score, str) or card is None:
                answer = self._guess(rows, place, str(score))
            else:
                low, high = find_limits(card, score) or (None, None)
                answer = (score, low, high, AnswerSource.MODEL.value, None)
            for column, value in zip(columns.values(), answer, strict=True):
                column[place] = value
        return {**columns, "version": [version_name(self.version)] * len(found)}

    def _ask_model(self, rows: Unlabelled) -> list[float | str]:
        """Return a score for each row, or the reason why the model has none."""
        assert self.artifact is not None
        columns = {name: _as_column(values) for name, values in rows.features.items()}
        try:
            carried = self._carry(rows, self.artifact.card)
            scores = self._score_frame(columns | carried, len(rows.texts))
        except MODEL_ERRORS:
            scores = np.full(len(rows.texts), np.nan)
        scores[~self._find_readable(columns, rows)] = np.nan
        alone = np.flatnonzero(np.isnan(scores)).tolist()
        asked = [self._recall(rows, place) for place in alone]
        answers = score_asked(self.db, self.artifact, self.version, asked, lambda _: None)
        found: list[float | str] = scores.tolist()
        for place, answer in zip(alone, answers, strict=True):
            found[place] = answer
        return found

    def _score_frame(self, columns: Mapping[str, _Column], n_rows: int) -> NDArray[np.float64]:
        # Imported here, since the API imports this module and never needs pandas.
        import pandas as pd

        assert self.artifact is not None
        return self.artifact.score(pd.DataFrame(columns, index=range(n_rows)))

    def _carry(self, rows: Unlabelled, card: Card) -> dict[str, _Column]:
        """Return the columns that the pipeline reads in addition to the features."""
        if not card.reads:
            return {}
        nobody = [None] * len(rows.texts)
        makers = zip(
            rows.features.get(PROVIDER, nobody), rows.features.get(MODEL, nobody), strict=True
        )
        asked = [
            InputRow({PROVIDER: provider, MODEL: model}, text, at or self.at)
            for (provider, model), text, at in zip(makers, rows.texts, rows.times, strict=True)
        ]
        carried = carry_rows(self.db, card, asked)
        return {name: _as_column([row[name] for row in carried]) for name in card.reads}

    def _find_readable(self, columns: Mapping[str, _Column], rows: Unlabelled) -> NDArray[np.bool_]:
        """Return a mask of the rows that have anything for the model to read, shape (n_rows,)."""
        assert self.artifact is not None
        card = self.artifact.card
        readable = np.zeros(len(rows.texts), dtype=bool)
        for name in card.features:
            if name in columns:
                readable |= _is_there(columns[name])
        return readable | _is_there(rows.texts) if TEXT in card.reads else readable

    def _guess(self, rows: Unlabelled, place: int, why: str) -> tuple[object, ...]:
        """Return the heuristic's answer for a row, by the rules of the API."""
        features = _recall_features(rows, place)
        attempt = ScoringAttempt("", self.at, 0, self.version, Variant.CHAMPION, 0.0)
        guess = choose_guess(features, self.recent, self.scale)
        ask = Ask(features, rows.texts[place])
        card = None if self.artifact is None else self.artifact.card
        given = build_guessed_prediction(ask, attempt, why, guess, card)
        return (given.score, given.low, given.high, given.source.value, given.reason)

    def _recall(self, rows: Unlabelled, place: int) -> InputRow:
        at = rows.times[place] or self.at
        return InputRow(_recall_features(rows, place), rows.texts[place], at)


def _recall_features(rows: Unlabelled, place: int) -> Features:
    return {name: values[place] for name, values in rows.features.items()}


def _as_column(values: Sequence[FeatureValue]) -> _Column:
    """Return numbers as an array with nan for None; values with strings among them unchanged."""
    if str in set(map(type, values)):
        return values
    return np.array(values, dtype=np.float64)


def _is_there(column: _Column) -> NDArray[np.bool_]:
    if isinstance(column, np.ndarray):
        return ~np.isnan(column)
    return np.array([value is not None for value in column], dtype=bool)
