"""A search says how far it is, stops when asked, and keeps what it has found until then."""

import numpy as np
import pytest

from core.errors import Cancelled
from core.training.models import boosting
from core.training.models.boosting import search_grid, search_smart
from core.training.models.fold_matrices import FoldMatrix
from core.training.models.trees import BoostedTrees, find_device


def folds() -> list[FoldMatrix]:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(120, 2))
    y = 50 + 10 * np.abs(X[:, 0])
    parts = [(np.arange(120) % 3 != i, np.arange(120) % 3 == i) for i in range(3)]
    return [FoldMatrix(X[f], y[f], None, X[j], y[j]) for f, j in parts]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosting, "TREES", (10, 20, 40))
    monkeypatch.setattr(boosting, "_RUNGS", ((9, 1), (3, 2), (2, 3)))
    monkeypatch.setattr(boosting, "_REPORT_SECONDS", 0.0)


@pytest.mark.parametrize("search", [search_grid, search_smart])
def test_progress_says_how_many_boostings_the_best_loss_and_the_time_left(search: object) -> None:
    said: list[tuple[float, str]] = []
    found = search(  # type: ignore[operator]
        BoostedTrees(), {}, folds(), 0, lambda share, text: said.append((share, text))
    )
    assert [share for share, _ in said] == sorted(share for share, _ in said)
    assert said[-1][0] == pytest.approx(1.0)
    assert "best loss" in said[-1][1]
    assert said[-1][1].endswith("s left")
    assert found.n_folds == 3
    assert 10 <= found.parameters["n_trees"] <= 40


@pytest.mark.parametrize("search", [search_grid, search_smart])
def test_a_cancelled_search_keeps_the_best_that_it_found(search: object) -> None:
    def stop(share: float, text: str) -> None:
        if "best loss" in text:
            raise Cancelled("Cancelled by ana.")

    with pytest.raises(Cancelled) as caught:
        search(BoostedTrees(), {"start": "line"}, folds(), 0, stop)  # type: ignore[operator]
    assert caught.value.kept is not None
    best = caught.value.kept["best"]
    assert isinstance(best, dict)
    assert best["start"] == "line"
    BoostedTrees(**best)  # can be trained with


def test_where_there_is_no_gpu_it_is_said() -> None:
    device, sentence = find_device("cuda")
    assert sentence.startswith(
        "XGBoost trains on the GPU" if device == "cuda" else "PLUMBLINE_DEVICE asks for a GPU"
    )
