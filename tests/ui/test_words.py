"""How values are written is asserted to the letter: it is what people read."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.domain.training_report import Estimate
from ui.common import wording

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (0.0001, "<0.1 %"),
        (0.0005, "0.1 %"),
        (0.5, "50.0 %"),
        (0.8421, "84.2 %"),
        (0.9994, "99.9 %"),
        (0.9996, ">99.9 %"),
        (1.0, "100 %"),
        (-0.031, "−3.1 %"),
    ],
)
def test_a_share_is_a_percentage_that_never_rounds_to_nothing_or_all(
    share: float | None, text: str
) -> None:
    assert wording.percent(share) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (None, 0, "–"),
        (0, 0, "0"),
        (1234567, 0, "1,234,567"),
        (-0.001, 2, "0.00"),
        (-1.5, 1, "−1.5"),
        (2.345, 2, "2.35"),
    ],
)
def test_a_number_is_grouped_and_has_a_real_minus(
    value: float | None, digits: int, text: str
) -> None:
    assert wording.number(value, digits) == text


def test_a_count_names_what_is_counted() -> None:
    assert [wording.count(n, "row") for n in (0, 1, 2, 12_000)] == [
        "no rows",
        "1 row",
        "2 rows",
        "12,000 rows",
    ]


def test_a_figure_never_stands_without_its_interval() -> None:
    assert wording.percent_range(Estimate(0.84, 0.81, 0.87)) == "84.0 % (81.0–87.0)"
    assert wording.points(Estimate(6.214, 5.9, 6.55)) == "6.21 points (5.90–6.55)"
    assert wording.plain(Estimate(0.31, 0.2, 0.4)) == "0.31 (0.20–0.40)"


def test_an_error_has_as_many_decimals_as_its_size_asks_for() -> None:
    assert wording.points(Estimate(0.0083, 0.0071, 0.0102)) == "0.0083 points (0.0071–0.0102)"
    assert wording.points(Estimate(13.61, 12.9, 14.2)) == "13.6 points (12.9–14.2)"
    assert wording.point(Estimate(0.0, 0.0, 0.0)) == "0.0000 points"


def test_an_interval_below_zero_is_written_out() -> None:
    assert wording.plain(Estimate(-0.1, -0.25, 0.04)) == "−0.10 (−0.25 to 0.04)"
    assert wording.percent_range(Estimate(0.01, -0.02, 0.04)) == "1.0 % (−2.0 to 4.0)"


def test_a_missing_figure_is_a_dash_and_not_zero() -> None:
    assert (
        wording.percent_range(None)
        == wording.points(None)
        == wording.plain(None)
        == wording.NOTHING
        == "–"
    )
    assert (
        wording.milliseconds(None) == wording.moment(None) == wording.moment_ago(None, NOON) == "–"
    )


def test_what_a_figure_rests_on_is_its_rows_and_its_window() -> None:
    assert wording.basis(512, "last 7 days") == "512 labelled, last 7 days"
    assert wording.tolerance(5.0) == "within ±5"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.004, "0.00 ms"),
        (0.84, "0.84 ms"),
        (12.34, "12.3 ms"),
        (99.96, "100.0 ms"),
        (100.0, "100 ms"),
        (999.0, "999 ms"),
        (1234.0, "1.23 s"),
    ],
)
def test_a_latency_keeps_three_figures(value: float, text: str) -> None:
    assert wording.milliseconds(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0.4 s"),
        (59, "59 s"),
        (60, "1 min"),
        (135, "2 min 15 s"),
        (3600, "1 h"),
        (7260, "2 h 1 min"),
        (86_400, "1 d"),
        (180_000, "2 d 2 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


def test_a_size_has_the_unit_that_fits() -> None:
    assert [wording.size(n) for n in (512, 2_400_000, 53_700_000_000, 2e12)] == [
        "512 B",
        "2.4 MB",
        "53.7 GB",
        "2.0 TB",
    ]


def test_a_time_is_shown_in_utc_with_its_age() -> None:
    berlin = NOON.astimezone(timezone(timedelta(hours=1)))
    assert wording.moment(berlin) == "2 Mar 2026, 12:00 UTC"
    assert (
        wording.moment_ago(berlin, NOON + timedelta(hours=2)) == "2 Mar 2026, 12:00 UTC (2 h ago)"
    )


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(seconds=30), "30 s ago"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=1), "1 h ago"),
        (timedelta(days=9), "9 d ago"),
        (timedelta(minutes=-5), "in 5 min"),
    ],
)
def test_an_age_has_one_unit(age: timedelta, text: str) -> None:
    assert wording.ago(NOON - age, NOON) == text
