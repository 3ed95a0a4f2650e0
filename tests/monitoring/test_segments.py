"""The part of the traffic that carries the error is named; where all are alike, none is."""

import numpy as np
import pytest

from core.monitoring.segments import (
    Outcome,
    describe_segment,
    find_segments,
    measure_bands,
    measure_groups,
    name_culprit,
)

PROVIDERS = np.array(["openai", "anthropic", "google", "mistral"])


def draw(seed: int, n: int = 800, *, bias: float = 0.0, slow: float = 0.0) -> Outcome:
    """Errors with a mean of about 2.4 points, `bias` points more at one provider, `slow` more for
    the longest tenth."""
    rng = np.random.default_rng(seed)
    provider = rng.choice(PROVIDERS, n, p=[0.2, 0.4, 0.3, 0.1])
    length = rng.exponential(100.0, n)
    errors = np.abs(3 * rng.standard_normal(n))
    errors += bias * (provider == "openai") + slow * (length > np.quantile(length, 0.9))
    columns = {"provider": provider.tolist(), "length": length, "noise": rng.standard_normal(n)}
    return Outcome(columns, rng.uniform(0, 100, n), errors, np.full(n, 2.4))


def test_the_segment_with_the_bias_is_named_with_its_share() -> None:
    segments, n_parts = find_segments(draw(1, bias=8.0))
    assert n_parts > 15
    assert segments[0].where == "provider = openai"
    assert segments[0].excess_share == pytest.approx(0.95, abs=0.1)
    assert segments[0].mae > segments[0].rest_mae + 6
    assert describe_segment(segments[0]).startswith("provider = openai carries ")


def test_a_range_of_numbers_is_found_too() -> None:
    segments, _ = find_segments(draw(2, slow=9.0))
    assert segments[0].column == "length"
    assert segments[0].where.startswith("length above ")
    assert segments[0].share == pytest.approx(0.1, abs=0.01)


def test_of_a_hundred_worlds_without_a_culprit_at_most_three_name_one() -> None:
    assert sum(bool(find_segments(draw(seed, 300))[0]) for seed in range(100)) <= 3


def test_a_part_with_fewer_than_30_labels_is_not_looked_at() -> None:
    segments, _ = find_segments(draw(3, 120, bias=30.0))  # 24 of openai
    assert not any(segment.column == "provider" for segment in segments)


def test_an_error_that_was_expected_is_no_excess() -> None:
    outcome = draw(4, bias=8.0)
    known = np.where(np.array(outcome.columns["provider"]) == "openai", 10.4, 2.4)
    expected = Outcome(outcome.columns, outcome.scores, outcome.errors, known)
    assert find_segments(expected)[0] == ()


def test_groups_below_the_smallest_number_of_labels_have_no_figure() -> None:
    groups = measure_groups(draw(5, 200), tolerance=5.0, min_labels=30)
    assert [group.value for group in groups][:2] == ["anthropic", "google"]
    assert groups[0].mae is not None
    assert groups[0].mae.low < groups[0].mae.value < groups[0].mae.high
    assert groups[-1].value == "mistral"
    assert groups[-1].n < 30
    assert groups[-1].mae is None
    assert sum(group.n for group in groups) == 200


def test_bands_cover_the_scale() -> None:
    bands = measure_bands(draw(6, 500), 0.0, 100.0, tolerance=5.0, min_labels=30)
    assert bands[0].value == "0 to 20"
    assert sum(band.n for band in bands) == 500


def test_nobody_is_named_without_a_report() -> None:
    assert name_culprit(None) is None
