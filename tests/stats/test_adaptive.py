"""Intervals whose widths stopped holding are widened until they hold again; others are left."""

import numpy as np

from core.stats.adaptive import MIN_LABELS, Adapted, adapt_widths
from core.stats.conformal import half_width

BEFORE, AFTER, N_WORLDS = 400, 700, 12


def draw(seed: int, scale: float, n_after: int = AFTER) -> np.ndarray:
    """|errors| in multiples of a width calibrated on 1,000 rows; later ones are `scale` times as
    large."""
    rng = np.random.default_rng(seed)
    width = half_width(rng.normal(size=1_000)) or 0.0
    ratios = np.abs(rng.normal(size=BEFORE + n_after)) / width
    ratios[BEFORE:] *= scale
    return ratios


def hold(scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Whether each label lay within the width in force before it came, and within the original
    one; worlds x labels after the change."""
    worlds = [draw(seed, scale) for seed in range(N_WORLDS)]
    factors = [[found.factor for found in adapt_widths(ratios)[:-1]] for ratios in worlds]
    adapted, static = np.array(worlds) <= np.array(factors), np.array(worlds) <= 1
    return adapted[:, BEFORE:], static[:, BEFORE:]


def test_errors_1_6_times_as_large_are_held_again_within_300_labels() -> None:
    adapted, static = hold(1.6)
    assert 0.67 <= static.mean() <= 0.71  # 0.696 for Gaussian errors
    assert 0.88 <= adapted[:, 300:].mean() <= 0.92
    assert 0.88 <= adapted[:, 250:350].mean() <= 0.92


def test_errors_half_as_large_are_held_by_narrower_intervals() -> None:
    adapted, static = hold(0.5)
    assert static.mean() > 0.99
    assert 0.88 <= adapted[:, 300:].mean() <= 0.92


def test_errors_as_before_leave_the_width_alone() -> None:
    factors = np.array(
        [[found.factor for found in adapt_widths(draw(seed, 1.0))] for seed in range(100, 120)]
    )
    assert (factors != 1).mean() < 0.02  # a limit of 99.9 %, looked at after every label


def test_few_labels_say_nothing() -> None:
    found = adapt_widths(np.full(MIN_LABELS, 5.0))
    assert found[0] == Adapted(1.0, 0, 0)
    assert found[-2] == Adapted(1.0, MIN_LABELS - 1, 0)
    assert found[-1] == Adapted(5.0, MIN_LABELS, 0)


def test_the_factor_is_rounded_and_never_nothing() -> None:
    assert adapt_widths(np.full(300, 1.234))[-1].factor == 1.25
    assert adapt_widths(np.zeros(300))[-1].factor == 0.05
