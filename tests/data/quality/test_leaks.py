"""Leaks: what gives the target away is named, and what merely predicts it is not."""

import numpy as np
import pandas as pd
import pytest

from core.data.quality.leaks import find_leaks
from core.data.quality.level_ranges import MAX_ROWS

RNG = np.random.default_rng(0)
N = 600


def _named(features: dict[str, object], target: object) -> list[str]:
    return [leak.column for leak in find_leaks(pd.DataFrame(features), pd.Series(target))]


@pytest.fixture
def honest() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {f"x{i}": rng.normal(size=N) for i in range(6)}


@pytest.fixture
def target(honest: dict[str, np.ndarray]) -> np.ndarray:
    noise = np.random.default_rng(2).normal(0, 2, N)
    return 50 + 10 * honest["x0"] + 5 * honest["x1"] + noise


def test_features_that_predict_the_target_well_are_no_leaks(honest, target) -> None:
    assert _named(honest, target) == []


@pytest.mark.parametrize(
    "leak",
    [
        lambda y: y,
        lambda y: 3 - y / 100,
        lambda y: np.round(y),
        lambda y: y + np.random.default_rng(3).normal(0, 0.5, N),
        lambda y: np.exp(y / 10),
        lambda y: np.where(np.arange(N) % 5 == 0, np.nan, y),
    ],
)
def test_a_number_that_says_the_target_is_named(honest, target, leak) -> None:
    assert _named({**honest, "leak": leak(target)}, target) == ["leak"]


def test_a_category_that_says_the_target_is_named(honest) -> None:
    grades = np.arange(N) % 5
    words = pd.Series(["ABCDE"[g] for g in grades], dtype="str")
    assert _named({**honest, "grade": words}, 1.0 + grades) == ["grade"]


def test_codes_that_say_the_target_are_named_although_they_are_in_no_order(honest) -> None:
    codes = np.arange(N) % 4
    target = np.array([30.0, 10.0, 80.0, 55.0])[codes]
    assert _named({**honest, "code": codes.astype(float)}, target) == ["code"]


def test_a_category_of_many_levels_proves_nothing(honest, target) -> None:
    names = pd.Series([f"w{i}" for i in range(N)], dtype="str")
    assert _named({**honest, "name": names}, target) == []


@pytest.mark.parametrize(
    "weights", [(1.0, 1.0), (1 / 3, 1 / 3, 1 / 3), (2.0, -1.0), (0.5, 0.3, 0.2)]
)
def test_numbers_that_add_up_to_the_target_are_named(honest, weights) -> None:
    rng = np.random.default_rng(4)
    parts = {f"part{i}": rng.integers(0, 50, N).astype(float) for i in range(len(weights))}
    total = sum(w * part for w, part in zip(weights, parts.values(), strict=True))
    leaks = find_leaks(pd.DataFrame({**honest, **parts}), pd.Series(total))
    assert [leak.column for leak in leaks] == list(parts)
    assert set(leaks[0].others) == set(parts) - {"part0"}
    assert leaks[0].how == "they add up to the target"


def test_a_sum_that_was_rounded_is_still_a_sum(honest) -> None:
    parts = {f"p{i}": np.random.default_rng(i).normal(0, 10, N) for i in range(3)}
    total = np.round(sum(parts.values()), 1)
    assert _named({**honest, **parts}, total) == ["p0", "p1", "p2"]


def test_a_linear_target_with_a_little_noise_is_no_leak(honest) -> None:
    noise = np.random.default_rng(5).normal(0, 0.1, N)
    target = 5 * honest["x0"] + 4 * honest["x1"] + 3 * honest["x2"] + noise
    assert _named(honest, target) == []


def test_more_columns_than_rows_determine_nothing() -> None:
    rng = np.random.default_rng(6)
    features = {f"x{i}": rng.normal(size=60) for i in range(200)}
    assert _named(features, rng.normal(size=60)) == []


def test_a_target_that_does_not_vary_has_no_leaks(honest) -> None:
    assert _named(honest, np.ones(N)) == []


def test_a_constant_or_empty_column_is_no_leak(honest, target) -> None:
    assert _named({"one": np.ones(N), "none": np.full(N, np.nan), **honest}, target) == []


def test_too_few_rows_prove_nothing() -> None:
    assert _named({"a": [1.0, 2.0, 3.0]}, [1.0, 2.0, 3.0]) == []


def test_many_rows_are_thinned_out_and_a_leak_is_still_found() -> None:
    n = 3 * MAX_ROWS
    target = RNG.normal(size=n)
    assert _named({"a": RNG.normal(size=n), "leak": 2 * target}, target) == ["leak"]


SCORES = np.round(np.random.default_rng(20).beta(3, 2, N) * 100, 1)
WORDS = ["the answer is long", "nothing was said", "a fine piece", "see the sources", "it runs"]


def _cut(edges: list[float], names: list[str]) -> pd.Series:
    return pd.Series([names[i] for i in np.digitize(SCORES, edges)], dtype="str")


def _begin(marks: pd.Series, form: str = "[{}] {}") -> pd.Series:
    lines = [form.format(mark, f"{WORDS[i % 5]} {i}") for i, mark in enumerate(marks)]
    return pd.Series(lines, dtype="str")


@pytest.mark.parametrize(
    "column",
    [
        _cut([50], ["FAIL", "PASS"]),
        _cut([80], ["rejected", "accepted"]),
        _cut([30, 60, 85], ["poor", "fair", "good", "excellent"]),
        (np.digitize(SCORES, [20, 40, 60, 80]) + 1.0),  # stars
        SCORES >= 62.5,
        _cut([50], ["FAIL", "PASS"]).where(np.arange(N) % 7 > 0),  # not judged everywhere
        pd.Series(np.where(SCORES < 55, "misses the point", None)),  # a reason only where it fails
        pd.Series(np.where(SCORES < 55, [f"because of {i}" for i in range(N)], None)),
        np.where(np.arange(N) == 5, 100.0, np.round(SCORES / 20)),  # one slip of the pen
        np.minimum(SCORES, 75.0),  # a score that was capped
        -np.round(SCORES / 4),  # ranks, the best first
        _begin(_cut([50], ["FAIL", "PASS"])),
        _begin(_cut([50], ["", "PASS:"]), "{} {}"),  # a mark only where it passed
        _begin(_cut([50], ["Fail", "Pass"]), "{1}. Verdict: {0}"),
        _begin(pd.Series(np.round(SCORES / 10).astype(int)), "Score: {}/10. {}"),
        _begin(pd.Series(SCORES), "{1} (rated {0})"),
    ],
    ids=range(16),
)
def test_a_verdict_that_was_cut_from_the_target_is_named(honest, column) -> None:
    assert _named({**honest, "verdict": column}, SCORES) == ["verdict"]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(np.where(SCORES + RNG.normal(0, 15, N) < 50, "go", "python")),  # follows it
        pd.Series(np.where(np.arange(N) < 590, "usual", "rare")),
        _begin(pd.Series(["the", "I", "to", "def"] * (N // 4)), "{} {}"),
        _begin(pd.Series(RNG.integers(1, 99, N)), "Step {}: {}"),
        pd.Series(np.where(RNG.random(N) < 0.3, None, "known")),
        SCORES + RNG.normal(0, 12, N),
        np.digitize(SCORES + RNG.normal(0, 10, N), [25, 50, 75]).astype(float),
    ],
    ids=range(7),
)
def test_what_follows_the_target_or_has_nothing_to_do_with_it_is_not_named(honest, column) -> None:
    assert _named({**honest, "column": column}, SCORES) == []


def test_where_nothing_was_made_and_the_score_is_zero_a_missing_value_is_no_verdict(honest) -> None:
    empty = np.arange(N) % 4 == 0
    words = np.where(empty, np.nan, np.random.default_rng(21).integers(5, 400, N))
    assert _named({**honest, "words": words}, np.where(empty, 0.0, SCORES + 1.0)) == []


def test_a_verdict_says_which_ranges_it_stands_for() -> None:
    [leak] = find_leaks(pd.DataFrame({"verdict": _cut([50], ["FAIL", "PASS"])}), pd.Series(SCORES))
    low, high = SCORES[SCORES < 50], SCORES[SCORES >= 50]
    assert leak.how == (
        "its values hold the target in ranges that do not overlap: "
        f"'FAIL' {low.min():g} to {low.max():g}, 'PASS' {high.min():g} to {high.max():g}"
    )


@pytest.mark.parametrize(
    ("vote", "how"),
    [
        (lambda v: np.round(v.mean(axis=1)), "their mean is the target"),
        (lambda v: np.median(v, axis=1), "their median is the target"),
        (lambda v: v.min(axis=1), "the smallest of them is the target"),
        (lambda v: v.max(axis=1), "the largest of them is the target"),
    ],
)
def test_the_votes_that_the_target_was_made_of_are_named(honest, vote, how) -> None:
    quality = np.random.default_rng(22).normal(3, 1, N)
    noise = np.random.default_rng(23).normal(0, 1.2, (N, 3))
    votes = np.clip(np.round(quality[:, None] + noise), 1, 5)
    columns = {f"rater_{i}": votes[:, i] for i in range(3)}
    leaks = find_leaks(pd.DataFrame({**honest, **columns}), pd.Series(vote(votes)))
    assert {leak.column: leak.how for leak in leaks} == dict.fromkeys(columns, how)
