"""An interval of half this width holds the truth as often as it says."""

import numpy as np
import pytest

from core.stats.conformal import band_widths, half_width


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
