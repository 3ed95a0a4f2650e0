"""The layout of a replay follows from what was known when it begins."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from core.errors import InvalidInput
from core.settings import Scale
from core.stream.plan import WindowKind, choose_measure, list_moments, parse_delay, split_windows

START = datetime(2026, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
DEFAULT = Scale(0.0, 100.0)


@pytest.mark.parametrize("text", ["", "7", "-1d", "a week", "9999999d", "1 year"])
def test_what_is_no_delay_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(InvalidInput, match="write 7d, 12h, 30m, 2w or 0"):
        parse_delay(text)


def test_a_target_below_zero_gets_room_on_both_sides() -> None:
    known = np.array([-10.0, 30.0])
    made = choose_measure(known, known, DEFAULT, 5.0)
    assert (made.scale, made.tolerance) == (Scale(-90.0, 190.0), 2.0)
    assert "scale is -90:190" in made.why


def test_a_large_scale_is_written_as_the_setting_would_be() -> None:
    known = np.array([19_460_500.0, 74_429_400.0])
    made = choose_measure(known, known, DEFAULT, 5.0)
    assert "the scale is 0:294000000 (training targets from 19460500 to 74429400" in made.why
    assert made.why.endswith("the tolerance 2700000, 5 % of their range.")


def test_ratings_of_one_to_five_do_not_take_the_scale_of_a_hundred() -> None:
    known = np.array([1.0, 5.0])
    assert choose_measure(known, known, DEFAULT, 5.0).tolerance == 0.2


def test_a_stream_that_leaves_the_scale_later_does_not_fit_it() -> None:
    known = np.array([10.0, 90.0])
    made = choose_measure(known, np.array([10.0, 300.0]), DEFAULT, 5.0)
    assert made.scale.high == 410.0


def test_a_target_that_never_varied_still_gets_a_scale() -> None:
    known = np.array([7.0, 7.0])
    assert choose_measure(known, known, DEFAULT, 5.0).scale.high > 7.0


def test_a_window_is_looked_at_when_its_last_label_has_come() -> None:
    windows = split_windows(START, START + WEEK, WindowKind.WEEK)
    looks = [
        moment.at
        for moment in list_moments(windows, WindowKind.WEEK, timedelta(days=3))
        if moment.from_at is None
    ]
    assert looks == [START + WEEK + timedelta(days=3), START + 2 * WEEK + timedelta(days=3)]


def test_every_moment_of_a_window_is_served_once() -> None:
    windows = split_windows(START, START + 3 * WEEK, WindowKind.MONTH)
    served = [m for m in list_moments(windows, WindowKind.MONTH, WEEK) if m.from_at is not None]
    assert served[0].from_at == START
    assert all(a.at == b.from_at for a, b in pairwise(served))
