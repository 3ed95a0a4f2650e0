"""Raw rows as samples: the first thing wrong with a row is why it is not taken."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from core.data.parsing.column_types import ColumnScan
from core.data.parsing.raw import RawPiece
from core.data.parsing.row_parser import (
    build_given_samples,
    build_samples,
    check_mapping,
    choose_plan,
)
from core.domain.sample import ColumnMapping, Provenance, Rejection, Sample
from core.errors import InvalidInput
from core.settings import Scale

PERCENT = Scale(0, 100)


def _scans(columns: Mapping[str, Sequence[object]]) -> dict[str, ColumnScan]:
    scans = {}
    for name, values in columns.items():
        scans[name] = ColumnScan()
        scans[name].add(values)
    return scans


def _build(
    columns: Mapping[str, Sequence[object]],
    *,
    mapping: ColumnMapping | None = None,
    scale: Scale = PERCENT,
    earlier: tuple[Rejection, ...] = (),
) -> tuple[list[Sample], list[Rejection]]:
    n = len(next(iter(columns.values())))
    plan = choose_plan("a.csv", mapping or ColumnMapping("y"), _scans(columns), n)
    piece = RawPiece(range(1, n + 1), columns, earlier, 1.0)
    samples, rejections, _ = build_samples(
        piece, plan, source="file:a", provenance=Provenance.REAL, scale=scale
    )
    return samples, rejections


def _plan_refusal(columns: Mapping[str, Sequence[object]], mapping: ColumnMapping) -> str:
    with pytest.raises(InvalidInput) as caught:
        choose_plan("a.csv", mapping, _scans(columns), 1)
    return str(caught.value)


def test_each_column_goes_where_the_mapping_says() -> None:
    mapping = ColumnMapping("y", timestamp="t", text="w", id="k", group="g", ignored=("z",))
    columns = {
        "y": ["70"],
        "t": ["2026-03-02T13:00+01:00"],
        "w": ["a text"],
        "k": ["007"],
        "g": [5],
        "z": ["?"],
        "a": ["1.5"],
        "b": ["blue"],
    }
    samples, rejections = _build(columns, mapping=mapping)
    assert samples == [
        Sample(
            source="file:a",
            provenance=Provenance.REAL,
            features={"a": 1.5, "b": "blue"},
            target=70.0,
            at=datetime(2026, 3, 2, 12, tzinfo=UTC),
            text="a text",
            group="5",
            external_id="007",
        )
    ]
    assert rejections == []


def test_a_target_of_zero_is_a_value() -> None:
    samples, rejections = _build({"y": ["0", 0, "0.0", -0.0], "a": list("1234")})
    assert [sample.target for sample in samples] == [0.0] * 4
    assert [str(sample.target) for sample in samples] == ["0.0"] * 4
    assert rejections == []


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ("", "target_missing", "target 'y': is missing, and a row without one cannot be learned"),
        ("NaN", "target_missing", "target 'y': is missing"),
        (None, "target_missing", "target 'y': is missing"),
        ("good", "target_not_a_number", "target 'y': 'good' is not a number"),
        ("inf", "target_infinite", "target 'y': is infinite"),
        ("1,234", "target_ambiguous_number", "target 'y': '1,234' may have thousands"),
        (
            "101",
            "target_out_of_scale",
            "target 'y': is 101, outside the scale 0 to 100: set PLUMBLINE_SCALE to the scale of "
            "the target",
        ),
        ("-0.5", "target_out_of_scale", "target 'y': is -0.5, outside the scale 0 to 100"),
        ([70], "target_not_a_number", "target 'y': [70] is not a number"),
    ],
)
def test_a_target_that_is_none_is_rejected_with_the_reason(
    target: object, code: str, message: str
) -> None:
    fine = [50] * 40
    samples, (rejection,) = _build({"y": [target, *fine], "a": list(range(41))})
    assert len(samples) == 40
    assert (rejection.row, rejection.code) == (1, code)
    assert message in rejection.message


def test_a_time_that_cannot_be_read_rejects_its_row_and_a_missing_one_does_not() -> None:
    columns = {"y": [1, 2, 3], "t": ["01/02/2026", "", "2026-02-01"], "a": [1, 2, 3]}
    samples, (rejection,) = _build(columns, mapping=ColumnMapping("y", timestamp="t"))
    assert [sample.at is None for sample in samples] == [True, False]
    assert rejection.code == "ambiguous_time"
    assert "timestamp 't': '01/02/2026' may be day/month or month/day" in rejection.message


def test_the_time_of_a_label_is_read_by_its_own_column() -> None:
    columns = {
        "y": [1, 2, 3],
        "t": ["2026-02-01"] * 3,
        "l": ["2026-02-03 12:00", "", "soon"],
        "a": [1, 2, 3],
    }
    mapping = ColumnMapping("y", timestamp="t", label_timestamp="l")
    samples, (rejection,) = _build(columns, mapping=mapping)
    assert [sample.labelled_at for sample in samples] == [
        datetime(2026, 2, 3, 12, tzinfo=UTC),
        None,
    ]
    assert (rejection.row, rejection.code) == (3, "not_a_time")
    assert rejection.message.startswith("time of the label 'l': 'soon' is not a time: write 2026")
    assert "l" not in samples[0].features


def test_the_time_of_a_label_needs_the_time_of_the_work() -> None:
    assert _plan_refusal(
        {"y": [1], "l": ["2026-02-03"], "a": [1]}, ColumnMapping("y", label_timestamp="l")
    ) == (
        "'l' says when the labels of 'a.csv' came, and nothing when the work was made: choose a "
        "column for its time as well."
    )


@pytest.mark.parametrize("odd", ["oops", "-inf", "unknown", "a\0b"])
def test_a_value_that_does_not_fit_its_feature_is_missing_and_counted(odd: str) -> None:
    columns = {"y": [1] * 41, "a": [*map(str, range(40)), odd]}
    plan = choose_plan("a.csv", ColumnMapping("y"), _scans(columns), 41)
    samples, rejections, n_odd = build_samples(
        RawPiece(range(1, 42), columns, (), 1.0),
        plan,
        source="file:a",
        provenance=Provenance.REAL,
        scale=PERCENT,
    )
    assert (len(samples), rejections, n_odd) == (41, [], {"a": 1})
    assert samples[40].features == {"a": None}


@pytest.mark.parametrize(
    ("codes", "rare"),
    [(("10", "20", "30"), "other"), (("404", "500", "200"), "ERR4"), (("1", "2", "3"), "X"),
     (("11", "12", "13"), "V12")],
)  # fmt: skip
def test_codes_with_a_rare_word_are_a_category_that_keeps_its_rows(
    codes: tuple[str, ...], rare: str
) -> None:
    columns = {"y": [1] * 61, "a": [*codes * 20, rare]}
    samples, rejections = _build(columns)
    assert (len(samples), rejections) == (61, [])
    assert {sample.features["a"] for sample in samples} == {*codes, rare}


@pytest.mark.parametrize("word", ["unknown", "pending", "-", "many"])
def test_a_rare_word_among_counts_is_missing(word: str) -> None:
    samples, _ = _build({"y": [1] * 61, "a": [*["0", "1", "2"] * 20, word]})
    assert samples[60].features == {"a": None}


def test_only_the_first_reason_of_a_row_is_given() -> None:
    columns = {"y": ["x", 1], "t": ["soon", ""], "a": [1, 2]}
    _, rejections = _build(columns, mapping=ColumnMapping("y", timestamp="t"))
    assert [rejection.code for rejection in rejections] == ["target_not_a_number"]


def test_rows_unreadable_before_stand_among_the_rejections_in_order() -> None:
    earlier = (Rejection(9, "unreadable", "x"),)
    _, rejections = _build({"y": ["x", 1, "z"], "a": [1, 2, 3]}, earlier=earlier)
    assert [rejection.row for rejection in rejections] == [1, 3, 9]


def test_a_text_with_a_zero_byte_is_rejected() -> None:
    columns = {"y": [1], "w": ["a\0b"], "a": [1]}
    _, (rejection,) = _build(columns, mapping=ColumnMapping("y", text="w"))
    assert rejection.message == "text 'w': contains a zero byte"


def test_a_text_that_is_a_list_is_rejected() -> None:
    columns = {"y": [1], "w": [["a"]], "a": [1]}
    _, (rejection,) = _build(columns, mapping=ColumnMapping("y", text="w"))
    assert rejection.message == "text 'w': is a list or an object"


@pytest.mark.parametrize(
    "metadata", [{"metadata.source": ["synthetic"]}, {"metadata.synthetic": [True]}]
)
def test_a_row_that_says_it_was_generated_is_believed(metadata: dict[str, list[object]]) -> None:
    (sample,), _ = _build({"y": [1], "a": [1], **metadata})
    assert sample.provenance is Provenance.SYNTHETIC
    assert sample.features == {"a": 1.0}


def test_lists_and_objects_are_left_out_with_a_reason() -> None:
    columns = {"y": [1], "a": [1], "tags": [["x"]], "more": [{"b": 1}]}
    plan = choose_plan("a.json", ColumnMapping("y"), _scans(columns), 1)
    assert list(plan.features) == ["a"]
    assert plan.left_out["tags"].startswith("holds lists or objects (")
    assert plan.left_out["more"].endswith("a feature is one value")


def test_a_file_of_nothing_but_lists_is_refused() -> None:
    message = _plan_refusal({"y": [1], "tags": [["x"]]}, ColumnMapping("y"))
    assert "'a.csv' has no feature: every column is the target, left out or ignored" in message
    assert "'tags' holds lists or objects" in message


def test_a_text_alone_is_enough_to_learn_from() -> None:
    plan = choose_plan("a", ColumnMapping("y", text="w"), _scans({"y": [1], "w": ["x"]}), 1)
    assert plan.features == {}


@pytest.mark.parametrize("column", ["y", "a"])
def test_numbers_that_are_written_in_two_ways_are_refused_with_a_hint(column: str) -> None:
    columns = {"y": ["3.5", "4"], "a": ["1", "2"], column: ["3,5", "4.5"]}
    assert _plan_refusal(columns, ColumnMapping("y")) == (
        f"Column '{column}' of 'a.csv' has numbers with a decimal comma ('3,5') and with a decimal "
        "point ('4.5'): write all of them with a point."
    )


def test_decimal_commas_in_an_ignored_column_do_not_matter() -> None:
    columns = {"y": ["3.5"], "a": ["1"]}
    scans = _scans(columns)
    scans["b"] = ColumnScan()
    scans["b"].skip(1)  # what is ignored is not looked at
    assert choose_plan("a", ColumnMapping("y", ignored=("b",)), scans, 1).features.keys() == {"a"}


@pytest.mark.parametrize("name", ["__target__", "__key__", "__at__"])
def test_a_reserved_name_is_refused(name: str) -> None:
    assert f"'a.csv' has a column '{name}', a name that Plumbline keeps for itself: rename" in (
        _plan_refusal({"y": [1], name: [1]}, ColumnMapping("y"))
    )


def test_a_column_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_mapping("a.csv", ColumnMapping("y", group="team"), ["y", "a"])
    assert str(caught.value) == (
        "'a.csv' has no column 'team' for the group; its columns are 'y', 'a'."
    )


def test_a_column_cannot_be_two_things() -> None:
    with pytest.raises(InvalidInput, match="Column 'y' cannot be both the target and the id"):
        check_mapping("a.csv", ColumnMapping("y", id="y"), ["y", "a"])


def test_what_is_ignored_has_to_exist_and_to_be_nothing_else() -> None:
    with pytest.raises(InvalidInput, match="'a' has no column 'z' to ignore; its columns are 'y'"):
        check_mapping("a", ColumnMapping("y", ignored=("z",)), ["y"])
    with pytest.raises(InvalidInput, match="'y' cannot be both the target and ignored"):
        check_mapping("a", ColumnMapping("y", ignored=("y",)), ["y"])


def test_rows_of_the_api_are_typed_as_they_stand() -> None:
    given = [
        {"features": {"a": 1, "b": "1", "c": None}, "target": 0},
        {"id": 7, "at": "2026-01-01", "group": "g", "features": {"a": 2}, "target": 5, "text": "t"},
    ]
    (first, second), rejections = build_given_samples(given, source="api", scale=PERCENT)
    assert first.features == {"a": 1.0, "b": "1", "c": None}
    assert (second.external_id, second.group, second.text) == ("7", "g", "t")
    assert rejections == []


def test_a_row_of_the_api_may_name_its_source_and_say_it_is_synthetic() -> None:
    given = [{"features": {"a": 1}, "target": 1, "source": s} for s in ("ci", "synthetic")]
    samples, _ = build_given_samples(given, source="api", scale=PERCENT)
    assert [sample.source for sample in samples] == ["api:ci", "api:synthetic"]
    assert [sample.provenance.value for sample in samples] == ["real", "synthetic"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"target": 1}, "features: an object with at least one feature is needed"),
        ({"features": {"a": True}, "target": 1}, "feature 'a': true is no number: write 1 or 0"),
        (
            {"features": {"a": 1}, "target": False},
            "target 'target': false is no number: write 1 or 0",
        ),
        ({"features": {}, "target": 1}, "features: an object with at least one feature"),
        ({"features": {"a": 1}}, "target 'target': is missing"),
        ({"features": {"a": 1}, "target": "x"}, "'x' is not a number"),
        ({"features": {"a": 1}, "target": 1000}, "outside the scale 0 to 100"),
        ({"features": {"a": [1]}, "target": 1}, "feature 'a': [1] is not a number"),
        ({"features": {"a": float("nan")}, "target": 1}, "feature 'a': is NaN"),
        ({"features": {"a": float("inf")}, "target": 1}, "feature 'a': is infinite"),
        ({"features": {"__key__": 1}, "target": 1}, "keeps this name for itself"),
        ({"features": {"a": 1}, "target": 1, "at": "soon"}, "field 'at': 'soon' is not a time"),
        ({"features": {"a": 1}, "target": 1, "text": []}, "field 'text': is a list or an object"),
        ({"features": {"a": 1}, "target": 1, "id": "\0"}, "field 'id': contains a zero byte"),
        ({"features": {"a": 1}, "target": 1, "scroe": 3}, "field 'scroe' does not exist"),
    ],
)
def test_a_wrong_row_of_the_api_is_rejected_by_its_field(
    row: dict[str, object], message: str
) -> None:
    samples, (rejection,) = build_given_samples([row], source="api", scale=PERCENT)
    assert samples == []
    assert rejection.row == 1
    assert message in rejection.message
