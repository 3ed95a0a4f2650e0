"""Columns of requests with and without drift, and the reference of a version judged on them."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from core.domain.drift import DriftCheck, Reference
from core.monitoring.bins import Values, count_values
from core.monitoring.drift import Key, compare_window
from core.monitoring.pinning import History, build_reference

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
N_NUMBERS = 15
LEVELS = np.array(["a", "b", "c", "d", "e", "f"])
SHARES = np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])

Columns = dict[str, Values]


def draw_columns(
    rng: np.random.Generator, n: int, *, shift: float = 0.0, day: float = 0.0
) -> Columns:
    """`n` rows of 20 columns: normal numbers, skewed ones, a count, categories; `shift` moves x0 by
    so many standard deviations, `day` lets all numbers of the call move together."""
    numbers = rng.standard_normal((n, N_NUMBERS)) + day * rng.standard_normal(N_NUMBERS)
    numbers[:, 0] += shift
    numbers[:, 1:4] = np.exp(numbers[:, 1:4])
    columns: Columns = {f"x{i}": numbers[:, i] for i in range(N_NUMBERS)}
    columns |= {f"n{i}": rng.integers(0, 5, n).astype(float) for i in range(2)}
    columns |= {f"c{i}": rng.choice(LEVELS, n, p=SHARES).tolist() for i in range(3)}
    return columns


def make_reference(
    rng: np.random.Generator, *, n_days: int = 40, per_day: int = 50, day: float = 0.0
) -> Reference:
    """The newest half of the days is held out; |error| grows with the size of x1."""
    days = [draw_columns(rng, per_day, day=day) for _ in range(2 * n_days)]
    columns = {name: _join([part[name] for part in days]) for name in days[0]}
    n = 2 * n_days * per_day
    holdout = np.arange(n // 2, n)
    size = np.asarray(columns["x1"])[holdout]
    return build_reference(
        History(
            columns=columns,
            at_seconds=np.repeat(np.arange(2 * n_days), per_day) * 86_400.0,
            holdout=holdout,
            scores=rng.uniform(0, 100, len(holdout)),
            errors=np.abs(rng.standard_normal(len(holdout))) * (1 + size),
        ),
        version=3,
        now=NOON,
    )


def compare(
    reference: Reference,
    columns: Mapping[str, Values],
    scores: NDArray[np.float64],
    passed_before: frozenset[Key] = frozenset(),
    seed: int = 0,
) -> tuple[DriftCheck, ...]:
    """The checks of a window of these rows."""
    values = {**columns, "score": scores}
    return compare_window(
        reference,
        [count_values(bins, values[bins.name]) for bins in reference.columns],
        threshold=0.1,
        importance={"x0": 0.5, "x1": 0.3},
        passed_before=passed_before,
        seed=seed,
    )


def _join(parts: list[Values]) -> Values:
    if isinstance(parts[0], list):
        return [level for part in parts for level in part]
    return np.concatenate(parts)  # type: ignore[arg-type]
