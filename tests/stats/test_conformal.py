"""An interval of half this width holds the truth as often as it says."""

import numpy as np
import pytest

from core.stats.conformal import MIN_LABELS, Adapted, adapt_widths, band_widths, half_width


def test_the_width_is_the_residual_of_the_promised_rank() -> None:
    residuals = np.arange(1.0, 100.0) * np.where(np.arange(99) % 2, 1, -1)
    assert half_width(residuals, 0.9) == 90.0


def test_too_few_rows_promise_nothing() -> None:
    assert half_width(np.ones(8), 0.9) is None
    assert half_width(np.ones(9), 0.9) == 1.0
    assert half_width(np.array([]), 0.9) is None


@pytest.mark.parametrize("n", [19, 50, 200])
def test_a_new_row_is_inside_90_percent_of_the_time(n: int) -> None:
    rng = np.random.default_rng(1)
    inside = [
        abs(rng.standard_t(3)) <= (half_width(rng.standard_t(3, n)) or 0.0) for _ in range(4000)
    ]
    assert (
        0.885 <= np.mean(inside) <= 0.92
    )  # 4,000 looks: 0.005 a standard error; at most 0.05/n up


def noisy(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores with residuals whose spread grows from 2 at score 0 to 12 at score 100."""
    scores = rng.uniform(0, 100, n)
    return scores, rng.normal(size=n) * (2 + scores / 10)


def widths_of(bands: list[tuple[float, float]], scores: np.ndarray) -> np.ndarray:
    highest, width = np.array(bands).T
    return width[np.minimum(np.searchsorted(highest, scores), len(width) - 1)]


@pytest.mark.parametrize("n", [150, 400, 2000])
def test_bands_hold_new_rows_90_percent_of_the_time(n: int) -> None:
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(60):
        bands = band_widths(*noisy(rng, n))
        scores, residuals = noisy(rng, 1000)
        inside.append(np.mean(np.abs(residuals) <= widths_of(bands, scores)))
    assert 0.88 <= np.mean(inside) <= 0.92


def test_bands_are_wider_where_the_noise_is_larger_and_hold_in_each_of_them() -> None:
    rng = np.random.default_rng(3)
    calibration = noisy(rng, 2000)
    bands = band_widths(*calibration)
    widths = [width for _, width in bands]
    assert len(bands) == 10
    assert widths == sorted(widths)
    assert widths[-1] > 3 * widths[0]
    scores, residuals = noisy(rng, 40_000)
    one_width = half_width(calibration[1]) or 0.0
    for low, high in ((0, 20), (80, 100)):
        part = (scores >= low) & (scores < high)
        held = np.abs(residuals[part]) <= widths_of(bands, scores[part])
        assert 0.86 <= np.mean(held) <= 0.94  # 200 rows a band: 0.02 a standard error
        assert not 0.86 <= np.mean(np.abs(residuals[part]) <= one_width) <= 0.94


def test_few_rows_and_equal_scores_make_fewer_bands() -> None:
    rng = np.random.default_rng(4)
    assert band_widths(np.arange(8.0), np.ones(8)) == []
    assert len(band_widths(*noisy(rng, 199))) == 1
    assert len(band_widths(*noisy(rng, 200))) == 2
    assert len(band_widths(np.full(500, 70.0), rng.normal(size=500))) == 1
    mostly = np.where(np.arange(500) < 450, 70.0, rng.uniform(0, 100, 500))
    assert len(band_widths(mostly, rng.normal(size=500))) == 1


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
