"""The rows that judge a search stay whole groups where the purpose is to pick from them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from core.training.models import fold_matrices
from core.training.models.fold_matrices import FoldMatrix, prepare_folds
from core.training.models.objective import Aim
from core.training.models.recipe import TrainingRows

N = 400
GROUP = np.repeat(np.arange(N // 4), 4)
ROWS = TrainingRows(
    pd.DataFrame({"a": np.arange(float(N))}),
    np.arange(float(N)),
    ((np.arange(0, 200), np.arange(200, N)),),
)


def prepare(rows: TrainingRows) -> FoldMatrix:
    (fold,) = prepare_folds(
        lambda: Pipeline([("as_they_are", FunctionTransformer(np.asarray))]),
        rows,
        lambda share, message: None,
    )
    return fold


def test_thinned_rows_keep_each_group_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold_matrices, "MAX_ROWS", 50)
    fold = prepare(TrainingRows(ROWS.features, ROWS.target, ROWS.folds, group=GROUP))
    assert fold.group is not None
    assert 40 <= len(fold.group) <= 60
    assert set(np.bincount(fold.group)[fold.group]) == {4}
    assert prepare(ROWS).group is None


def test_a_picker_is_judged_within_its_groups_and_another_by_its_whole_error() -> None:
    truth, group = np.array([10.0, 20.0, 70.0, 90.0]), np.array([0, 0, 1, 1])
    shifted = truth + np.array([50.0, 50.0, -30.0, -30.0])  # wrong, yet the order is right
    nothing = np.zeros((0, 1))
    picker = FoldMatrix(nothing, np.zeros(0), None, nothing, truth, group)
    scorer = FoldMatrix(nothing, np.zeros(0), None, nothing, truth)
    assert picker.measure(shifted, Aim()) == 0.0
    assert scorer.measure(shifted, Aim()) == 40.0
