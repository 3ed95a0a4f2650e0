"""Columns that matter are found by name, and their shares are those of the error they save."""

import numpy as np
import pytest

from core.training.columns import find_related, measure_importance
from tests.training.worlds import make_rows

KINDS = {"size": "numeric", "lang": "category", "other": "numeric", "third": "numeric"}


def test_related_columns_are_found_strongest_first() -> None:
    rows = make_rows(400)
    assert find_related(rows.features, rows.target, KINDS, seed=0) == ("size", "lang")


def test_noise_is_not_related() -> None:
    rows = make_rows(400, strength=0.0)
    assert find_related(rows.features, rows.target, KINDS, seed=0) == ()


def test_importance_is_the_share_of_the_error_that_a_column_saves() -> None:
    rows = make_rows(2000, noise=0.0)
    size = rows.features["size"].fillna(0).to_numpy()
    target = 10 * size + 5 * (rows.features["lang"] == "py").to_numpy()

    def score(frame: object) -> np.ndarray:
        part = frame.fillna({"size": 0})  # type: ignore[attr-defined]
        return (10 * part["size"] + 5 * (part["lang"] == "py")).to_numpy()

    found = measure_importance(score, rows.features, target, tuple(KINDS), seed=0)
    assert list(found)[:2] == ["size", "lang"]
    assert sum(found.values()) == pytest.approx(1.0)
    assert found["other"] == found["third"] == 0.0
    # shuffled: E|10(a - b)| = 20 / sqrt(pi) = 11.3 for size, 5 * 2 * 2/9 = 2.2 for lang
    assert found["size"] == pytest.approx(11.3 / 13.5, abs=0.05)


def test_a_model_that_looks_at_nothing_has_no_importance() -> None:
    rows = make_rows(100)
    found = measure_importance(
        lambda frame: np.full(len(frame), 50.0), rows.features, rows.target, ("size",), seed=0
    )
    assert found == {"size": 0.0}
