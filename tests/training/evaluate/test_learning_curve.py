"""The learning curve says whether more rows would help."""

import numpy as np
import pytest

from core.data.splits import Split
from core.domain.training_report import CurvePoint, Estimate
from core.settings import Scale
from core.training.data.rows import Rows
from core.training.evaluate.cross_validation import measure_curve, score_fold
from core.training.evaluate.metrics import choose_blocks
from core.training.evaluate.verdict import describe_curve
from core.training.models.recipe import Search
from core.training.recipe_registry import RECIPES
from tests.training.worlds import make_rows

SCALE = Scale(0, 100)


def curve(
    rows: Rows, n_train: int, recipe: str, parameters: dict[str, float]
) -> tuple[tuple[CurvePoint, ...], Estimate | None]:
    n = len(rows.target)
    split = Split(np.arange(n_train), np.arange(n_train, n), "random", "")
    search = Search(parameters)
    scores = score_fold(RECIPES[recipe], search, rows, (split.train, split.holdout), SCALE, 0)
    return measure_curve(
        RECIPES[recipe],
        search,
        rows,
        split,
        scores,
        blocks=choose_blocks(None, None, n - n_train),
        scale=SCALE,
        seed=0,
        progress=lambda share, message: None,
    )


def test_a_line_is_learned_from_few_rows_and_more_would_hardly_help() -> None:
    points, doubling = curve(make_rows(1400, seed=3), 1000, "baseline", {"alpha": 1.0})
    assert [point.n_rows for point in points] == [125, 250, 500, 1000]
    assert describe_curve(points, doubling).startswith("More rows of this kind would hardly help")


@pytest.mark.slow  # statistics
def test_trees_on_few_rows_would_learn_more_from_more() -> None:
    points, doubling = curve(make_rows(1000, noise=1.0), 400, "advanced", {"n_trees": 60})
    assert doubling is not None
    assert doubling.low > 0
    assert points[0].mae.value > points[-1].mae.value
    assert describe_curve(points, doubling).startswith("More rows would probably help: from 200")


@pytest.mark.parametrize("n_train", [40, 55])
def test_too_few_rows_for_parts_say_so(n_train: int) -> None:
    points, doubling = curve(make_rows(200), n_train, "baseline", {"alpha": 1.0})
    assert len(points) == 1
    assert doubling is None
    assert describe_curve(points, doubling).startswith("Too few rows")
