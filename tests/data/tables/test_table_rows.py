"""Rows of a table as samples: what is absent stays missing, and what is wrong says its row."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.tables.table_plans import plan_table
from core.data.tables.table_rows import build_table_samples
from core.domain.sample import Rejection, Sample
from core.domain.source import TableMapping
from core.settings import Scale

SCALE = Scale(0.0, 100.0)
COLUMNS = ["id", "created_at", "stars", "length", "language", "said", "session", "metadata"]
MAPPING = TableMapping(
    "ratings",
    target="stars",
    target_low=1.0,
    target_high=5.0,
    text="said",
    group="session",
    features=("length", "language", "metadata.codeQuality"),
)
ROW: dict[str, Any] = {
    "id": 7,
    "created_at": "2026-02-01T10:00:00.5+02:00",
    "stars": 3,
    "length": 120,
    "language": "python",
    "said": " fine ",
    "session": "s1",
    "metadata": {"code_quality": 80},
}


def build(**changes: object) -> Sample:
    samples, rejections = build_table_samples(
        [{**ROW, **changes}], plan_table(MAPPING, COLUMNS), first_row=1, scale=SCALE
    )
    assert rejections == []
    (sample,) = samples.build()
    return sample


def reject(**changes: object) -> Rejection:
    samples, (rejection,) = build_table_samples(
        [{**ROW, **changes}], plan_table(MAPPING, COLUMNS), first_row=41, scale=SCALE
    )
    assert samples.build() == []
    return rejection


def test_a_row_becomes_a_sample() -> None:
    sample = build()
    assert sample == Sample(
        source="supabase:ratings",
        provenance=sample.provenance,
        features={"length": 120.0, "language": "python", "codeQuality": 80.0},
        target=50.0,
        at=datetime(2026, 2, 1, 8, 0, 0, 500_000, tzinfo=UTC),
        text="fine",
        group="s1",
        external_id="7",
    )


@pytest.mark.parametrize(("stars", "target"), [(1, 0.0), (5, 100.0), ("2", 25.0), (-0.0 + 1, 0.0)])
def test_the_target_is_stretched_to_the_scale(stars: object, target: float) -> None:
    assert build(stars=stars).target == target


def test_a_target_without_a_scale_of_its_own_is_taken_as_it_is() -> None:
    plan = plan_table(replace(MAPPING, target_low=None, target_high=None), COLUMNS)
    samples, _ = build_table_samples([{**ROW, "stars": 73.5}], plan, first_row=1, scale=SCALE)
    (sample,) = samples.build()
    assert sample.target == 73.5


@pytest.mark.parametrize("metadata", [None, {}, "words", [1], {"other": 1}])
def test_a_value_that_json_lacks_is_not_there(metadata: object) -> None:
    assert set(build(metadata=metadata).features) == {"length", "language"}


def test_a_value_that_is_null_is_missing_and_zero_is_zero() -> None:
    features = build(length=0, language=None, metadata={"codeQuality": None}).features
    assert dict(features) == {"length": 0.0, "language": None, "codeQuality": None}


def test_a_number_that_is_none_is_missing() -> None:
    assert build(length="NaN").features["length"] is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stars": None}, "id 7: target 'stars' is missing: a row without one cannot be learned"),
        ({"stars": "many"}, "id 7: target 'stars': 'many' is not a number"),
        ({"stars": 5.5}, "id 7: target 'stars' is 5.5, outside 1 to 5: correct the target's scale"),
        ({"created_at": "soon"}, "id 7: time 'created_at': 'soon' is not a time"),
        ({"length": [1]}, "id 7: feature 'length': [1] is no number and no word"),
        ({"said": {"a": 1}}, "id 7: 'said' is a list or an object"),
        ({"session": "a\0b"}, "id 7: 'session' contains a zero byte"),
        ({"length": "Infinity"}, "id 7: feature 'length': 'Infinity' is no number and no word"),
        ({"stars": "Infinity"}, "id 7: target 'stars': is infinite"),
        ({"stars": "NaN"}, "id 7: target 'stars' is missing"),
    ],
)
def test_a_row_that_cannot_be_taken_says_why(changes: dict[str, object], message: str) -> None:
    rejection = reject(**changes)
    assert rejection.row == 41
    assert rejection.message.startswith(message)


def test_the_time_of_a_label_is_read_from_its_column() -> None:
    mapping = replace(MAPPING, label_timestamp="rated_at")
    plan = plan_table(mapping, [*COLUMNS, "rated_at"])
    rows = [{**ROW, "id": n, "rated_at": at} for n, at in enumerate(("2026-02-02T10:00:00Z", None))]
    samples, rejections = build_table_samples(rows, plan, first_row=1, scale=SCALE)
    assert list(samples.labelled_ats) == [datetime(2026, 2, 2, 10, tzinfo=UTC), None]
    assert rejections == []
    wrong = [*rows, {**ROW, "id": 9, "rated_at": "infinity"}]
    samples, (rejection,) = build_table_samples(wrong, plan, first_row=1, scale=SCALE)
    assert len(samples.targets) == 2
    assert rejection.message.startswith(
        "id 9: time of the label 'rated_at': 'infinity' is not a ti"
    )


def test_numbers_beyond_what_a_float_holds_reject_their_row() -> None:
    assert reject(length=10**400).message.startswith("id 7: feature 'length': 1000000000000")
    assert reject(stars=10**400).code == "target_infinite"


_ODD = [None, "NaN", "Infinity", "", " a ", "7", "7.50", True, 3, -0.0, 1e300, 10**400, [1], "\0"]
_NUMBERS = st.none() | st.integers(-9, 9) | st.floats(-9, 9)
_TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1))  # noqa: DTZ001
_WRITTEN = _TIMES.map(lambda at: at.isoformat() + "+00:00")


@st.composite
def _pages(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A page whose columns are each of one kind, as a database's are, or of anything at all."""
    kinds = {
        "id": st.integers(1, 10**19) | st.uuids().map(str),
        "created_at": _WRITTEN | st.none(),
        "stars": st.integers(1, 5) | st.floats(1, 5),
        "length": _NUMBERS,
        "language": st.none() | st.text("ab ", max_size=3),
        "said": st.none() | st.text("ab ", max_size=3),
        "session": st.none() | st.integers(0, 9),
        "metadata": st.none() | st.fixed_dictionaries({}, optional={"codeQuality": _NUMBERS}),
    }
    odd = draw(st.sets(st.sampled_from(sorted(kinds)), max_size=1))
    columns = {n: st.sampled_from(_ODD) if n in odd else values for n, values in kinds.items()}
    return draw(st.lists(st.fixed_dictionaries(columns), min_size=1, max_size=4))


@settings(deadline=None, derandomize=True, database=None)
@given(_pages())
def test_a_page_is_read_together_as_row_by_row(rows: list[dict[str, Any]]) -> None:
    plan = plan_table(MAPPING, COLUMNS)
    wrong = {**ROW, "stars": "none of them"}  # has every row of its page read by itself
    alone, why = build_table_samples([*rows, wrong], plan, first_row=1, scale=SCALE)
    assert why[-1].row == len(rows) + 1
    together, rejections = build_table_samples(rows, plan, first_row=1, scale=SCALE)
    assert [repr(sample) for sample in together.build()] == [repr(s) for s in alone.build()]
    assert rejections == why[:-1]
