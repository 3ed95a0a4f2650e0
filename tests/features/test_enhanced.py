"""The enhanced step adds what its inputs allow, and treats a frame and mappings alike."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.utils import estimator_checks

from core.domain.dataset import AT
from core.domain.model_card import Card
from core.domain.sample import BASE, CARRIED, ENHANCED, HISTORY
from core.features.encoder import RowEncoder
from core.features.enhanced import EnhancedFeatures
from core.registry import Registry
from tests.features.test_derived import BY_HAND, ROW

FULL = (
    ROW | {AT: 1772452800.0, "lang": "py"} | dict(zip(HISTORY, (71.0, 0.6, 0.2, 0.0), strict=True))
)
COLUMNS = [
    *BY_HAND,
    "past_mean_quality",
    "past_mean_csat",
    "past_consistency",
    "hour_sin",
    "hour_cos",
    "weekday_sin",
    "weekday_cos",
    "recency",
]


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
    check("EnhancedFeatures", EnhancedFeatures())


def test_a_full_row_gives_all_nineteen() -> None:
    step = EnhancedFeatures().fit([FULL])
    assert len(ENHANCED) == 19
    assert step.absent_ == {}
    assert step.added_ == COLUMNS
    (row,) = step.transform([FULL])
    assert {name: row[name] for name in BY_HAND} == pytest.approx(BY_HAND, abs=1e-12)
    assert row["past_mean_quality"] == 71.0
    assert (row["hour_cos"], row["weekday_sin"]) == (-1.0, 0.0)
    assert row["recency"] == math.exp(-1772452800.0 / 86_400.0 / 30.0)


def test_a_feature_exists_only_where_its_inputs_do() -> None:
    step = EnhancedFeatures().fit([{"security": 70.0, "performance": 80.0, "csat": None}])
    assert step.added_ == ["security_performance_gap"]
    assert set(step.absent_) == set(ENHANCED) - {"security", "performance", step.added_[0]}
    assert step.absent_["csat"] == "no row has it"
    assert step.absent_["hour"] == "needs a time, which no row has"
    assert step.absent_["past_mean_quality"] == (
        "needs earlier rows of the same provider and model, which no row has"
    )


def test_rows_without_any_input_pass_as_they_are() -> None:
    step = EnhancedFeatures().fit([{"wind": 3.0}])
    assert step.transform([{"wind": 4.0, "csat": 0.5}]) == [{"wind": 4.0, "csat": 0.5}]
    assert step.added_ == []


def test_a_column_that_has_the_name_already_is_kept() -> None:
    rows = [ROW | {"health_mean": 1.0}]
    step = EnhancedFeatures().fit(rows)
    assert step.absent_["health_mean"] == "a column of the rows has its name"
    assert step.transform(rows)[0]["health_mean"] == 1.0


@pytest.mark.parametrize("snake_first", [True, False])
def test_both_spellings_are_one_feature(snake_first: bool) -> None:
    camel, snake = (
        {"codeQuality": 80.0, "complexity": 40.0},
        {"code_quality": 80.0, "complexity": 40.0},
    )
    seen, sent = (snake, camel) if snake_first else (camel, snake)
    step = EnhancedFeatures().fit([seen])
    wanted = seen | {"quality_per_complexity": 2.0}
    assert step.transform([sent]) == step.transform([seen]) == [wanted]
    assert step.transform(pd.DataFrame([sent])).to_dict("records") == [wanted]
    assert step.get_inputs("quality_per_complexity") == (next(iter(seen)), "complexity")


def test_a_snapshot_with_both_spellings_has_them_in_one_column() -> None:
    rows = [
        {"codeQuality": 80.0, "code_quality": None, "complexity": 40.0},
        {"codeQuality": None, "code_quality": 60.0, "complexity": 40.0},
    ]
    step = EnhancedFeatures().fit(rows)
    for found in (step.transform(rows), step.transform(pd.DataFrame(rows)).to_dict("records")):
        assert [row["codeQuality"] for row in found] == [80.0, 60.0]
        assert [row["quality_per_complexity"] for row in found] == [2.0, 1.5]
        assert "code_quality" not in found[0]


VALUES = st.none() | st.floats(-1e6, 1e6) | st.sampled_from(["12.5", "high", "", 0, True])
KEYS = sorted({*BASE, *HISTORY, AT, "code_quality", "test_coverage", "lang"})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(KEYS, VALUES)), min_size=1, max_size=6))
def test_a_frame_and_mappings_give_the_same_features(rows: list[dict[str, Any]]) -> None:
    step = EnhancedFeatures().fit([FULL])
    frame, mapped = step.transform(pd.DataFrame(rows)), step.transform(rows)
    one = step.compile_row()
    for column in COLUMNS:
        wanted = frame[column].to_numpy(dtype=float)
        np.testing.assert_allclose([row[column] for row in mapped], wanted, rtol=1e-12, atol=0)
        np.testing.assert_array_equal(
            [one(row)[column] for row in rows], [r[column] for r in mapped]
        )


def test_the_encoder_never_sees_what_a_row_carries() -> None:
    rows = [FULL | {AT: float(i), "security": 70.0 + i} for i in range(10)]
    encoder = RowEncoder().fit(EnhancedFeatures().fit_transform(pd.DataFrame(rows)))
    assert not set(encoder.feature_names_in_) & set(CARRIED)
    assert "security_performance_gap" in encoder.kinds_


def test_a_saved_pipeline_scores_the_same_when_it_is_read_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.uniform(1, 100, (40, len(BASE))), columns=list(BASE))
    frame = frame.assign(**{AT: np.arange(40) * 3.6e3}, **{key: rng.random(40) for key in HISTORY})
    steps = [("enhance", EnhancedFeatures()), ("encode", RowEncoder()), ("model", Ridge())]
    pipeline = clone(Pipeline(steps)).fit(frame, rng.random(40))
    card = Card("enhanced", BASE, 0.0, 100.0, 5.0, None, (), False)
    registry = Registry(tmp_path, "")
    read = registry.load_artifact(registry.save_artifact(pipeline, card))
    rows = frame.to_dict("records")
    np.testing.assert_allclose(
        read.score(rows), np.clip(pipeline.predict(frame), 0, 100), atol=1e-9
    )
