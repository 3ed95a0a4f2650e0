"""What to read next: no gap is ever left behind a watermark, whatever was asked for before."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.data.tables.sync_cursor import (
    Request,
    choose_reading,
    describe_reading,
    goes_on,
    is_complete,
    next_watermark,
    plan_spans,
)
from core.domain.source import Place, TableMapping, Watermark

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
EVERYTHING = Request()
PLACE = Place("2026-02-01T00:00:00.123456+00:00", 7)


def test_a_first_reading_begins_at_the_beginning() -> None:
    reading = choose_reading(None, EVERYTHING, DAY, NOON)
    assert (reading.from_written, reading.from_after, reading.advances) == (None, None, True)


def test_the_next_reading_begins_an_overlap_before_the_watermark() -> None:
    reading = choose_reading(Watermark(NOON), EVERYTHING, DAY, NOON + DAY)
    assert reading.from_written == "2026-03-01T12:00:00+00:00"


def test_a_reading_that_a_limit_cut_goes_on_behind_its_last_row() -> None:
    reading = choose_reading(Watermark(NOON, PLACE), EVERYTHING, DAY, NOON)
    assert (reading.from_written, reading.from_after) == (None, PLACE)


@pytest.mark.parametrize(
    ("watermark", "days", "advances"),
    [
        (None, 7, False),  # the rows before are still to be read
        (Watermark(NOON - 2 * DAY), 7, True),
        (Watermark(NOON - 8 * DAY), 7, False),  # a gap of a day would be left
        (Watermark(NOON - 2 * DAY, PLACE), 7, False),
    ],
)
def test_some_days_move_the_watermark_only_where_they_leave_no_gap(
    watermark: Watermark | None, days: float, advances: bool
) -> None:
    reading = choose_reading(watermark, Request(days=days), DAY, NOON)
    assert reading.advances is advances
    assert reading.from_written == (NOON - timedelta(days=days)).isoformat()
    if not advances:
        done = replace(reading, upto_written=NOON.isoformat(), n_spans_done=1)
        assert next_watermark(watermark, done) == watermark


def test_the_watermark_is_the_newest_row() -> None:
    reading = replace(
        choose_reading(None, EVERYTHING, DAY, NOON), upto_written=PLACE.written, n_spans_done=2
    )
    assert next_watermark(None, reading) == Watermark(
        datetime(2026, 2, 1, 0, 0, 0, 123456, tzinfo=UTC)
    )


@pytest.mark.parametrize("upto_written", ["2031-01-01T00:00:00+00:00", "infinity"])
def test_a_row_from_the_future_moves_the_watermark_to_the_moment_of_reading(
    upto_written: str,
) -> None:
    reading = replace(
        choose_reading(None, EVERYTHING, DAY, NOON), upto_written=upto_written, n_spans_done=2
    )
    assert next_watermark(None, reading) == Watermark(NOON)


def test_the_watermark_does_not_go_back() -> None:
    reading = choose_reading(Watermark(NOON), EVERYTHING, DAY, NOON + DAY)
    reading = replace(reading, upto_written="2026-03-02T01:00:00+00:00", n_spans_done=2)
    assert next_watermark(Watermark(NOON), reading) == Watermark(NOON)


def test_a_limit_leaves_the_place_where_it_cut() -> None:
    reading = choose_reading(None, Request(limit=5), DAY, NOON)
    reading = replace(reading, upto_written="2026-03-01T00:00:00+00:00", after=PLACE, n_received=5)
    watermark = next_watermark(None, reading)
    assert watermark is not None
    assert watermark.after == PLACE


def test_nothing_behind_the_cut_means_that_all_was_read() -> None:
    before = Watermark(NOON, PLACE)
    reading = choose_reading(before, EVERYTHING, DAY, NOON)
    assert next_watermark(before, reading) == Watermark(NOON)


def test_a_table_with_times_is_read_in_two_spans() -> None:
    reading = choose_reading(None, EVERYTHING, DAY, NOON)
    dated, undated = plan_spans(TableMapping("t", "y", changed="changed_at"), reading)
    assert (dated.order, dated.undated, undated.undated) == ("changed_at", False, True)


def test_some_days_have_no_rows_without_a_time() -> None:
    reading = choose_reading(None, Request(days=1), DAY, NOON)
    (span,) = plan_spans(TableMapping("t", "y"), reading)
    assert not span.undated


def test_a_table_without_times_is_one_span() -> None:
    reading = choose_reading(Watermark(NOON), EVERYTHING, DAY, NOON)
    (span,) = plan_spans(TableMapping("t", "y", timestamp=None), reading)
    assert (span.order, span.from_written) == (None, None)


@pytest.mark.parametrize(
    ("n_received", "n_before", "n_after", "complete"),
    [
        (10, 10, 10, True),
        (9, 10, 10, False),
        (11, 10, 10, False),
        (10, 10, 12, True),
        (11, 10, 12, True),
        (12, 10, 12, True),
        (13, 10, 12, False),
        (9, 10, 8, True),  # rows were deleted meanwhile
    ],
)
def test_complete_is_what_was_counted_before_or_after_or_between(
    n_received: int, n_before: int, n_after: int, complete: bool
) -> None:
    assert is_complete(n_received, n_before, n_after) is complete


def test_only_the_same_request_goes_on_with_a_reading() -> None:
    reading = choose_reading(None, Request(7, 100), DAY, NOON)
    assert goes_on(reading, Request(7, 100))
    assert not goes_on(reading, Request(7, None))
    assert not goes_on(reading, Request(8, 100))


def test_a_reading_is_described_with_all_of_its_rows() -> None:
    reading = replace(
        choose_reading(None, EVERYTHING, DAY, NOON), n_received=1_010, n_new=900, n_rejected=10
    )
    assert describe_reading(reading) == (
        "1,010 rows read, as many as were counted: 900 new or corrected, 100 there already, "
        "10 rejected."
    )
