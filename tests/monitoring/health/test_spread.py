"""Collapsed scores are found wherever on the scale they lie."""

import numpy as np

from core.monitoring.health.expected_traffic import summarize_spread
from tests.streams import SCALE


def with_features(scores: list[float]) -> list[tuple[float, str]]:
    return [(score, f'{{"x":{i}}}') for i, score in enumerate(scores)]


def test_no_scores_have_no_spread() -> None:
    assert summarize_spread([], SCALE) is None


def test_one_value_for_everything_is_a_share_of_one() -> None:
    spread = summarize_spread(with_features([61.0] * 80), SCALE)
    assert spread is not None
    assert (spread.n_distinct, spread.share, spread.score) == (80, 1.0, 61.0)


def test_scores_around_the_edge_of_two_buckets_have_collapsed_too() -> None:
    rng = np.random.default_rng(1)
    spread = summarize_spread(with_features(list(60 + rng.uniform(-0.9, 0.9, 100))), SCALE)
    assert spread is not None
    assert spread.share == 1.0


def test_scores_all_over_the_scale_have_not_collapsed() -> None:
    spread = summarize_spread(with_features(list(np.linspace(0, 100, 101))), SCALE)
    assert spread is not None
    assert spread.share == 3 / 101


def test_the_same_request_again_and_again_counts_once() -> None:
    spread = summarize_spread([(61.0, "{}")] * 500 + with_features([10.0, 90.0]), SCALE)
    assert spread is not None
    assert spread.n_distinct == 3
