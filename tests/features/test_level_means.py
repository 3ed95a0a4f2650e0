"""Means of levels: a category of many levels helps where it says something, and never hurts."""

import numpy as np
import pytest

from core.features.encoder import RowEncoder
from core.features.level_means import cross_fit, fit_level_means, leave_to_levels

N, LEVELS = 1_200, 400


def _draw(effect: float, seed: int = 0) -> tuple[list[str | None], np.ndarray, np.ndarray]:
    """Levels, one number, and a target of both and of noise."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, LEVELS, N)
    size = rng.normal(0, 1, N)
    own = rng.normal(0, effect, LEVELS) if effect else np.zeros(LEVELS)
    target = 50 + 6 * size + own[codes] + rng.normal(0, 3, N)
    return [f"author {code}" for code in codes], size, target


def _rows(levels: list[str | None], size: np.ndarray) -> list[dict[str, object]]:
    return [{"author": a, "size": float(s)} for a, s in zip(levels, size, strict=True)]


@pytest.mark.parametrize("seed", range(5))
def test_levels_of_pure_noise_get_no_column(seed: int) -> None:
    levels, size, target = _draw(0.0, seed)
    encoder = RowEncoder().fit(_rows(levels, size), target)
    assert encoder.get_feature_names_out().tolist() == ["size"]
    assert "author" in encoder.dropped_


def test_levels_that_say_something_become_their_means() -> None:
    levels, size, target = _draw(8.0)
    encoder = RowEncoder().fit(_rows(levels, size), target)
    assert encoder.get_feature_names_out().tolist() == ["size", "author by its mean"]
    assert encoder.get_source_names() == ["size", "author"]
    own = encoder.transform(_rows(levels, size))[:, 1]
    assert np.corrcoef(own, target - 6 * size)[0, 1] > 0.9


def test_a_row_is_never_told_its_own_target() -> None:
    levels, size, target = _draw(8.0)
    told = RowEncoder().fit_transform(_rows(levels, size), target)[:, 1]
    changed = target.copy()
    changed[7] += 500.0
    again = cross_fit(levels, leave_to_levels(size[:, None], target))
    moved = cross_fit(levels, leave_to_levels(size[:, None], target) + (changed - target))
    assert told == pytest.approx(again)
    assert moved[7] - again[7] == pytest.approx(0.0, abs=2.0)  # by the overall mean alone


@pytest.mark.parametrize("unknown", ["new author", None, "", 17])
def test_a_level_that_was_never_seen_gets_the_overall_mean(unknown: object) -> None:
    levels, size, target = _draw(8.0)
    encoder = RowEncoder().fit(_rows(levels, size), target)
    row = {"author": unknown, "size": 1.0}
    overall = encoder.means_["author"]["overall"]
    assert encoder.transform([row]).tolist() == [[1.0, overall]]
    assert encoder.compile_row()(row) == [1.0, overall]


def test_one_row_is_encoded_as_many_are() -> None:
    levels, size, target = _draw(8.0)
    levels[3] = levels[4] = levels[5] = None
    rows = _rows(levels, size)
    encoder = RowEncoder().fit(rows, target)
    compiled = encoder.compile_row()
    assert [compiled(row) for row in rows] == encoder.transform(rows).tolist()


def test_few_rows_of_a_level_are_worth_little() -> None:
    levels = ["many"] * 60 + ["one"] + [f"other {i % 10}" for i in range(60)]
    y = np.r_[np.full(60, 80.0), 80.0, np.full(60, 40.0)] + np.random.default_rng(0).normal(
        0, 9, 121
    )
    means = fit_level_means(levels, y)
    assert means is not None
    assert abs(means.of_level["many"] - 80) < 3
    assert means.overall < means.of_level["one"] < means.of_level["many"]


def test_a_category_whose_levels_get_a_column_each_needs_no_means() -> None:
    rows = [{"lang": f"l{i % 8}", "size": float(i)} for i in range(200)]
    encoder = RowEncoder().fit(rows, np.arange(200.0) % 8)
    assert encoder.means_ == {}


def test_an_encoder_of_an_older_version_has_none() -> None:
    levels, size, _ = _draw(8.0)
    encoder = RowEncoder().fit(_rows(levels, size))
    del encoder.means_
    assert encoder.transform([{"author": "a", "size": 2.0}]).tolist() == [[2.0]]
