"""Rows of a table as samples: what is absent stays missing, and what is wrong says its row."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.data.parsing.cell_parser import ColumnKind
from core.data.parsing.raw import RawPiece
from core.data.parsing.row_parser import RowPlan, build_given_samples, build_samples
from core.data.tables.table_plans import build_table_samples, guess_table, plan_table
from core.domain.sample import ColumnMapping, Provenance, Rejection, Sample
from core.domain.source import ORIGIN_TABLES, TableMapping
from core.errors import InvalidInput
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
    (sample,) = samples
    return sample


def reject(**changes: object) -> Rejection:
    samples, (rejection,) = build_table_samples(
        [{**ROW, **changes}], plan_table(MAPPING, COLUMNS), first_row=41, scale=SCALE
    )
    assert samples == []
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
    (sample,) = samples
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
        (
            {"stars": None},
            "id 7: target 'stars': is missing, and a row without one",
        ),
        ({"stars": "many"}, "id 7: target 'stars': 'many' is not a number"),
        (
            {"stars": 5.5},
            "id 7: target 'stars': is 5.5, outside the scale 1 to 5: correct the",
        ),
        ({"created_at": "soon"}, "id 7: time 'created_at': 'soon' is not a time"),
        ({"length": [1]}, "id 7: feature 'length': [1] is not a number"),
        ({"said": {"a": 1}}, "id 7: text 'said': is a list or an object"),
        ({"session": "a\0b"}, "id 7: group 'session': contains a zero byte"),
        ({"length": "Infinity"}, "id 7: feature 'length': is infinite"),
        ({"stars": "Infinity"}, "id 7: target 'stars': is infinite"),
        ({"stars": "NaN"}, "id 7: target 'stars': is missing"),
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
    assert [sample.labelled_at for sample in samples] == [
        datetime(2026, 2, 2, 10, tzinfo=UTC),
        None,
    ]
    assert rejections == []
    wrong = [*rows, {**ROW, "id": 9, "rated_at": "infinity"}]
    samples, (rejection,) = build_table_samples(wrong, plan, first_row=1, scale=SCALE)
    assert len(samples) == 2
    assert rejection.message.startswith(
        "id 9: time of the label 'rated_at': 'infinity' is not a ti"
    )


def test_numbers_beyond_what_a_float_holds_reject_their_row() -> None:
    assert reject(length=10**400).message.startswith("id 7: feature 'length': is infinite")
    assert reject(stars=10**400).code == "target_infinite"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"a": 10**400}, "feature 'a': is infinite: leave the value empty where it is unknown"),
        ({"a": "x\0"}, "feature 'a': contains a zero byte"),
        ({"target": None}, "target 'target': is missing, and a row without one cannot be learned"),
        ({"target": "x"}, "target 'target': 'x' is not a number"),
        ({"target": [1]}, "target 'target': [1] is not a number"),
        ({"target": "3,456"}, "target 'target': '3,456' may have thousands or decimals behind its"),
    ],
)
def test_files_tables_and_the_api_refuse_a_target_in_the_same_words(
    changes: dict[str, object], message: str
) -> None:
    row = {"id": 7, "a": 1, "target": 50, **changes}
    mapping = TableMapping("t", "target", timestamp=None, features=("a",))
    _, (of_table,) = build_table_samples(
        [row], plan_table(mapping, list(row)), first_row=1, scale=SCALE
    )
    given = {"features": {"a": row["a"]}, "target": row["target"]}
    _, (of_request,) = build_given_samples([given], source="api", scale=SCALE)
    kind = ColumnKind.CATEGORY if isinstance(row["a"], str) else ColumnKind.NUMBER
    plan = RowPlan(ColumnMapping("target", id="id"), {"a": kind}, {}, 1)
    piece = RawPiece([1], {name: [value] for name, value in row.items()}, (), 1.0)
    _, rejections, odd = build_samples(
        piece, plan, source="file:a", provenance=Provenance.REAL, scale=SCALE
    )
    assert of_request.message.startswith(message)
    assert of_table.message == f"id 7: {of_request.message}"
    assert of_request.code == of_table.code
    if "a" in changes:  # of one value nobody can tell a column; a file's other rows say it
        assert (rejections, odd) == ([], {"a": 1})
    else:
        assert rejections == [Rejection(1, of_request.message, of_request.code)]


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


def test_a_table_is_guessed_as_a_file_is() -> None:
    rows = [
        {
            "id": number,
            "created_at": f"2026-02-{1 + number:02d}T10:00:00Z",
            "session_id": f"s{number // 2}",
            "said": f"an answer {number} in words",
            "length": number % 7,
            "preference": number % 5,
            "seconds": number / 3,
        }
        for number in range(20)
    ]
    guess = guess_table("ratings", rows)
    assert (guess.key, guess.target, guess.timestamp) == ("id", "preference", "created_at")
    assert (guess.group, guess.text, guess.features) == (
        "session_id",
        "said",
        ("length", "seconds"),
    )
