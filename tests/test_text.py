"""How values are written is asserted to the letter: it is what people read."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from core import text
from core.domain.training_report import Estimate

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("share", "written"),
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
    share: float | None, written: str
) -> None:
    assert text.percent(share) == written


@pytest.mark.parametrize(
    ("value", "digits", "written"),
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
    value: float | None, digits: int, written: str
) -> None:
    assert text.number(value, digits) == written


def test_a_count_names_what_is_counted() -> None:
    assert [text.count(n, "row") for n in (0, 1, 2, 12_000)] == [
        "no rows",
        "1 row",
        "2 rows",
        "12,000 rows",
    ]


def test_a_figure_never_stands_without_its_interval() -> None:
    assert text.percent_interval(Estimate(0.84, 0.81, 0.87)) == "84.0 % (81.0–87.0)"
    assert text.estimate(Estimate(6.214, 5.9, 6.55), "points") == "6.21 points (5.90–6.55)"
    assert text.estimate(Estimate(0.31, 0.2, 0.4)) == "0.310 (0.200–0.400)"


def test_an_error_has_as_many_decimals_as_its_size_asks_for() -> None:
    assert (
        text.estimate(Estimate(0.0083, 0.0071, 0.0102), "points") == "0.0083 points (0.0071–0.0102)"
    )
    assert text.estimate(Estimate(13.61, 12.9, 14.2), "points") == "13.6 points (12.9–14.2)"
    assert text.points(Estimate(0.0, 0.0, 0.0)) == "0.0000 points"


def test_an_interval_below_zero_is_written_out() -> None:
    assert text.estimate(Estimate(-0.1, -0.25, 0.04)) == "−0.100 (−0.250 to 0.040)"
    assert text.percent_interval(Estimate(0.01, -0.02, 0.04)) == "1.0 % (−2.0 to 4.0)"


def test_a_missing_figure_is_a_dash_and_not_zero() -> None:
    assert (
        text.percent_interval(None)
        == text.estimate(None, "points")
        == text.figure(None)
        == text.NOTHING
        == "–"
    )
    assert text.milliseconds(None) == text.moment(None) == text.moment_ago(None, NOON) == "–"


def test_what_a_figure_rests_on_is_its_rows_and_its_window() -> None:
    assert text.basis(512, "last 7 days") == "512 labelled, last 7 days"
    assert text.tolerance(5.0) == "within ±5"


@pytest.mark.parametrize(
    ("value", "written"),
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
def test_a_latency_keeps_three_figures(value: float, written: str) -> None:
    assert text.milliseconds(value) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.4, "0.4 s"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (135, "2 min 15 s"),
        (3600, "1 hour"),
        (7260, "2 h 1 min"),
        (86_400, "24 hours"),
        (108_000, "30 hours"),
        (604_803, "7 days"),
        (-5, "0 seconds"),
        (180_000, "2 d 2 h"),
    ],
)
def test_a_duration_is_one_unit_in_words_or_its_two_largest(seconds: float, written: str) -> None:
    assert text.duration(seconds) == written


def test_a_size_has_the_unit_that_fits() -> None:
    assert [text.size(n) for n in (512, 2_400_000, 53_700_000_000, 2e12)] == [
        "512 B",
        "2.4 MB",
        "53.7 GB",
        "2.0 TB",
    ]


def test_a_time_is_shown_in_utc_with_its_age() -> None:
    berlin = NOON.astimezone(timezone(timedelta(hours=1)))
    assert text.moment(berlin) == "2 Mar 2026, 12:00 UTC"
    assert (
        text.moment_ago(berlin, NOON + timedelta(hours=2)) == "2 Mar 2026, 12:00 UTC (2 hours ago)"
    )


@pytest.mark.parametrize(
    ("age", "written"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(seconds=30), "30 seconds ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(days=9), "9 days ago"),
        (timedelta(minutes=-5), "in 5 minutes"),
    ],
)
def test_an_age_has_one_unit(age: timedelta, written: str) -> None:
    assert text.ago(NOON - age, NOON) == written


def test_a_difference_near_zero_has_the_digits_of_its_interval() -> None:
    assert text.estimate(Estimate(0.0002, -2.5, 2.6), "points") == "0.00 points (−2.50 to 2.60)"


@pytest.mark.parametrize("value", [2.13e-5, -2.13e-5, 1e-9, 1e-12, 0.0, 1e12])
def test_a_figure_is_never_a_power_of_ten(value: float) -> None:
    assert "e" not in text.figure(value)


def test_figures_that_differ_are_never_written_alike() -> None:
    assert text.figures_apart(14.46, 14.47) == ("14.46", "14.47")
    assert text.figures_apart(2000.1, 2000.2) == ("2,000.1", "2,000.2")
