"""What part of the labels is in, how long they take, and whether more will come."""

from datetime import timedelta

from core.monitoring.measure.label_delay import Lag, describe_lag, summarize_lag

WEEK = timedelta(days=7)
HOURS = 3_600.0


def test_labels_that_take_days_make_a_week_provisional() -> None:
    lag = summarize_lag(1_000, 610, [20 * HOURS] * 50 + [72 * HOURS] * 50, WEEK)
    assert lag.provisional
    assert describe_lag(lag, WEEK) == (
        "61.0 % of the labels of 7 days are in (half take up to 46 hours, nine in ten 3 days); "
        "provisional."
    )


def test_quick_labels_that_cover_a_part_are_not_waited_for() -> None:
    lag = summarize_lag(1_000, 300, [2 * HOURS] * 100, WEEK)
    assert not lag.provisional
    assert lag.coverage == 0.3
    assert describe_lag(lag, WEEK).endswith("few are still to come.")


def test_labels_that_have_stopped_are_not_said_to_be_nearly_complete() -> None:
    lag = summarize_lag(1_000, 640, [2 * HOURS] * 100, WEEK, stopped=True)
    assert lag.provisional
    assert describe_lag(lag, WEEK) == (
        "64.0 % of the labels of 7 days are in (half take up to 2 hours, nine in ten 2 hours); "
        "they have stopped coming."
    )


def test_without_scores_there_is_no_coverage() -> None:
    assert summarize_lag(0, 0, [], WEEK) == Lag(0, 0, None, None, provisional=False)
    assert summarize_lag(0, 0, [], WEEK).coverage is None


def test_a_moment_that_lies_before_its_prediction_takes_no_time() -> None:
    lag = summarize_lag(10, 5, [-5.0] * 9, WEEK)
    assert lag.median == timedelta(0)
    assert "(half take up to 1 second, nine in ten 1 second)" in describe_lag(lag, WEEK)
