"""The part of the traffic that carries the error is named; where all are alike, none is."""

from dataclasses import replace

import numpy as np
import pytest

from core.monitoring.segments import describe_segment, find_segments, name_culprit
from tests.monitoring.worlds import draw_outcome as draw


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
    assert find_segments(replace(outcome, expected=known))[0] == ()


def test_nobody_is_named_without_a_report() -> None:
    assert name_culprit(None) is None
