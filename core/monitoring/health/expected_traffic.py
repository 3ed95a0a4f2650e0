"""Expected traffic: the requests that a pause would have brought, and scores that still vary."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from core.settings import Scale
from core.stats.histogram import N_SCORE_BUCKETS

_DAY = timedelta(days=1)
_N_DAYS = 7


def choose_spans(
    first_at: datetime, last_at: datetime, now: datetime
) -> list[tuple[datetime, timedelta]]:
    """The same hours as the pause from `last_at` to `now` (24 hours at most) on each of up to seven
    days before, the newest first; with less than a day of history, the 24 hours before the pause.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> spans = choose_spans(noon - timedelta(days=2), noon, noon + timedelta(hours=1))
    >>> [(start.day, str(length)) for start, length in spans]
    [(1, '1:00:00'), (28, '1:00:00')]
    """
    n_days = min(_N_DAYS, (last_at - first_at) // _DAY)
    if n_days == 0:
        return [(last_at - _DAY, _DAY)]
    pause = min(now - last_at, _DAY)
    return [(last_at - day * _DAY, pause) for day in range(1, n_days + 1)]


def expect_requests(
    spans: list[tuple[datetime, timedelta]], counts: list[int], pause: timedelta
) -> float:
    """Return the number of requests expected in a pause, from the counts of its `spans`: their
    mean, or the count of the same weekday where that is known and smaller. A history shorter than a
    day is spread over the whole day, so that a first burst of requests does not make a pause
    unusual.

    >>> day = timedelta(days=1)
    >>> at = datetime(2026, 3, 2)
    >>> expect_requests([(at, day)], [48], timedelta(hours=1))
    2.0
    """
    length = spans[0][1]
    mean = sum(counts) / len(counts)
    if length >= _DAY:
        mean *= min(pause, _DAY) / length
    return min(mean, float(counts[-1])) if len(counts) == _N_DAYS else mean


@dataclass(frozen=True, slots=True)
class Spread:
    """The spread of the newest scores of different requests."""

    n_distinct: int
    share: float  # of them in the fullest 50th of the scale, wherever it lies
    score: float  # in its middle


def summarize_spread(scores: Sequence[tuple[float, str]], scale: Scale) -> Spread | None:
    """The spread of scores, each with its request's features as text; of equal requests the first
    counts. None without scores.

    >>> scores = [(60.0, "a"), (60.5, "b"), (90.0, "c"), (60.0, "a")]
    >>> summarize_spread(scores, Scale(0.0, 100.0))
    Spread(n_distinct=3, share=0.6666666666666666, score=60.25)
    """
    first: dict[str, float] = {}
    for score, features in scores:
        first.setdefault(features, score)
    if not first:
        return None
    values = np.sort(np.array(list(first.values())))
    width = (scale.high - scale.low) / N_SCORE_BUCKETS
    ends = np.searchsorted(values, values + width, side="right")
    n_inside = ends - np.arange(len(values))
    fullest = int(np.argmax(n_inside))
    middle = (values[fullest] + values[ends[fullest] - 1]) / 2
    return Spread(len(values), float(n_inside[fullest]) / len(values), float(middle))
