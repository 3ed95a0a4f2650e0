"""Times as programs and people write them, alone and as a column."""

from datetime import UTC, datetime

import pytest

from core.data.parsing.cell_parser import ColumnKind, read_cell
from core.data.parsing.notation import PLAIN, BadValue, Notation
from core.data.parsing.time_parser import TimeForm, find_time_notations, has_zone

TWO_O_CLOCK = datetime(2026, 3, 2, 14, tzinfo=UTC)


def _read(value: object, notation: Notation = PLAIN) -> datetime | None:
    return read_cell(value, ColumnKind.TIME, notation=notation)


def _read_column(values: list[object]) -> list[datetime | None]:
    form = TimeForm()
    form.add(values)
    notation = find_time_notations({"at": form}).get("at", PLAIN)
    return [_read(value, notation) for value in values]


@pytest.mark.parametrize(
    "value",
    [
        "Mon Mar  2 14:00:00 2026",
        "Mon Mar 02 14:00:00 UTC 2026",
        "Mon Mar  2 15:00:00 CET 2026",
        "Mon Mar 02 2026 15:00:00 GMT+0100 (Central European Standard Time)",
        "Mon Mar 02 2026 15:00:00 GMT+0100",
        "Monday, March 2, 2026 14:00",
        "2026-03-02T15:00:00+01:00[Europe/Berlin]",
        "2026-03-02T15:00:00[Europe/Berlin]",
        "2026-03-02 15:00:00 Europe/Berlin",
        "2026-03-02T14:00:00Z[UTC]",
        "2026-03-02 09:00 America/New_York",
        "2026-03-02 15:00:00 CET",
        "2026-03-02 06:00:00 PST",
        "2026-03-02 09:00 AM EST",
        "2026-03-02 10:00:00 EDT",
        "2026-03-02 14:00:00 UTC+00:00",
        "2026-03-02t14:00:00z",
        "2026-03-02T14:00:00.000000000Z",
        "2026-03-02T14:00:00,000",
        "2026-W10-1T14:00",
        "20260302140000",
        "202603021400",
        20260302140000,
        202603021400.0,
        "1772460000000.0",
        "1772460000.0",
        "1.772460e9",
    ],
)
def test_one_moment_as_many_programs_write_it(value: object) -> None:
    assert _read(value) == TWO_O_CLOCK


@pytest.mark.parametrize("value", ["2026-03-02 24:00:00", "2026-03-02T24:00Z", "2026-03-02 24:00"])
def test_hour_24_is_the_midnight_that_ends_the_day(value: str) -> None:
    assert _read(value) == datetime(2026, 3, 3, tzinfo=UTC)


@pytest.mark.parametrize("value", [20260302, 20260302.0, "20260302.0", "20260302", "2026-061"])
def test_a_day_in_digits_is_that_day_in_every_type(value: object) -> None:
    assert _read(value) == datetime(2026, 3, 2, tzinfo=UTC)


def test_fractions_of_a_second_are_kept_to_the_microsecond() -> None:
    assert _read("2026-03-02T14:00:00,5") == TWO_O_CLOCK.replace(microsecond=500_000)
    assert _read("2026-03-02T14:00:00.123456789Z") == TWO_O_CLOCK.replace(microsecond=123_456)


@pytest.mark.parametrize(
    ("value", "hour"),
    [
        ("2026-03-28 12:00 Europe/Berlin", 11),
        ("2026-03-29 12:00 Europe/Berlin", 10),
        ("2026-10-25T02:30:00+02:00[Europe/Berlin]", 0),
        ("2026-10-25T02:30:00+01:00[Europe/Berlin]", 1),
    ],
)
def test_a_zone_name_knows_summer_time_and_an_offset_beside_it_wins(value: str, hour: int) -> None:
    at = _read(value)
    assert at is not None
    assert at.hour == hour


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("2026-03-02 14:00 IST", "is in IST, a name of several time zones: write an offset"),
        ("2026-03-02 14:00 Europe/Atlantis", "a time zone that is not known here"),
        ("2026-03-02 14:00 XYZT", "is not a time"),
        ("2026-03-02 24:30:00", "is not a time"),
        ("2026-02-30 24:00:00", "is not a time"),
        ("20261302", "is not a time"),
        ("Mon Foo  2 14:00:00 2026", "is not a time"),
    ],
)
def test_what_cannot_be_read_says_why(value: str, why: str) -> None:
    with pytest.raises(BadValue, match=why):
        _read(value)


@pytest.mark.parametrize("form", [str, int, float, lambda digits: f"{digits}.0"])
def test_ten_digits_are_hours_of_days_where_every_row_is_one(form) -> None:
    hours = [form(2026060100 + hour) for hour in range(0, 24, 6)]
    assert _read_column(hours) == [datetime(2026, 6, 1, h, tzinfo=UTC) for h in range(0, 24, 6)]


@pytest.mark.parametrize("odd", [1772460000, 2026060199, "2026-06-01", 5])
def test_ten_digits_are_seconds_where_one_row_is_no_hour_of_a_day(odd: object) -> None:
    form = TimeForm()
    form.add([2026060100, odd])
    assert not form.notation.packed
    assert _read(2026060100, form.notation) == datetime(2034, 3, 15, 18, 28, 20, tzinfo=UTC)


def test_days_of_a_spreadsheet_are_times_where_every_row_is_one() -> None:
    assert _read_column(["45000.5", "45001", ""]) == [
        datetime(2023, 3, 15, 12, tzinfo=UTC),
        datetime(2023, 3, 16, tzinfo=UTC),
        None,
    ]
    with pytest.raises(BadValue, match="is not a time"):
        _read_column(["45000.5", "12"])


def test_a_year_of_two_digits_is_the_nearer_century() -> None:
    assert _read_column(["16/02/26", "01/03/99"]) == [
        datetime(2026, 2, 16, tzinfo=UTC),
        datetime(1999, 3, 1, tzinfo=UTC),
    ]


def test_the_order_of_day_and_month_is_that_of_the_other_column_of_times() -> None:
    forms = {"at": TimeForm(), "rated_at": TimeForm()}
    forms["at"].add(["16/02/2026"])
    forms["rated_at"].add(["03/02/2026"])
    assert find_time_notations(forms)["rated_at"] == Notation(day_first=True)


def test_a_day_first_time_may_end_with_a_zone() -> None:
    notation = Notation(day_first=True)
    assert _read("02/03/2026 15:00:00 CET", notation) == TWO_O_CLOCK
    assert _read("02/03/2026 3:00 PM Europe/Berlin", notation) == TWO_O_CLOCK


def test_only_what_names_a_zone_has_one() -> None:
    assert has_zone("2026-03-02 15:00:00 CET")
    assert has_zone("2026-03-02 15:00 Europe/Berlin")
    assert not has_zone("Mon Mar  2 14:00:00 2026")
    assert not has_zone(20260302)
