"""The report says where a version errs, with its rows and intervals."""

import numpy as np
import pandas as pd
import pytest

from core.training.evaluate.error_slices import cut_categories, measure_bands, measure_segments
from core.training.evaluate.metrics import choose_blocks
from core.training.evaluate.verdict import describe_calibration


def test_a_segment_with_larger_errors_stands_out() -> None:
    rng = np.random.default_rng(1)
    lang = np.array(["py"] * 300 + ["go"] * 100 + ["ada"] * 10)
    actual = rng.uniform(20, 80, 410)
    scores = actual + np.where(lang == "go", 10.0, 0.0) + rng.normal(0, 2, 410)
    frame = pd.DataFrame({"lang": lang, "size": actual})
    segments = measure_segments(
        cut_categories(frame, {"lang": "category", "size": "numeric", "gone": "category"}),
        actual,
        scores,
        choose_blocks(None, None, 410),
    )
    assert [(segment.level, segment.n_rows) for segment in segments] == [("py", 300), ("go", 100)]
    py, go = segments
    assert py.mae.high < 3 < 8 < go.mae.low
    assert go.bias == pytest.approx(10.0, abs=1.0)


def test_a_level_of_every_row_is_no_segment_and_a_missing_one_is_named() -> None:
    frame = pd.DataFrame({"a": ["x"] * 100, "b": ["y"] * 50 + [None] * 50})
    found = cut_categories(frame, {"a": "category", "b": "category"})
    assert [(part.column, part.level) for part in found] == [("b", "missing"), ("b", "y")]


def test_at_most_twenty_segments_are_kept() -> None:
    level = np.arange(1000) % 10
    frame = pd.DataFrame({name: [f"{name}{i}" for i in level] for name in "abc"})
    assert len(cut_categories(frame, dict.fromkeys("abc", "category"))) == 20


def test_a_segment_has_thirty_rows_and_five_percent_of_all() -> None:
    few = pd.DataFrame({"a": ["x"] * 71 + ["y"] * 29})
    many = pd.DataFrame({"a": ["x"] * 951 + ["y"] * 49})
    assert [part.level for part in cut_categories(few, {"a": "category"})] == ["x"]
    assert [part.level for part in cut_categories(many, {"a": "category"})] == ["x"]


def test_calibrated_scores_are_said_to_be_and_others_by_how_much() -> None:
    rng = np.random.default_rng(2)
    scores = rng.uniform(0, 100, 2000)
    blocks = choose_blocks(None, None, 2000)
    right = measure_bands(scores + rng.normal(0, 5, 2000), scores, blocks)
    assert len(right) == 10
    assert sum(band.actual.low <= band.score <= band.actual.high for band in right) >= 8
    timid = measure_bands(50 + 2 * (scores - 50), scores, blocks)
    assert "in 10 of 10 bands" in describe_calibration(timid).lower()
    assert "at 95" in describe_calibration(timid) or "at 5" in describe_calibration(timid)
    assert describe_calibration(()).startswith("Too few rows")


def test_equal_scores_make_one_band() -> None:
    (band,) = measure_bands(np.arange(100.0), np.full(100, 50.0), choose_blocks(None, None, 100))
    assert (band.low, band.high, band.n_rows) == (50.0, 50.0, 100)
