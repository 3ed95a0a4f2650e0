"""The trees keep scikit-learn's contract and survive saving in XGBoost's stable format."""

import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from core.errors import Cancelled
from core.training.models.fold_matrices import FoldMatrix
from core.training.models.trees import BoostedTrees, choose_threads

RNG = np.random.default_rng(1)
X = RNG.normal(size=(300, 4))
Y = 10 * X[:, 0] + 5 * (X[:, 1] > 0)


WHOLE = BoostedTrees(n_trees=20, min_child_weight=1.0, subsample=1.0, colsample=1.0, max_bin=256)
"""Without chance and with exact cuts: else a weight of two is not a row that stands there twice."""


@pytest.mark.slow
@parametrize_with_checks([WHOLE])
def test_it_keeps_the_contract_of_scikit_learn(estimator: BoostedTrees, check: object) -> None:
    check(estimator)  # type: ignore[operator]


def test_it_learns_and_more_trees_fit_better() -> None:
    few, many = (BoostedTrees(n_trees=n).fit(X, Y) for n in (10, 200))
    error = [float(np.mean(np.abs(model.predict(X) - Y))) for model in (few, many)]
    assert error[1] < 0.2 * error[0]


def test_the_same_seed_gives_the_same_scores() -> None:
    one, same, other = (BoostedTrees(seed=seed).fit(X, Y).predict(X) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_missing_values_are_scored() -> None:
    model = BoostedTrees().fit(np.where(RNG.random(X.shape) < 0.2, np.nan, X), Y)
    assert np.isfinite(model.predict(np.full((1, 4), np.nan))).all()


def test_it_must_be_fitted_first() -> None:
    with pytest.raises(NotFittedError):
        BoostedTrees().predict(X)


def test_saved_without_pickle_it_scores_exactly_the_same() -> None:
    model = BoostedTrees(n_trees=60).fit(X, Y)
    content = skops.io.dumps(model)
    assert skops.io.get_untrusted_types(data=content) == ["core.training.models.trees.BoostedTrees"]
    loaded = skops.io.loads(content, trusted=["core.training.models.trees.BoostedTrees"])
    assert np.array_equal(loaded.predict(X), model.predict(X))
    assert isinstance(model.__getstate__()["booster_"], bytes)  # UBJSON, not a memory image
    assert not hasattr(clone(loaded), "booster_")


def test_the_trace_stops_when_trees_bring_nothing() -> None:
    noise = RNG.normal(size=300)
    model = BoostedTrees(n_trees=500)
    rows = model.bin(FoldMatrix(X[:200], noise[:200], None, X[200:], noise[200:]))
    trace = model.trace(rows, patience=20, watch=lambda n: None)
    assert 2 <= len(trace) < 20
    assert len(trace) - 1 - int(np.argmin(trace)) == 2  # twenty trees after the best


def test_the_trace_can_be_stopped_by_a_person() -> None:
    seen = []

    def watch(n_trees: int) -> None:
        seen.append(n_trees)
        if n_trees >= 100:
            raise Cancelled("Stopped.")

    model = BoostedTrees(n_trees=500)
    with pytest.raises(Cancelled):
        model.trace(model.bin(FoldMatrix(X, Y, None, X, Y)), patience=500, watch=watch)
    assert seen == list(range(10, 101, 10))


def test_small_matrices_are_trained_with_one_thread() -> None:
    assert choose_threads(1000) == 1
    assert 1 <= choose_threads(10**9) <= 8
