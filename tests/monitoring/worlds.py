"""Columns of requests with and without drift, and the reference of a version judged on them."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from core.domain.monitoring import DriftCheck, Reference
from core.monitoring.drift.binning import Values, count_values
from core.monitoring.drift.compare import Key, compare_window
from core.monitoring.drift.reference import History, build_reference
from core.monitoring.slices.segments import SliceOutcome

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
N_NUMBERS = 15
LEVELS = np.array(["a", "b", "c", "d", "e", "f"])
PROVIDERS = np.array(["openai", "anthropic", "google", "mistral"])
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


def draw_day(rng: np.random.Generator, number: int, n: int, mood: NDArray[np.float64]) -> Columns:
    """`n` rows of one day: every other column follows the hours, every third is higher at weekends,
    and all move with the day's `mood`, one a column; a fifth of them are categories, another fifth
    skewed."""
    hour = rng.integers(0, 24, n)
    columns: Columns = {}
    for i, shift in enumerate(mood):
        values = rng.standard_normal(n) + shift + (number % 7 >= 5) * (i % 3 == 0)
        values += 0.5 * np.sin(2 * np.pi * hour / 24) * (i % 2 == 0)
        if i % 5 == 4:
            columns[f"c{i}"] = LEVELS[np.searchsorted([-0.5, 0.3, 1.2], values)].tolist()
        else:
            columns[f"x{i}"] = np.exp(0.7 * values) if i % 5 == 3 else values
    return columns


def make_reference(
    rng: np.random.Generator, *, n_days: int = 40, per_day: int = 50, day: float = 0.0
) -> Reference:
    """The newest half of the days is held out; |error| grows with the size of x1."""
    days = [draw_columns(rng, per_day, day=day) for _ in range(2 * n_days)]
    columns = {name: join([part[name] for part in days]) for name in days[0]}
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


def join(parts: list[Values]) -> Values:
    """The parts of a column as one."""
    if isinstance(parts[0], list):
        return [level for part in parts for level in part]
    return np.concatenate(parts)  # type: ignore[arg-type]


def draw_outcome(seed: int, n: int = 800, *, bias: float = 0.0, slow: float = 0.0) -> SliceOutcome:
    """Errors with a mean of about 2.4 points, `bias` points more at one provider, `slow` more for
    the longest tenth."""
    rng = np.random.default_rng(seed)
    provider = rng.choice(PROVIDERS, n, p=[0.2, 0.4, 0.3, 0.1])
    length = rng.exponential(100.0, n)
    errors = np.abs(3 * rng.standard_normal(n))
    errors += bias * (provider == "openai") + slow * (length > np.quantile(length, 0.9))
    columns = {"provider": provider.tolist(), "length": length, "noise": rng.standard_normal(n)}
    scores = rng.uniform(30, 100, n)
    return SliceOutcome(columns, scores, scores - errors, np.full(n, 2.4), np.arange(n) % 7)


def draw_crossed(seed: int, n: int, fault: str = "", bias: float = 6.0) -> SliceOutcome:
    """Errors with a mean of about 2.4 points in ten columns, four of them categories and two that
    move together; a fault makes those of some rows `bias` points larger, or by a factor."""
    rng = np.random.default_rng([seed, n])
    provider = rng.choice(PROVIDERS, n, p=[0.3, 0.3, 0.25, 0.15])
    action = rng.choice(np.array(["code", "text", "answer", "plan"]), n, p=[0.3, 0.3, 0.2, 0.2])
    length = rng.exponential(100.0, n)
    models = np.char.add(provider, np.where(rng.random(n) < 0.8, "-a", "-b"))
    numbers = rng.standard_normal((4, n))
    errors = np.abs(3 * rng.standard_normal(n))
    openai, code, long = provider == "openai", action == "code", length > np.quantile(length, 0.75)
    errors *= {"factors": np.where(openai, 3, 1) * np.where(code, 1.5, 1)}.get(fault, np.ones(n))
    errors += bias * {
        "provider": 1 * openai,
        "provider and action": openai & code,
        "provider, and action": 1 * openai + code,
        "provider and length": openai & long,
        "two numbers": (numbers[0] > 0.5) & (numbers[1] > 0.3),
    }.get(fault, np.zeros(n))
    columns: Columns = {
        "provider": provider.tolist(),
        "action": action.tolist(),
        "language": rng.choice(np.array(["en", "de", "fr"]), n, p=[0.6, 0.25, 0.15]).tolist(),
        "model": models.tolist(),
        "length": length,
        "tokens": length * np.exp(0.3 * rng.standard_normal(n)),
        **{f"x{i}": numbers[i] for i in range(4)},
    }
    scores = rng.uniform(30, 100, n)
    return SliceOutcome(columns, scores, scores - errors, np.full(n, 2.4), np.arange(n) % 7)
