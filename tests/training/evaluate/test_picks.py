"""A candidate is judged as a picker beside naive pickers that know the training rows alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.domain.training_report import Estimate, GateCode, NaivePick, Picks
from core.settings import Scale
from core.training.data.rows import Rows
from core.training.evaluate.gate import decide_gate
from core.training.evaluate.picks import best_picker, examine_picks, make_pickers
from core.training.evaluate.verdict import describe_picks, summarize_training
from core.training.plan import PICK
from tests.training.evaluate.test_gate import BETTER, GOOD, failures

SCALE = Scale(0, 100)
KINDS = {"model": "category", "words": "numeric", "hint": "numeric"}


def make_groups(n: int, seed: int, *, size: int = 4, level: float = 0.0) -> Rows:
    """Requests of differing difficulty with candidates of which `hint` tells the better; model "a"
    is better by `level` on average."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n), size)
    model = np.tile(np.array(list("abcdef"))[:size], n)
    hint = rng.normal(0, 5, n * size)
    target = 50 + rng.normal(0, 20, n)[group] + hint + np.where(model == "a", level, 0.0)
    return Rows(
        features=pd.DataFrame(
            {"model": model, "words": rng.integers(10, 500, n * size) * 1.0, "hint": hint}
        ),
        target=np.clip(target, 0, 100),
        at_seconds=np.full(n * size, np.nan),
        group=group,
        together=group,
        synthetic=np.zeros(n * size, dtype=bool),
    )


TRAIN, HOLDOUT = make_groups(60, 1, level=4.0), make_groups(40, 2, level=4.0)


def examine(scores: np.ndarray) -> Picks:
    found = examine_picks(scores, TRAIN, HOLDOUT, KINDS, SCALE)
    assert found is not None
    return found


HINTED = examine(HOLDOUT.features["hint"].to_numpy())
BY_MODEL = examine((HOLDOUT.features["model"] == "a").to_numpy(np.float64))


def test_the_naive_pickers_are_chance_the_best_category_and_the_longest() -> None:
    assert set(HINTED.naive) == {"random", "best_category", "longest"}
    assert HINTED.naive["random"] == NaivePick(0.5, HINTED.naive["random"].regret, 0.0)
    assert HINTED.naive["best_category"].of == "model"
    assert HINTED.naive["longest"].of == "words"
    assert best_picker(HINTED.naive) == "best_category"


def test_rows_with_base_metrics_are_picked_by_the_heuristic_too() -> None:
    rated = replace(HOLDOUT, features=HOLDOUT.features.assign(code_quality=80.0))
    assert "heuristic" in make_pickers(TRAIN, rated, KINDS, SCALE)[0]


def test_a_level_that_training_never_saw_is_picked_as_the_average() -> None:
    strange = replace(HOLDOUT, features=HOLDOUT.features.assign(model="new"))
    pickers, _ = make_pickers(TRAIN, strange, KINDS, SCALE)
    assert pickers["best_category"] == pytest.approx(np.full(160, TRAIN.target.mean()))


@pytest.mark.parametrize("group", [None, np.arange(160)], ids=["no groups", "single rows"])
def test_rows_that_are_no_choice_have_no_figures(group: np.ndarray | None) -> None:
    alone = replace(HOLDOUT, group=group)
    assert examine_picks(HOLDOUT.target, TRAIN, alone, KINDS, SCALE) is None


def test_the_gate_of_a_picker_asks_for_more_than_the_best_naive_picker() -> None:
    good = replace(GOOD, purpose=PICK, picks=HINTED, comparison=None)
    assert failures(good) == []
    assert GateCode.SKILL not in decide_gate(good).codes
    assert summarize_training(good).startswith("Picks better than always the best 'model'")
    same = replace(good, picks=BY_MODEL)
    assert failures(same) == [GateCode.PICKS]
    assert "not shown to be better than always the best 'model'" in summarize_training(same)
    assert failures(replace(good, picks=None)) == [GateCode.PICKS]


def test_a_picker_replaces_one_that_serves_only_if_it_picks_better() -> None:
    picker = replace(GOOD, purpose=PICK, picks=HINTED)
    better = replace(BETTER, advantage=Estimate(0.3, 0.1, 0.5), lowest=0.05)
    assert failures(replace(picker, comparison=better)) == []
    equal = replace(better, advantage=Estimate(0.0, -0.2, 0.2), lowest=-0.25)
    gate = decide_gate(replace(picker, comparison=equal))
    assert not gate.passed
    assert "recovers 0 % (−20.0 to 20.0) more of the gap than that of v3" in gate.reasons[0]


@pytest.mark.parametrize(
    ("advantage", "words"),
    [
        (Estimate(0.3, 0.1, 0.5), "Picks better than"),
        (Estimate(0.1, -0.1, 0.3), "Picks not shown to be better than"),
        (Estimate(0.0, 0.0, 0.0), "Picks not shown to be better than"),
        (Estimate(-0.3, -0.5, -0.1), "Picks worse than"),
    ],
)
def test_the_sentence_says_what_its_interval_says(advantage: Estimate, words: str) -> None:
    assert describe_picks(replace(HINTED, advantage=advantage)).startswith(words)


@pytest.mark.parametrize(
    ("picks", "why"),
    [
        (replace(HINTED, n_groups=1, gap_recovered=None), "1 holdout group: two groups are"),
        (replace(HINTED, gap_recovered=None), "40 holdout groups: all candidates are equally good"),
    ],
)
def test_where_nothing_can_be_picked_the_sentence_says_why(picks: Picks, why: str) -> None:
    assert why in describe_picks(picks)
