"""Histograms merge by adding and give quantiles within 1 %."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.stats.histogram import (
    bucket_ms,
    latency_bucket,
    merge,
    quantile,
    quantile_interval,
    score_bucket,
    score_edges,
)


@given(st.floats(0.001, 1e9))
def test_a_bucket_stands_for_its_latencies_within_one_percent(ms: float) -> None:
    assert bucket_ms(latency_bucket(ms)) == pytest.approx(ms, rel=0.01)


def test_buckets_are_two_percent_wide() -> None:
    assert bucket_ms(501) / bucket_ms(500) == pytest.approx(1.02)


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_longer_latency_is_never_in_a_lower_bucket(a: float, b: float) -> None:
    assert (latency_bucket(a) <= latency_bucket(b)) or a > b


@pytest.mark.parametrize("ms", [-1.0, math.nan, -math.inf])
def test_what_is_no_duration_is_refused(ms: float) -> None:
    with pytest.raises(ValueError, match="no duration"):
        latency_bucket(ms)


def test_an_endless_latency_counts_as_the_slowest() -> None:
    assert latency_bucket(math.inf) == latency_bucket(1e9)


@given(
    st.lists(st.floats(0.01, 1e5), min_size=1, max_size=200), st.sampled_from([0.0, 0.5, 0.95, 1.0])
)
def test_a_quantile_is_the_nearest_rank_within_one_percent(values: list[float], q: float) -> None:
    histogram = merge({latency_bucket(value): 1} for value in values)
    exact = float(np.quantile(values, q, method="inverted_cdf"))
    assert quantile(histogram, q) == pytest.approx(exact, rel=0.01)


@given(st.lists(st.integers(0, 2_000), max_size=60), st.integers(0, 60))
def test_merged_parts_equal_the_whole(buckets: list[int], cut: int) -> None:
    parts = (buckets[:cut], buckets[cut:])
    histograms = [merge({bucket: 1} for bucket in part) for part in parts]
    assert merge(histograms) == merge({bucket: 1} for bucket in buckets)


def test_nothing_has_no_quantile() -> None:
    assert quantile({}, 0.95) is None
    assert quantile_interval({}, 0.95) is None


def test_the_limits_of_a_quantile_hold_it_in_about_95_of_100_samples() -> None:
    rng = np.random.default_rng(1)
    true = math.exp(0.5 * 1.6448536)  # 95 % quantile of a log-normal with sigma 0.5
    hits = 0
    for _ in range(400):
        sample = rng.lognormal(0.0, 0.5, 300)
        limits = quantile_interval(merge({latency_bucket(ms): 1} for ms in sample), 0.95)
        assert limits is not None
        hits += limits[0] <= true <= limits[1]
    assert 0.93 <= hits / 400 <= 1.0  # buckets widen it by up to 1 % at either end


def test_scores_at_the_ends_of_the_scale_have_a_bucket() -> None:
    assert [score_bucket(score, -1.0, 1.0, 4) for score in (-1.0, -0.5, 0.0, 1.0)] == [0, 1, 2, 3]


def test_scores_outside_the_scale_count_to_its_ends() -> None:
    assert score_bucket(-3.0, 0.0, 100.0) == 0
    assert score_bucket(250.0, 0.0, 100.0) == 49


@given(st.floats(0, 100))
def test_a_score_lies_between_the_edges_of_its_bucket(score: float) -> None:
    edges, bucket = score_edges(0.0, 100.0), score_bucket(score, 0.0, 100.0)
    assert edges[bucket] <= score + 1e-9
    assert score - 1e-9 <= edges[bucket + 1]
