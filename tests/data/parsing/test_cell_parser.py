"""One value of a file: what is read, what is missing, what is refused and why."""

import math
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.parsing.cell_parser import (
    ColumnKind,
    ValueKind,
    as_text,
    judge_value,
    read_cell,
)
from core.data.parsing.notation import BadValue, Notation, show
from core.data.parsing.time_parser import has_zone

parse_number = partial(read_cell, kind=ColumnKind.NUMBER)
parse_time = partial(read_cell, kind=ColumnKind.TIME)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("0", 0.0),
        (0, 0.0),
        (" 3.50 ", 3.5),
        ("-1e-3", -0.001),
        (7, 7.0),
        (Decimal("0.1"), 0.1),
        (True, 1.0),
        ("false", 0.0),
        ("TRUE", 1.0),
    ],
)
def test_numbers_are_read_however_they_are_written(value: object, number: float) -> None:
    assert parse_number(value) == number


@pytest.mark.parametrize(
    "value", ["", "  ", None, "NaN", "nan", "NA", "n/a", "null", "None", "?", math.nan]
)
def test_a_missing_number_is_none_and_never_zero(value: object) -> None:
    assert parse_number(value) is None


@pytest.mark.parametrize(
    ("value", "code", "sentence"),
    [
        ("1,234", "ambiguous_number", "'1,234' may have thousands or decimals behind its comma"),
        ("1,2,3", "not_a_number", "'1,2,3' is not a number"),
        ("12,34,5", "not_a_number", "is not a number"),
        ("inf", "infinite", "is infinite: leave the value empty"),
        ("-Infinity", "infinite", "is infinite"),
        (math.inf, "infinite", "is infinite"),
        (10**400, "infinite", "is infinite"),
        ("good", "not_a_number", "'good' is not a number"),
        ("1_000", "not_a_number", "'1_000' is not a number"),
        ("12 apples", "not_a_number", "'12 apples' is not a number"),
        ([1], "not_a_number", "[1] is not a number"),
        ({}, "not_a_number", "{} is not a number"),
    ],
)
def test_what_is_no_number_is_refused_with_the_reason(
    value: object, code: str, sentence: str
) -> None:
    with pytest.raises(BadValue) as caught:
        parse_number(value)
    assert caught.value.code == code
    assert sentence in caught.value.message


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_survives_its_own_text(number: float) -> None:
    assert parse_number(repr(number)) == number
    assert judge_value(repr(number)) is ValueKind.NUMBER


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-02T12:00:00Z",
        "2026-03-02T12:00:00+00:00",
        "2026-03-02T14:00:00+02:00",
        "2026-03-02T04:00:00-0800",
        "2026-03-02 17:45:00 +05:45",
        "2026-03-02 12:00:00 UTC",
        "2026-03-02T12:00",
        "2026-03-02 12:00:00.000",
        "2026/03/02 12:00",
        "20260302T120000Z",
        "2 Mar 2026 12:00",
        "Mar 2, 2026 12:00:00",
        "March 2 2026 12:00 p.m.",
        "02-MAR-26 12:00",
        "2026/3/2 12:00:00 PM",
        "2026.03.02 12:00",
        "Mon, 02 Mar 2026 12:00:00 GMT",
        "1772452800",
        "1772452800.0",
        "1772452800000",
        1772452800,
        1772452800.0,
        1772452800000,
        1772452800000000,
        1772452800000000000,
        NOON,
        datetime(2026, 3, 2, 12),  # noqa: DTZ001
        datetime(2026, 3, 2, 13, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_one_moment_in_many_formats_and_zones_is_one_time(value: object) -> None:
    at = parse_time(value)
    assert at == NOON
    assert at is not None
    assert at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("value", ["2026-03-02", "20260302", date(2026, 3, 2), "2 March 2026"])
def test_a_day_is_its_midnight_in_utc(value: object) -> None:
    assert parse_time(value) == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize("value", ["2026-03", "2026/3", "Mar 2026", "March 2026", "1-Mar-2026"])
def test_a_month_is_its_first_day(value: str) -> None:
    assert parse_time(value) == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("value", ["1991-W06", "1991 W06"])
def test_a_week_is_its_monday(value: str) -> None:
    assert parse_time(value) == datetime(1991, 2, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "hour"),
    [("3/16/2026 1:05 AM", 1), ("3/16/2026 12:05:00 am", 0), ("3/16/26 11 PM", 23)],
)
def test_a_clock_of_twelve_hours_is_read(value: str, hour: int) -> None:
    at = parse_time(value, notation=Notation(day_first=False))
    assert at is not None
    assert (at.day, at.hour) == (16, hour)


@pytest.mark.parametrize("value", ["2026.5", "Mar-26", "Mars 2 2026", "2026-13", "2 Mar 3 2026"])
def test_what_only_looks_like_a_time_is_none(value: str) -> None:
    with pytest.raises(BadValue, match="is not a time"):
        parse_time(value)


@pytest.mark.parametrize("value", [None, "", " ", "n/a", math.nan])
def test_a_missing_time_is_none(value: object) -> None:
    assert parse_time(value) is None


@pytest.mark.parametrize("value", ["01/02/2026", "1.2.2026", "31/12/2026 10:00", "01-02-26"])
def test_day_and_month_in_doubt_are_refused_with_a_hint(value: str) -> None:
    with pytest.raises(BadValue, match="may be day/month or month/day: write times as 2026-02-01"):
        parse_time(value)


@pytest.mark.parametrize(
    "value", ["soon", "2026-13-01", "2026", 2026, 5, "0", "-3", True, [1], "9999-01-01", 1e30]
)
def test_what_is_no_time_is_refused_with_a_hint(value: object) -> None:
    with pytest.raises(BadValue, match="is not a time: write 2026-02-01T14:30:00Z"):
        parse_time(value)


@given(
    st.datetimes(
        min_value=datetime(1980, 1, 1),  # noqa: DTZ001
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001
        timezones=st.integers(-840, 840).map(lambda m: timezone(timedelta(minutes=m))),
    )
)
def test_every_aware_time_survives_iso_8601(at: datetime) -> None:
    assert parse_time(at.isoformat()) == at


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    for parse in (parse_number, parse_time):
        with suppress(BadValue):
            parse(text)
    judge_value(text)


def test_a_time_says_whether_it_had_a_zone() -> None:
    assert has_zone("2026-03-02T12:00+01:00")
    assert has_zone(1772452800)
    assert not has_zone("2026-03-02T12:00")
    assert not has_zone("")


def test_numbers_as_text_have_no_needless_point() -> None:
    assert [as_text(v) for v in (3, 3.0, 3.5, True, "  x ", math.nan, None)] == [
        "3",
        "3",
        "3.5",
        "true",
        "x",
        None,
        None,
    ]


def test_values_are_shown_short() -> None:
    assert show("x" * 100) == "'" + "x" * 29 + "…'"
    assert show(5) == "5"
