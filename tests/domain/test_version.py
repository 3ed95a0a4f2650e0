"""A version: written one way, read in the ways that people write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.version import HEURISTIC, parse_version, version_name
from core.errors import InvalidInput


@given(st.integers(min_value=0))
def test_a_version_that_was_written_is_read_back(number: int) -> None:
    assert parse_version(version_name(number)) == number


@pytest.mark.parametrize("text", ["v3", "3", " V3 ", "v03"])
def test_people_write_a_version_in_several_ways(text: str) -> None:
    assert parse_version(text) == 3


def test_no_model_is_a_version_with_a_name() -> None:
    assert version_name(HEURISTIC) == "heuristic"
    assert parse_version("Heuristic ") == HEURISTIC


@pytest.mark.parametrize(
    "text", ["", "v", "vv3", "3.1", "-3", "+3", "v 3", "latest", "0", "v0", "v00", "³", "٣", "1_0"]
)
def test_what_is_no_version_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a version: write v3, 3 or heuristic") as caught:
        parse_version(text)
    assert f"'{text}'" in str(caught.value)
