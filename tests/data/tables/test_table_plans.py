"""The plan of a table: what a mapping needs is asked for, and one that fails is refused."""

from dataclasses import replace

import pytest

from core.data.tables.table_plans import plan_table
from core.domain.source import ORIGIN_TABLES, TableMapping
from core.errors import InvalidInput
from tests.data.tables.test_table_rows import COLUMNS, MAPPING


def test_the_columns_that_are_needed_are_asked_for_once() -> None:
    plan = plan_table(replace(MAPPING, features=("metadata.a", "metadata.b")), COLUMNS)
    assert plan.columns == ("id", "stars", "created_at", "said", "session", "metadata")


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (replace(MAPPING, target="grade"), "no column 'grade' for the target; its columns are"),
        (replace(MAPPING, key="uid"), "no column 'uid' for the key"),
        (replace(MAPPING, timestamp="at"), "no column 'at' for the time"),
        (replace(MAPPING, features=("length", "width")), "no column 'width' for the feature"),
        (replace(MAPPING, features=("length", "length")), "names 'length' twice"),
        (replace(MAPPING, features=("stars",)), "both the target and a feature"),
        (replace(MAPPING, features=("metadata.__target__",)), "a name that Plumbline keeps"),
        (replace(MAPPING, features=(), text=None), "names no feature and no text"),
        (replace(MAPPING, target_high=None), "needs a lowest value below a highest one"),
        (replace(MAPPING, target_low=5.0), "needs a lowest value below a highest one"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused(mapping: TableMapping, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        plan_table(mapping, COLUMNS)


def test_what_is_optional_is_taken_where_it_is() -> None:
    plan = plan_table(
        ORIGIN_TABLES[0], ["id", "created_at", "quality_score", "scenario_id", "model"]
    )
    assert [path.name for path in plan.features] == ["model"]


def test_a_rating_is_never_a_feature_of_its_own_row() -> None:
    for mapping in ORIGIN_TABLES:
        assert mapping.target not in (*mapping.features, *mapping.optional_features)
        assert "csat" not in (*mapping.features, *mapping.optional_features)


def test_the_time_of_a_label_needs_a_column_that_is_there_and_the_time_of_the_work() -> None:
    mapping = replace(MAPPING, label_timestamp="rated_at")
    with pytest.raises(InvalidInput, match="has no column 'rated_at' for the time of the label"):
        plan_table(mapping, COLUMNS)
    with pytest.raises(InvalidInput, match="nothing when the work was made: map a column for its"):
        plan_table(replace(mapping, timestamp=None), [*COLUMNS, "rated_at"])
