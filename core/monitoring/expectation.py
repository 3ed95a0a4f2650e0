"""Expectation: how many requests a pause would have brought, going by the last days."""

from datetime import datetime, timedelta

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
    """How many requests would have come in a pause, from the counts of its `spans`: their mean, or
    the count of the same weekday where that is known and smaller. A history shorter than a day is
    spread over the whole day, so that a first burst of requests does not make a pause unusual.

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
