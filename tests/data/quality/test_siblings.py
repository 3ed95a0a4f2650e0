"""Siblings: what looks like another rating of the same work is asked about, and nothing else."""

import numpy as np
import pandas as pd
import pytest

from core.data.quality.siblings import find_siblings

N = 500
RNG = np.random.default_rng(0)
QUALITY = RNG.normal(0, 1, N)
TARGET = pd.Series(np.clip(np.round(60 + 18 * QUALITY + RNG.normal(0, 4, N), 1), 0, 100))


def _rate(noise: float, scale: float = 18.0, middle: float = 60.0) -> np.ndarray:
    return middle + scale * (QUALITY + np.random.default_rng(7).normal(0, noise, N))


def _cut(noise: float, names: list[str]) -> pd.Series:
    edges = np.linspace(35, 85, len(names) - 1) if len(names) > 2 else [60.0]
    return pd.Series([names[i] for i in np.digitize(_rate(noise), edges)], dtype="str")


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("clarity_score", _rate(0.3)),
        ("UserRating", np.clip(np.round(_rate(0.4, 1.0, 3.0)), 1, 5)),
        ("annotator2", _rate(0.5)),
        ("helpfulness", _rate(0.3, 1.0, 3.0)),
        ("defect rank", -_rate(0.3)),
        ("second", np.clip(_rate(0.25), 0, 100)),  # unnamed, and on the target's scale
        ("review outcome", _cut(0.1, ["revise", "merge"])),
        ("opinion", _cut(0.2, ["very poor", "poor", "good", "very good"])),
        ("correct", (_rate(0.05) > 60).astype(float)),
    ],
)
def test_another_rating_is_asked_about(name: str, column: object) -> None:
    rows = pd.DataFrame({"words": RNG.integers(5, 400, N), name: column})
    found = find_siblings(rows, TARGET)
    assert found is not None
    assert found.columns == (name,)
    assert 0.5 <= found.explained <= 1.0


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("code_quality", _rate(0.3)),  # a base metric, which is known when the work is scored
        ("readability_score", RNG.normal(0, 1, N)),  # says rating, and has nothing to do with it
        ("sentiment_score", _rate(2.0)),
        ("words", _rate(0.6, 100.0, 400.0)),  # follows it, on a scale of its own
        ("language", _cut(0.3, ["go", "python"])),  # explains it, and judges nothing
        ("passed", pd.Series(["yes", "no"] * (N // 2))),
    ],
)
def test_what_is_no_rating_or_says_nothing_is_not_asked_about(name: str, column: object) -> None:
    assert find_siblings(pd.DataFrame({name: column}), TARGET) is None


def test_ratings_that_only_together_say_the_target_are_asked_about_together() -> None:
    parts = {
        f"{name}_score": 18 * (QUALITY + np.random.default_rng(i).normal(0, 1.1, N))
        for i, name in enumerate(("style", "depth", "tone", "facts"))
    }
    found = find_siblings(pd.DataFrame(parts), TARGET)
    assert found is not None
    assert found.columns == tuple(parts)


def test_what_gives_the_target_away_for_sure_is_not_asked_about_as_well() -> None:
    rows = pd.DataFrame({"score2": TARGET})
    assert find_siblings(rows, TARGET, {"score2"}) is None
