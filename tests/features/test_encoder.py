"""The encoder decides from training rows only, and treats a frame and mappings alike."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks

from core.features.encoder import RowEncoder

FRAME = pd.DataFrame(
    {
        "size": [float(i) for i in range(40)],
        "holes": [None if i % 4 == 0 else float(i) for i in range(40)],
        "text_number": [str(i / 2) for i in range(40)],
        "flag": [i % 2 == 0 for i in range(40)],
        "lang": [["py", "go", "js"][i % 3] for i in range(40)],
        "rare": [f"id{i}" for i in range(40)],
        "same": ["x"] * 40,
        "one": [1.0] * 40,
        "empty": [None] * 40,
    }
)


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_valid_tag_types,
    ],
)
def test_it_keeps_the_contract_of_scikit_learn(check: Any) -> None:
    check("RowEncoder", RowEncoder())


def test_it_must_be_fitted_first() -> None:
    with pytest.raises(NotFittedError):
        RowEncoder().transform([{"size": 1.0}])


def test_rows_of_text_only_are_referred_to_the_recipe_that_reads_it() -> None:
    with pytest.raises(ValueError, match="no column besides their text: train the recipe 'text'"):
        RowEncoder().fit(pd.DataFrame(index=range(60)))


def test_kinds_are_decided_and_useless_columns_are_named() -> None:
    encoder = RowEncoder().fit(FRAME)
    assert encoder.kinds_ == {
        "size": "numeric",
        "holes": "numeric",
        "text_number": "numeric",
        "flag": "numeric",
        "lang": "category",
    }
    assert encoder.dropped_ == {
        "rare": "a category of 40 levels, none in 5 rows",
        "same": "constant",
        "one": "constant",
        "empty": "without a value",
    }
    assert encoder.get_feature_names_out().tolist() == [
        "size",
        "holes",
        "holes is missing",
        "text_number",
        "flag",
        "lang=go",
        "lang=js",
        "lang=py",
    ]


def test_every_column_of_the_matrix_knows_its_raw_column() -> None:
    encoder = RowEncoder().fit(FRAME)
    assert encoder.get_source_names() == [
        "size",
        "holes",
        "holes",
        "text_number",
        "flag",
        "lang",
        "lang",
        "lang",
    ]


def test_missing_numbers_become_the_median_beside_a_column_that_says_so() -> None:
    encoder = RowEncoder().fit(FRAME)
    matrix = encoder.transform([{"holes": None}, {"holes": 3.0}])
    at = encoder.get_feature_names_out().tolist().index("holes")
    known = [float(i) for i in range(40) if i % 4]
    assert matrix[:, at].tolist() == [np.median(known), 3.0]
    assert matrix[:, at + 1].tolist() == [1.0, 0.0]


def test_without_imputing_a_missing_number_stays_nan() -> None:
    encoder = RowEncoder(impute=False).fit(FRAME)
    assert "holes is missing" not in encoder.get_feature_names_out()
    assert np.isnan(encoder.transform([{}])[0, :4]).all()


def test_an_unseen_or_missing_category_is_all_zeros() -> None:
    encoder = RowEncoder().fit(FRAME[["lang"]])
    assert encoder.transform([{"lang": "rust"}, {"lang": None}, {}]).tolist() == [[0.0] * 3] * 3


def test_a_frequent_missing_category_is_a_level() -> None:
    rows = [{"lang": "py"}] * 10 + [{"lang": None}] * 10
    encoder = RowEncoder().fit(rows)
    assert encoder.get_feature_names_out().tolist() == ["lang=py", "lang is missing"]
    assert encoder.transform([{}]).tolist() == [[0.0, 1.0]]


def test_only_frequent_levels_get_a_column_and_the_most_frequent_first() -> None:
    rows = [{"a": f"level{i:03}"} for i in range(300) for _ in range(5 + (i < 10))]
    encoder = RowEncoder(max_levels=20, min_level_share=0.0).fit(rows)
    kept = encoder.levels_["a"]
    assert len(kept) == 20
    assert kept[:10] == [f"level{i:03}" for i in range(10)]
    assert RowEncoder(min_level_rows=6, min_level_share=0.0).fit(rows).levels_["a"] == kept[:10]


def test_levels_are_chosen_without_a_look_at_the_target() -> None:
    target = np.arange(40.0)
    one, other = RowEncoder().fit(FRAME, target), RowEncoder().fit(FRAME, -target)
    assert one.levels_ == other.levels_
    assert one.medians_ == other.medians_


def test_a_column_with_some_words_among_numbers_stays_numeric() -> None:
    rows: list[dict[str, object]] = [{"a": i} for i in range(95)] + [{"a": "n/a"}] * 5
    encoder = RowEncoder(impute=False).fit(rows)
    assert encoder.kinds_ == {"a": "numeric"}
    assert math.isnan(encoder.transform([{"a": "n/a"}])[0, 0])
    words = [{"a": "low"}] * 15 + [{"a": 1}] * 85
    assert RowEncoder().fit(words).kinds_ == {"a": "category"}


def test_a_constant_that_is_sometimes_missing_is_kept() -> None:
    rows: list[dict[str, object]] = [{"a": 1.0}] * 10 + [{"a": None}] * 10
    encoder = RowEncoder().fit(rows)
    assert encoder.transform([{"a": 1.0}, {}]).tolist() == [[1.0, 0.0], [1.0, 1.0]]


def test_a_frame_and_mappings_give_the_same_matrix_and_the_same_fit() -> None:
    rows = [{str(name): value for name, value in row.items()} for row in FRAME.to_dict("records")]
    by_frame, by_rows = RowEncoder().fit(FRAME), RowEncoder().fit(rows)
    assert by_rows.kinds_ == by_frame.kinds_
    assert by_rows.medians_ == by_frame.medians_
    assert np.array_equal(by_frame.transform(FRAME), by_frame.transform(rows))


def test_the_order_of_columns_and_extra_ones_do_not_matter() -> None:
    encoder = RowEncoder().fit(FRAME)
    shuffled = FRAME[list(reversed(FRAME.columns))].assign(extra="?")
    assert np.array_equal(encoder.transform(FRAME), encoder.transform(shuffled))


def test_transforming_leaves_the_rows_as_they_were() -> None:
    before = FRAME.copy()
    RowEncoder().fit(FRAME).transform(FRAME)
    pd.testing.assert_frame_equal(FRAME, before)


def test_rows_that_cannot_be_used_are_refused_with_their_reasons() -> None:
    with pytest.raises(ValueError, match="a is constant; b is without a value"):
        RowEncoder().fit([{"a": 1, "b": None}, {"a": 1, "b": None}])
    with pytest.raises(ValueError, match="no rows"):
        RowEncoder().fit([])
    for wrong in ({"a": 1}, "text", [1, 2], 5):
        with pytest.raises(TypeError, match="sequence of mappings"):
            RowEncoder().fit(wrong)  # type: ignore[arg-type]


def test_a_number_beyond_32_bits_is_missing_in_one_row_as_in_many() -> None:
    rows = [{"a": float(i), "b": float(-i), "c": float(i % 3)} for i in range(30)]
    encoder = RowEncoder().fit([*rows, {"a": 1e39, "b": 1e300, "c": None}])
    odd = [
        {"a": 1e39, "b": -1e39, "c": 0.0},
        {"a": 1e300, "b": 2.0, "c": 1.0},
        {"a": 3e38, "b": 3e38, "c": 3e38},
        {"a": float("nan"), "b": 2.0, "c": float("inf")},
    ]
    compiled = encoder.compile_row()
    assert [compiled(row) for row in odd] == encoder.transform(odd).tolist()
    assert np.abs(encoder.transform(odd[:2])).max() < 100.0


def test_a_clone_is_unfitted_and_equal() -> None:
    encoder = RowEncoder(impute=False, max_levels=7).fit(FRAME)
    copy = clone(encoder)
    assert copy.get_params() == encoder.get_params()
    assert not hasattr(copy, "kinds_")
