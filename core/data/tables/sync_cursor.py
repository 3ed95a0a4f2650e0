"""The cursor of a table: the rows to read next, the check for completeness, and the next watermark;
pure."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta  # noqa: F401 - UTC is for the examples

from core.data.parsing.cell_parser import ColumnKind, read_cell
from core.data.parsing.notation import BadValue
from core.domain.source import Reading, RowRange, TableMapping, Watermark


@dataclass(frozen=True, slots=True)
class Request:
    """The rows to read: the last `days` regardless of earlier readings, or the new ones without it;
    at most `limit`."""

    days: float | None = None
    limit: int | None = None


def goes_on(reading: Reading, request: Request) -> bool:
    """Return whether an interrupted reading fits the request."""
    return (reading.days, reading.limit) == (request.days, request.limit)


def choose_reading(
    watermark: Watermark | None, request: Request, overlap: timedelta, now: datetime
) -> Reading:
    """Return a new reading from some days ago, from the beginning, or from an overlap before the
    watermark, for late rows. It moves the watermark unless it leaves a gap.

    >>> now = datetime(2026, 3, 2, tzinfo=UTC)
    >>> choose_reading(Watermark(now), Request(), timedelta(days=1), now).from_written
    '2026-03-01T00:00:00+00:00'
    >>> choose_reading(None, Request(days=7), timedelta(days=1), now).advances
    False
    """
    from_written, from_after, advances = None, None, True
    if request.days is not None:
        start = now - timedelta(days=request.days)
        whole = watermark is not None and watermark.after is None and start <= watermark.at
        from_written, advances = start.isoformat(), whole
    elif watermark is not None and watermark.after is not None:
        from_after = watermark.after
    elif watermark is not None:
        from_written = (watermark.at - overlap).isoformat()
    return Reading(now, request.days, request.limit, advances, from_written, from_after)


def plan_spans(mapping: TableMapping, reading: Reading) -> tuple[RowRange, ...]:
    """Return the spans of a reading in order: the rows with a time, then those without one unless
    only some days are read.

    >>> now = datetime(2026, 3, 2, tzinfo=UTC)
    >>> reading = choose_reading(None, Request(), timedelta(), now)
    >>> [span.undated for span in plan_spans(TableMapping("t", "y"), reading)]
    [False, True]
    """
    span = RowRange(mapping.table, mapping.key, mapping.order)
    if mapping.order is None:
        return (span,)
    dated = replace(
        span,
        from_written=reading.from_written,
        upto_written=reading.upto_written,
        after=reading.from_after,
    )
    undated = replace(span, undated=True)
    return (dated,) if reading.days is not None else (dated, undated)


def cut(n_rows: int, limit: int | None) -> int:
    """Return a number of rows, at most the limit.

    >>> cut(5, None), cut(5, 3)
    (5, 3)
    """
    return n_rows if limit is None else min(n_rows, limit)


def is_complete(n_received: int, n_counted: int, n_counted_after: int) -> bool:
    """Return whether as many rows came as were counted; if the table changed meanwhile, whether the
    number lies between both counts.

    >>> is_complete(10, 10, 10), is_complete(9, 10, 10), is_complete(11, 10, 12)
    (True, False, True)
    """
    low, high = sorted((n_counted, n_counted_after))
    return low <= n_received <= high


def next_watermark(before: Watermark | None, reading: Reading) -> Watermark | None:
    """Return the watermark after a complete reading. It never moves behind the start of the
    reading: a row from the future says nothing of those to come."""
    if not reading.advances:
        return before
    after = reading.after if reading.n_spans_done == 0 else None  # where a limit cut it
    written = reading.upto_written if after is None else after.written
    if written is None:
        return None if before is None else replace(before, after=None)
    at = min(_read_time(written) or reading.begun_at, reading.begun_at)
    return Watermark(at if before is None else max(at, before.at), after)


def describe_reading(reading: Reading) -> str:
    """Return the outcome of a reading as a sentence."""
    n_duplicate = reading.n_received - reading.n_new - reading.n_rejected
    return (
        f"{reading.n_received:,} rows read, as many as were counted: {reading.n_new:,} new or "
        f"corrected, {n_duplicate:,} there already, {reading.n_rejected:,} rejected."
    )


def _read_time(written: str) -> datetime | None:
    try:
        return read_cell(written, ColumnKind.TIME)
    except BadValue:  # infinity, say
        return None
