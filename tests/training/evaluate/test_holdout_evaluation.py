"""Columns that matter are found by name, and their shares are those of the error they save."""

import numpy as np
import pytest

from core.features.encoder import RowEncoder
from core.training.evaluate.holdout_evaluation import find_related, measure_importance
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
    encoder = RowEncoder().fit(rows.features)
    matrix, names = encoder.transform(rows.features), encoder.get_feature_names_out().tolist()
    size, lang = matrix[:, names.index("size")], matrix[:, names.index("lang=py")]

    def score(part: np.ndarray) -> np.ndarray:
        return 10 * part[:, names.index("size")] + 5 * part[:, names.index("lang=py")]

    before = matrix.copy()
    found = measure_importance(
        score, matrix, 10 * size + 5 * lang, encoder.get_source_names(), seed=0
    )
    assert list(found)[:2] == ["size", "lang"]
    assert sum(found.values()) == pytest.approx(1.0)
    assert found["other"] == found["third"] == 0.0
    # shuffled: E|10(a - b)| = 20 / sqrt(pi) = 11.3 for size, 5 * 2 * 2/9 = 2.2 for lang
    assert found["size"] == pytest.approx(11.3 / 13.5, abs=0.05)
    assert np.array_equal(matrix, before)


def test_shuffling_the_encoded_columns_is_shuffling_the_raw_ones() -> None:
    rows = make_rows(200)
    encoder = RowEncoder().fit(rows.features)
    order = np.random.default_rng(1).permutation(200)
    shuffled = rows.features.assign(lang=rows.features["lang"].to_numpy()[order])
    matrix = encoder.transform(rows.features)
    columns = [i for i, name in enumerate(encoder.get_source_names()) if name == "lang"]
    matrix[:, columns] = matrix[order][:, columns]
    assert np.array_equal(matrix, encoder.transform(shuffled))


def test_a_model_that_looks_at_nothing_has_no_importance() -> None:
    matrix = np.arange(100.0)[:, None]
    found = measure_importance(
        lambda part: np.full(len(part), 50.0), matrix, matrix[:, 0], ["size"], seed=0
    )
    assert found == {"size": 0.0}
