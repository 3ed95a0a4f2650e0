"""Who answers: the planned share, the same side for a unit, another mix in another trial."""

import random

import pytest

from core.domain.prediction import Variant
from core.serving.routing import choose_variant

UNITS = [f"repo-{i}" for i in range(20_000)]


def challenged(salt: str, traffic: float) -> set[str]:
    return {
        unit for unit in UNITS if choose_variant(unit, salt, traffic, b"") is Variant.CHALLENGER
    }


@pytest.mark.parametrize("traffic", [0.1, 0.2, 0.5])
def test_the_challenger_gets_its_share_of_the_units(traffic: float) -> None:
    """Within four standard deviations of a fair draw."""
    expected = traffic * len(UNITS)
    allowed = 4 * (expected * (1 - traffic)) ** 0.5
    assert abs(len(challenged("salt", traffic)) - expected) < allowed


def test_a_unit_keeps_the_challenger_as_its_traffic_grows() -> None:
    shares = [challenged("salt", traffic) for traffic in (0.1, 0.2, 0.5, 1.0)]
    assert shares[0] < shares[1] < shares[2] < shares[3]
    assert len(shares[3]) == len(UNITS)


def test_another_trial_mixes_the_units_anew() -> None:
    both = challenged("one", 0.5) & challenged("two", 0.5)
    assert len(both) == pytest.approx(len(UNITS) / 4, rel=0.05)


def test_a_request_without_a_unit_is_drawn() -> None:
    draw = random.Random(3).randbytes
    n = sum(choose_variant(None, "s", 0.2, draw(8)) is Variant.CHALLENGER for _ in range(10_000))
    assert n == pytest.approx(2_000, rel=0.1)


def test_without_traffic_the_challenger_answers_nothing() -> None:
    assert choose_variant("unit", "salt", 0.0, b"") is Variant.CHAMPION
    assert choose_variant(None, "salt", 0.0, bytes(8)) is Variant.CHAMPION
