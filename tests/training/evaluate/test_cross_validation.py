"""What is said of rows that were not fitted on stays the same where many rows are thinned out."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.pipeline import Pipeline

from core.settings import Scale
from core.training.data.rows import Rows
from core.training.evaluate import cross_validation
from core.training.models.recipe import Recipe, Search
from tests.training.worlds import make_rows

SCALE = Scale(0, 100)


class Remembers(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Says of a row what it has seen of its group, and counts the rows that it was given."""

    def fit(self, X: Any, y: Any) -> "Remembers":
        self.n_rows_ = len(X)
        self.known_ = dict(zip(X["group"], y, strict=True))
        return self

    def predict(self, X: Any) -> Any:
        return np.array([self.known_.get(group, 0.0) for group in X["group"]])


MEMORY = Recipe("memory", "", lambda seed, given: Pipeline([("model", Remembers())]))


def in_groups(n_groups: int, size: int) -> Rows:
    """Rows of groups whose rows have one target."""
    rows = make_rows(n_groups * size)
    group = np.repeat(np.arange(n_groups), size)
    target = np.random.default_rng(0).uniform(20, 80, n_groups)[group]
    frame = rows.features.assign(group=group.astype(float))
    return Rows(frame, target, rows.at_seconds, group, group, rows.synthetic)


def test_what_a_random_split_claims_of_many_rows_is_flattered_by_torn_groups_as_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Thinned out row by row, groups of four would lose most of what leaks."""
    rows = in_groups(500, 4)
    everything = cross_validation.claim_at_random(MEMORY, Search(), rows, scale=SCALE, seed=0)
    monkeypatch.setattr(cross_validation, "MAX_ROWS", 400)
    few = cross_validation.claim_at_random(MEMORY, Search(), rows, scale=SCALE, seed=0)
    assert everything < 1
    assert few < 1


def test_folds_fit_on_no_more_rows_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross_validation, "MAX_ROWS", 100)
    rows = make_rows(1000)
    seen: list[int] = []

    class Counts(Remembers):
        def fit(self, X: Any, y: Any) -> "Remembers":
            seen.append(len(X))
            return super().fit(X.assign(group=0.0), y)

        def predict(self, X: Any) -> Any:
            return np.zeros(len(X))

    recipe = Recipe("counts", "", lambda seed, given: Pipeline([("model", Counts())]))
    folds = [(np.arange(800), np.arange(800, 1000)), (np.arange(90), np.arange(90, 1000))]
    judged = cross_validation.judge_folds(
        recipe, Search(), rows, folds, None, SCALE, 0, lambda share, message: None
    )
    assert sorted(seen) == [90, 100]
    assert [len(fold.scores) for fold in judged] == [100, 91]
