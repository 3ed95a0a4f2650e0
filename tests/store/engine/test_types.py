"""Column types: what goes in comes out, in both databases."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from core.domain.training_report import Estimate
from core.store.engine.database import Database
from core.store.engine.types import Flag, Json, UtcTime, from_micros, to_micros

Keep = Callable[..., object]

probe = sa.Table(
    "probe",
    sa.MetaData(),
    sa.Column("at", UtcTime),
    sa.Column("value", Json),
    sa.Column("flag", Flag),
)


@pytest.fixture
def keep(db: Database) -> Iterator[Keep]:
    """Writes one value into a column and reads it back."""
    with db.write() as conn:
        probe.create(conn)

    def write_and_read(column: str, value: object) -> object:
        with db.write() as conn:
            conn.execute(probe.delete())
            conn.execute(probe.insert().values(**{column: value}))
        with db.read() as conn:
            return conn.execute(sa.select(probe.c[column])).scalar_one()

    yield write_and_read
    with db.write() as conn:
        probe.drop(conn)


# --- Time -----------------------------------------------------------------------------------


@given(st.datetimes(timezones=st.timezones()))
def test_a_time_in_any_zone_is_the_same_moment_in_utc(at: datetime) -> None:
    kept = from_micros(to_micros(at))
    assert kept == at.astimezone(UTC)
    assert kept.tzinfo is UTC


def test_the_hour_that_comes_twice_is_kept_as_the_one_it_was() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=0)
    again = first.replace(fold=1)
    assert from_micros(to_micros(again)) - from_micros(to_micros(first)) == timedelta(hours=1)


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 3, 2, 12, 0, 0, 123_456, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 3, 2, 12, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ],
)
def test_a_time_is_kept_to_the_microsecond(keep: Keep, at: datetime) -> None:
    assert keep("at", at) == at


def test_a_time_without_a_zone_is_refused(keep: Keep) -> None:
    with pytest.raises(sa.exc.StatementError, match="has no time zone"):
        keep("at", datetime(2026, 3, 2, 12))  # noqa: DTZ001


def test_times_are_compared_and_sorted_as_moments(db: Database, keep: Keep) -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    keep("at", noon)
    same = noon.astimezone(ZoneInfo("Asia/Tokyo"))
    with db.read() as conn:
        count = sa.select(sa.func.count())
        assert conn.execute(count.where(probe.c.at == same)).scalar_one() == 1
        assert conn.execute(count.where(probe.c.at < same)).scalar_one() == 0


# --- JSON -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        0,
        0.1,
        False,
        "",
        "null",
        {"ünï": 'quote " back \\ line \n tab \t zero \0 emoji 🙂'},
        {"a": [1, None, {"b": [True, False]}], "c": 1e-300, "d": -0.0},
        [2**53 + 1, 1.7976931348623157e308, 5e-324, 0.1 + 0.2],
    ],
)
def test_json_comes_out_as_it_went_in(keep: Keep, value: object) -> None:
    kept = keep("value", value)
    assert kept == value
    assert type(kept) is type(value)


def test_none_is_null_to_the_database_too(db: Database, keep: Keep) -> None:
    assert keep("value", None) is None
    with db.read() as conn:
        found = conn.execute(sa.select(sa.func.count()).where(probe.c.value.is_(None)))
        assert found.scalar_one() == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_lacks_is_missing(keep: Keep, value: float) -> None:
    assert keep("value", {"x": value}) == {"x": None}


def test_dataclasses_and_enums_go_in_as_json_has_them(keep: Keep) -> None:
    class Colour(StrEnum):
        RED = "red"

    value = {"mae": Estimate(4.0, 3.5, 4.5), "colour": Colour.RED, "names": ("a", "b")}
    assert keep("value", value) == {
        "mae": {"value": 4.0, "low": 3.5, "high": 4.5},
        "colour": "red",
        "names": ["a", "b"],
    }


# --- Truth ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [True, False, None])
def test_a_flag_comes_out_as_a_truth_value(keep: Keep, value: bool | None) -> None:
    assert keep("flag", value) is value
