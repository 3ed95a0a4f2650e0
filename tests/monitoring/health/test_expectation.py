"""A pause is unusual only where other days had requests at that time."""

from datetime import timedelta

from core.monitoring.health.expected_traffic import choose_spans, expect_requests
from tests.streams import DAY, HOUR, NOON


def test_the_same_hours_of_the_last_seven_days_are_asked() -> None:
    spans = choose_spans(NOON - 30 * DAY, NOON, NOON + 3 * HOUR)
    assert spans == [(NOON - day * DAY, 3 * HOUR) for day in range(1, 8)]


def test_a_short_history_gives_fewer_days() -> None:
    assert len(choose_spans(NOON - 2.5 * DAY, NOON, NOON + HOUR)) == 2


def test_a_pause_of_days_is_compared_by_its_first_day() -> None:
    assert choose_spans(NOON - 3 * DAY, NOON, NOON + 9 * DAY)[0] == (NOON - DAY, DAY)


def test_the_mean_of_those_days_is_expected() -> None:
    spans = choose_spans(NOON - 3 * DAY, NOON, NOON + HOUR)
    assert expect_requests(spans, [40, 50, 60], HOUR) == 50.0


def test_a_free_weekday_is_expected_to_be_free_again() -> None:
    spans = choose_spans(NOON - 8 * DAY, NOON, NOON + HOUR)
    assert expect_requests(spans, [40, 40, 40, 40, 40, 0, 0], HOUR) == 0.0


def test_a_first_burst_of_requests_does_not_make_a_pause_unusual() -> None:
    spans = choose_spans(NOON - timedelta(minutes=2), NOON, NOON + 2 * HOUR)
    assert spans == [(NOON - DAY, DAY)]
    assert expect_requests(spans, [60], 2 * HOUR) == 5.0


def test_a_long_pause_of_a_young_stream_expects_a_day_at_most() -> None:
    spans = choose_spans(NOON - HOUR, NOON, NOON + 9 * DAY)
    assert expect_requests(spans, [60], 9 * DAY) == 60.0
