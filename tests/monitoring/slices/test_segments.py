"""The part of the traffic that carries the error is named; where all are alike, none is."""

from dataclasses import replace

import numpy as np
import pytest

from core.monitoring.slices.segments import describe_segment, find_segments, name_culprit
from tests.monitoring.worlds import draw_crossed
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


@pytest.mark.slow
def test_of_hundreds_of_worlds_without_a_culprit_at_most_one_in_a_hundred_names_one() -> None:
    """Ten columns and their overlaps, over 300 parts. Eleven: what 1 % of 400 may reach by chance
    in one of a thousand simulations."""
    named = [find_segments(draw_crossed(seed, 300))[0] for seed in range(400)]
    n_named = sum(map(bool, named))
    n_overlaps = sum(any(segment.second for segment in found) for found in named)
    print(f"{n_named} of 400 worlds name a part, {n_overlaps} an overlap")
    assert n_named <= 11


@pytest.mark.parametrize(
    ("fault", "columns"),
    [
        ("provider and action", ("provider", "action")),
        ("provider and length", ("provider", "length")),
        ("two numbers", ("x0", "x1")),
    ],
)
def test_a_fault_where_two_columns_meet_is_named_by_both(
    fault: str, columns: tuple[str, str]
) -> None:
    for seed in range(3):
        segments, n_parts = find_segments(draw_crossed(seed, 800, fault))
        assert n_parts > 400
        assert len(segments) == 1, [segment.where for segment in segments]
        assert (segments[0].column, segments[0].second) == columns
        assert " and " in segments[0].where
        assert segments[0].mae > segments[0].rest_mae + 3
    if fault == "provider and action":
        assert describe_segment(segments[0]).startswith(
            "provider = openai and action = code carries "
        )


def test_a_second_column_that_adds_nothing_is_not_named() -> None:
    for seed in range(5):
        segments, _ = find_segments(draw_crossed(seed, 800, "provider"))
        assert [segment.where for segment in segments] == ["provider = openai"]
        assert segments[0].second is None


@pytest.mark.parametrize("fault", ["provider, and action", "factors"])
def test_two_columns_that_each_cost_something_are_two_parts(fault: str) -> None:
    for seed in range(3):
        segments, _ = find_segments(draw_crossed(seed, 1_500, fault))
        named = {segment.where for segment in segments}
        assert named == {"provider = openai", "action = code"}


def test_an_overlap_with_fewer_than_30_labels_is_not_named() -> None:
    segments, _ = find_segments(draw_crossed(1, 280, "provider and action", 20.0))  # 25 of both
    assert all(segment.second is None for segment in segments)


def test_rows_that_are_named_are_not_held_against_another_part() -> None:
    """`model` follows from the provider: it is bad only where the provider is."""
    segments, _ = find_segments(draw_crossed(2, 1_500, "provider"))
    assert {segment.column for segment in segments} == {"provider"}


def test_a_part_with_fewer_than_30_labels_is_not_looked_at() -> None:
    segments, _ = find_segments(draw(3, 120, bias=30.0))  # 24 of openai
    assert not any(segment.column == "provider" for segment in segments)


def test_an_error_that_was_expected_is_no_excess() -> None:
    outcome = draw(4, bias=8.0)
    known = np.where(np.array(outcome.columns["provider"]) == "openai", 10.4, 2.4)
    assert find_segments(replace(outcome, expected=known))[0] == ()


def test_nobody_is_named_without_a_report() -> None:
    assert name_culprit(None) is None
