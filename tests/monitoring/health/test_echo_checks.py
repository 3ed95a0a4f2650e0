"""Echoes: labels that are the scores once more are as suspicious as labels far from them."""

import math
from dataclasses import replace
from datetime import timedelta

import pytest

from core.domain.monitoring import Health
from core.domain.training_report import Naive
from core.monitoring.health.inputs import LabelledWindow
from core.monitoring.measure.performance import Figures
from core.stats.intervals import Interval
from tests.monitoring.health.test_health import GOOD, delivered, find, judge


def _window(
    mae: float, rmse: float, bias: float, *, n: int = 300, naive: float = 8.0
) -> LabelledWindow:
    figures = Figures(
        1_000,
        n,
        mae=Interval(mae, 0.9 * mae, 1.1 * mae),
        rmse=Interval(rmse, 0.9 * rmse, 1.1 * rmse),
        bias=bias,
        naive=Naive(61.0, naive, naive, 0.4),
    )
    return LabelledWindow(figures, timedelta(hours=24))


def _judge(window: LabelledWindow, ratio: float = 1.0) -> list[str]:
    facts = replace(GOOD, labelled=window, delivered=delivered(0.9, ratio))
    return [reason.message for reason in judge(facts).reasons if reason.code == "echo"]


@pytest.mark.parametrize(
    ("window", "ratio", "words"),
    [
        (_window(0.25, 0.29, 0.0), 0.08, "0.0800 times what its training promised"),  # rounded
        (_window(0.0, 0.0, 0.0), 0.0, "times what its training promised"),  # the score itself
        (_window(1.0, 1.2, 0.1), 0.25, "probably the scores"),
        (_window(5.0, 5.0, -5.0), 1.1, "is 5.00 above the score of v3"),
        (_window(20.0, 20.0, 20.0), 5.0, "is 20.0 below the score of v3"),
        (_window(9.0, 11.0, 3.0, naive=0.0), 2.0, "All 300 labels are 61"),
        (_window(4.0, 4.0, 4.0, n=20), 1.0, "Each of 20 labels"),
    ],
)
def test_labels_that_cannot_be_what_a_person_found_are_a_finding_with_its_remedy(
    window: LabelledWindow, ratio: float, words: str
) -> None:
    [said] = _judge(window, ratio)
    assert words in said


@pytest.mark.parametrize(
    ("window", "ratio"),
    [
        (_window(3.0, 4.0, 0.2), 1.0),
        (_window(2.0, 2.7, 0.2), 0.5),  # better than promised, as a good week is
        (_window(5.0, 6.5, -5.0), 1.4),  # all too low, and not by the same
        (_window(4.0, 4.0, 0.0), 1.0),  # half too high, half too low: two values
        (_window(0.2, 0.3, 0.0, n=19), 0.05),
        (_window(3.0, 4.0, 0.2), 0.29),  # its interval reaches above
    ],
)
def test_labels_that_people_give_are_not_taken_for_echoes(
    window: LabelledWindow, ratio: float
) -> None:
    assert _judge(window, ratio) == []


def test_labels_of_one_day_have_to_be_nearer_still() -> None:
    live = delivered(0.9, 0.2)
    unknown = replace(live, ratio=replace(live.ratio, shown=Interval(0.2, -math.inf, math.inf)))
    nearer = replace(live, ratio=replace(live.ratio, shown=Interval(0.1, -math.inf, math.inf)))
    window = _window(0.4, 0.5, 0.0)
    reasons = judge(replace(GOOD, labelled=window, delivered=unknown)).reasons
    assert "echo" not in {reason.code for reason in reasons}
    reason = find(replace(GOOD, labelled=window, delivered=nearer), "echo")
    assert (reason.health, reason.confirmed) == (Health.WARNING, True)
    assert "POST /v1/feedback" in reason.next_step
