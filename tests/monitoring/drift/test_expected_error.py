"""The error is estimated from inputs where they tell it, and hidden where it does no better."""

from datetime import timedelta

import numpy as np
import pytest

from core.domain.monitoring import Bins, DriftReport, Track
from core.monitoring.drift.binning import build_bins, count_values, index_values
from core.monitoring.drift.expected_error import (
    describe_estimate,
    estimate_change,
    fit_costs,
    judge_track,
    load_track,
)
from core.monitoring.measure.rollup_updates import measure
from core.store.engine.database import Database
from core.store.monitoring import drift
from tests.streams import DAY, NOON, SCALE, TOLERANCE, add_requests, label_all, spread_times


def fit(n: int, slope: float, seed: int = 0) -> tuple[list[Bins], np.random.Generator]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, n)
    bins = build_bins("x", x, np.arange(n), None)
    assert bins is not None
    errors = (2 + slope * x) * np.abs(rng.standard_normal(n))
    return fit_costs([bins], [index_values(bins, x)], errors), rng


def test_a_window_of_harder_rows_is_expected_to_err_more() -> None:
    (bins,), rng = fit(4_000, slope=8.0)
    harder = count_values(bins, rng.uniform(0.5, 1, 5_000))
    change = estimate_change(bins, harder.counts)
    assert change == pytest.approx(8.0 * 0.25 * np.sqrt(2 / np.pi), rel=0.2)
    same = count_values(bins, rng.uniform(0, 1, 5_000))
    assert estimate_change(bins, same.counts) == pytest.approx(0.0, abs=0.1)


def test_inputs_that_tell_nothing_of_the_error_cost_nothing_or_next_to_nothing() -> None:
    for seed in range(10):
        (bins,), rng = fit(1_000, slope=0.0, seed=seed)
        harder = count_values(bins, rng.uniform(0.5, 1, 5_000))
        assert abs(estimate_change(bins, harder.counts) or 0.0) < 0.15


def test_fewer_than_200_rows_fit_nothing() -> None:
    (bins,), _ = fit(199, slope=8.0)
    assert bins.costs == ()


def test_a_forecast_that_is_no_better_than_the_last_window_is_hidden() -> None:
    steady = judge_track([(4.0, 3.0)] * 10)
    assert not steady.is_shown
    report = DriftReport(3, NOON, NOON, NOON, 9, 9, (), estimated_mae=4.0, track=steady)
    assert "is hidden: over 9 windows it missed the MAE by 1.00 points" in describe_estimate(report)


def test_one_that_is_better_is_shown_with_its_record_and_its_blindness() -> None:
    track = Track(8, 0.1, 0.4)
    report = DriftReport(3, NOON, NOON, NOON, 9, 9, (), estimated_mae=4.25, track=track)
    said = describe_estimate(report)
    assert said.startswith("Estimated MAE of this window, without its labels: 4.25 points")
    assert "blind where the same inputs" in said


def test_the_track_pairs_each_window_with_its_own_labels(db: Database) -> None:
    for day in range(3):
        end = NOON - day * DAY
        ids = add_requests(db, f"d{day}", spread_times(end - DAY, end, 100), score=50.0)
        label_all(db, ids, within=1.0 if day % 2 else 0.0)  # errors of 2 and of 12 points
        report = DriftReport(3, end, end - timedelta(days=1), end, 100, 100, (), estimated_mae=2.0)
        with db.write() as conn:
            drift.append_report(conn, report)
    measure(db, NOON, scale=SCALE, tolerance=TOLERANCE)
    with db.read() as conn:
        track = load_track(conn, 3, NOON)
    assert track == Track(n_windows=2, error=5.0, error_of_last=10.0)
