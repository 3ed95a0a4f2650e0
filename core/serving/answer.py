"""Answers: the logged prediction from a model's score, or from a guess if no model answers."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core.domain.dataset import TEXT
from core.domain.model_card import Card, find_limits
from core.domain.prediction import AnswerSource, Prediction, Variant
from core.domain.sample import Features
from core.domain.version import version_name
from core.serving.fallback import Guess
from core.settings import Scale

_MAX_NAMES = 6
_RFC_9562 = {f"{number:x}": f"{8 | number & 3:x}" for number in range(16)}
"""Each hexadecimal digit to the one with the variant of RFC 9562 in its first two bits."""


@dataclass(slots=True)  # frozen ones take three times as long to create
class Ask:
    """A row to score. `event_at` is the time at which the scored work was made, if the caller gives
    it; `key_id` is the id of the caller's API key. A candidate has the id of its decision, and the
    caller's name for it."""

    features: Features
    text: str | None = None
    unit_id: str | None = None
    event_at: datetime | None = None
    key_id: int | None = None
    decision_id: str | None = None
    candidate_id: str | None = None


@dataclass(slots=True)
class Received:
    """A row to score, with the time of its arrival, on the clock and on the service's timer."""

    ask: Ask
    at: datetime
    started: float


@dataclass(slots=True)
class ScoringAttempt:
    """The fields of a prediction that are known before it is answered."""

    id: str
    at: datetime
    revision: int
    version: int
    variant: Variant
    latency_ms: float
    batch_rows: int | None = None  # as of `Prediction`


def build_id(at: datetime, bits: bytes) -> str:
    """Return 32 hex digits in the layout of UUID version 7 (RFC 9562), so that ids sort by time:
    the milliseconds since 1970, then 74 of the 80 random `bits`.

    >>> from datetime import UTC
    >>> build_id(datetime(2026, 3, 2, 12, tzinfo=UTC), bytes(10))
    '019cae6b660070008000000000000000'
    """
    digits = bits.hex()
    millis = int(at.timestamp() * 1000)
    return f"{millis:012x}7{digits[:3]}{_RFC_9562[digits[3]]}{digits[4:19]}"


def build_model_prediction(
    ask: Ask, attempt: ScoringAttempt, score: float, card: Card, scale: Scale
) -> Prediction:
    """Return the prediction of a model, with its score and interval clipped to the scale; without
    limits if the interval is not known."""
    clipped = clip(score, scale)
    low, high = find_limits(card, clipped) or (None, None)
    return _build(ask, attempt, AnswerSource.MODEL, None, clipped, low, high)


def find_all_limits(
    scores: NDArray[np.float64], card: Card
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the lower and the upper limits of scores in points, two arrays of the shape of
    `scores`; None if the interval is not known.

    >>> card = Card("r", (), 0.0, 100.0, 5.0, 6.0, (), False)
    >>> [limits.tolist() for limits in find_all_limits(np.array([50.0, 97.0]), card)]
    [[44.0, 91.0], [56.0, 100.0]]
    """
    if card.bands:
        place = np.searchsorted([band.highest for band in card.bands], scores)
        widths = np.array([band.half_width for band in card.bands])
        reach = widths[np.minimum(place, len(widths) - 1)]
    elif card.interval_half_width is None:
        return None
    else:
        reach = np.full(len(scores), card.interval_half_width)
    return np.maximum(scores - reach, card.scale_low), np.minimum(scores + reach, card.scale_high)


def to_array(numbers: NDArray[np.float64]) -> "array[float]":
    """Return the same numbers as Python's array.

    >>> to_array(np.array([1.0]))
    array('d', [1.0])
    """
    return array("d", np.ascontiguousarray(numbers, dtype=np.float64).tobytes())


def build_guessed_prediction(
    ask: Ask, attempt: ScoringAttempt, why: str, guess: Guess, card: Card | None
) -> Prediction:
    """Return the prediction that no model answered, for the reason `why`: by the heuristic, or
    failed if the guess has no score; refused if the request has nothing that the version of `card`
    reads. `card` is None if no version is loaded."""
    if guess.score is None:
        unreadable = (
            card is not None
            and choose_refusal({**ask.features, TEXT: ask.text}, card, attempt.version) is not None
        )
        source = AnswerSource.REFUSED if unreadable else AnswerSource.FAILED
        return _build(ask, attempt, source, f"{why}, and {guess.how}.", None, None, None)
    reason = f"{why}; the score is the {guess.how}."
    return _build(ask, attempt, AnswerSource.HEURISTIC, reason, guess.score, None, None)


_STANDS_FOR = (
    AnswerSource.HEURISTIC,
    AnswerSource.MODEL,
    AnswerSource.FAILED,
    AnswerSource.REFUSED,
)
"""Of the rows of a batch, the first of these stands for the request, which is answered where one
row is."""


def mark_batch(answers: Sequence[Prediction]) -> list[Prediction]:
    """Return the rows of one request, of which one stands for all. Rows that were timed as requests
    of their own, together, have a share of their time each from now on.

    >>> mark_batch([])
    []
    """
    if not answers:
        return []
    n = len(answers)
    places = {answer.source: place for place, answer in reversed(list(enumerate(answers)))}
    stands = next(places[source] for source in _STANDS_FOR if source in places)
    marked = [
        answer
        if answer.batch_rows == 0
        else replace(answer, batch_rows=0, latency_ms=answer.latency_ms / n)
        for answer in answers
    ]
    marked[stands] = replace(marked[stands], batch_rows=n)
    return marked


def choose_refusal(features: Features, card: Card, version: int) -> str | None:
    """Return the reason why a model should not score a row: the row has none of the features that
    it reads, so its score would not depend on the row. None if the row has one."""
    for name in card.features:  # the first nearly always has a value, so this is fast
        if features.get(name) is not None:
            return None
    if TEXT in card.reads and features.get(TEXT) is not None:
        return None
    if TEXT in card.reads and not card.features:
        return f"The request has no text, which is all that {version_name(version)} reads"
    shown = ", ".join(card.features[:_MAX_NAMES])
    more = len(card.features) - _MAX_NAMES
    return f"The request has none of the features that {version_name(version)} reads ({shown}" + (
        f" and {more} more)" if more > 0 else ")"
    )


def clip(score: float, scale: Scale) -> float:
    """Return the score, limited to the scale.

    >>> clip(104.2, Scale(0.0, 100.0))
    100.0
    """
    return min(max(score, scale.low), scale.high)


def check_scores(scores: Sequence[float], n_rows: int) -> None:
    """Raise `ValueError` unless a model gave one finite score for each row.

    >>> check_scores([71.5], 1)
    """
    if len(scores) != n_rows:
        raise ValueError(f"it gave {len(scores)} scores for {n_rows} rows")
    if not all(map(math.isfinite, scores)):
        raise ValueError("its score is not a finite number")


def _build(
    ask: Ask,
    attempt: ScoringAttempt,
    source: AnswerSource,
    reason: str | None,
    score: float | None,
    low: float | None,
    high: float | None,
) -> Prediction:
    return Prediction(
        id=attempt.id,
        at=attempt.at,
        version=attempt.version,
        variant=attempt.variant,
        source=source,
        reason=reason,
        score=score,
        low=low,
        high=high,
        features=ask.features,
        text=ask.text,
        unit_id=ask.unit_id,
        latency_ms=attempt.latency_ms,
        revision=attempt.revision,
        event_at=ask.event_at,
        key_id=ask.key_id,
        decision_id=ask.decision_id,
        candidate_id=ask.candidate_id,
        batch_rows=attempt.batch_rows,
    )
