"""A rollup: every moment lies in one minute, one hour and one day, each within the next."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.monitoring import DAY, HOUR, MINUTE, SPANS, floor_time

moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("seconds", "start"),
    [
        (MINUTE, datetime(2026, 3, 2, 12, 34, tzinfo=UTC)),
        (HOUR, datetime(2026, 3, 2, 12, tzinfo=UTC)),
        (DAY, datetime(2026, 3, 2, tzinfo=UTC)),
    ],
)
def test_a_span_starts_at_a_full_one_of_the_clock(seconds: int, start: datetime) -> None:
    assert floor_time(datetime(2026, 3, 2, 12, 34, 56, 789, tzinfo=UTC), seconds) == start
    assert floor_time(start, seconds) == start
    assert floor_time(start - timedelta(microseconds=1), seconds) < start


@given(moments, st.sampled_from(SPANS))
def test_a_moment_lies_in_the_span_that_starts_at_its_floor(at: datetime, seconds: int) -> None:
    start = floor_time(at, seconds)
    assert start <= at < start + timedelta(seconds=seconds)
    assert floor_time(start, seconds) == start


@given(moments)
def test_a_longer_span_starts_where_one_of_its_parts_does(at: datetime) -> None:
    for part, whole in pairwise(SPANS):
        assert whole % part == 0
        assert floor_time(floor_time(at, part), whole) == floor_time(at, whole)
