"""Demo rows: deterministic, like a quality predictor's, and of a noise that is known."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from core.data.parsing.schema_inference import BASE_METRICS, snake_case
from core.data.sources.demo import NOISE, _quality, expected_error, generate_demo
from core.domain.sample import Provenance
from core.errors import InvalidInput
from core.settings import Scale

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PERCENT = Scale(0, 100)
_WORDS = ("provider", "model", "action_type")


def test_the_same_seed_and_time_give_the_same_rows() -> None:
    assert generate_demo(200, 5, NOW, PERCENT) == generate_demo(200, 5, NOW, PERCENT)
    assert generate_demo(200, 5, NOW, PERCENT) != generate_demo(200, 6, NOW, PERCENT)


def test_every_row_is_marked_synthetic() -> None:
    rows = generate_demo(100, 0, NOW, PERCENT).samples
    assert {row.provenance for row in rows} == {Provenance.SYNTHETIC}
    assert len({row.external_id for row in rows}) == 100


def test_rows_have_the_base_metrics_and_categories_in_their_ranges() -> None:
    rows = generate_demo(500, 0, NOW, PERCENT).samples
    for row in rows:
        named = {snake_case(name) for name in row.features}
        assert named == {*BASE_METRICS, "provider", "model", "action_type"}
        for name, value in row.features.items():
            if isinstance(value, float):
                assert 0.0 <= value <= (1.0 if name == "csat" else 100.0)
    missing = Counter(k for row in rows for k, v in row.features.items() if v is None)
    assert set(missing) == {"csat", "testCoverage"}


def test_times_are_of_the_last_ninety_days_up_to_now_and_in_order() -> None:
    times = [row.at for row in generate_demo(1000, 0, NOW, PERCENT).samples]
    assert times == sorted(times)  # type: ignore[type-var]
    assert times[0] >= NOW - timedelta(days=90)  # type: ignore[operator]
    assert NOW - timedelta(days=1) < times[-1] <= NOW  # type: ignore[operator]


@pytest.mark.parametrize("scale", [PERCENT, Scale(1, 5), Scale(-1, 1)])
def test_targets_and_the_best_error_follow_the_scale(scale: Scale) -> None:
    demo = generate_demo(500, 0, NOW, scale)
    targets = [row.target for row in demo.samples]
    assert scale.low <= min(targets) < max(targets) <= scale.high
    percent = generate_demo(500, 0, NOW, PERCENT)
    span = scale.high - scale.low
    assert demo.best_mae == pytest.approx(percent.best_mae / 100 * span)
    assert targets[7] == pytest.approx(scale.low + percent.samples[7].target / 100 * span)


@pytest.mark.parametrize("quality", [-0.05, 0.0, 0.01, 0.3, 0.97, 1.0, 1.04])
def test_the_expected_error_agrees_with_simulation(quality: float) -> None:
    noise = np.random.default_rng(0).normal(0, NOISE, 400_000)
    errors = np.abs(np.clip(quality + noise, 0, 1) - np.clip(quality, 0, 1))
    standard_error = errors.std() / np.sqrt(len(errors))
    assert expected_error(np.array([quality]), NOISE)[0] == pytest.approx(
        errors.mean(), abs=5 * standard_error + 1e-12
    )


def test_a_model_that_knows_the_function_reaches_the_best_mae_and_no_constant_comes_near() -> None:
    demo = generate_demo(20_000, 1, NOW, PERCENT)
    frame = pd.DataFrame([row.features for row in demo.samples])
    metrics = {name: frame[name].to_numpy("float64") for name in frame if name not in _WORDS}
    large = frame["model"].str.endswith("large").to_numpy("bool")
    words = {name: frame[name].to_numpy("str") for name in _WORDS}
    known = 100 * np.clip(
        _quality(metrics, words["provider"], large, words["action_type"]), 0.0, 1.0
    )
    targets = np.array([row.target for row in demo.samples])
    errors = np.abs(targets - known)
    assert errors.mean() == pytest.approx(demo.best_mae, abs=5 * errors.std() / 20_000**0.5)
    assert np.abs(targets - np.median(targets)).mean() > 2.5 * demo.best_mae


def test_most_targets_are_inside_the_scale_so_that_the_noise_is_that_of_a_normal() -> None:
    demo = generate_demo(5000, 1, NOW, PERCENT)
    assert demo.best_mae == pytest.approx(100 * NOISE * (2 / np.pi) ** 0.5, rel=0.01)


def test_no_rows_cannot_be_generated() -> None:
    with pytest.raises(InvalidInput, match="0 rows cannot be generated"):
        generate_demo(0, 0, NOW, PERCENT)
