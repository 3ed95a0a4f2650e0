"""Generated rows of a quality predictor, from a known function and noise, so that the smallest
possible error is known too."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from core.domain.sample import FeatureValue, Provenance, Sample
from core.errors import InvalidInput
from core.settings import Scale

SOURCE = "demo"
DAYS = 90
CANDIDATES = 4
"""The number of answers to each request, of which one is to be picked."""

NOISE = 0.03
"""The standard deviation of the noise, as a share of the scale."""

_MISSING_SHARES = {"csat": 0.10, "testCoverage": 0.04}
_PROVIDERS = {"anthropic": 0.4, "openai": 0.35, "mistral": 0.25}
_MODELS = {
    "anthropic": ("claude-large", "claude-small"),
    "openai": ("gpt-large", "gpt-small"),
    "mistral": ("mistral-large", "mistral-small"),
}
_ACTIONS = {"generate": 0.4, "refactor": 0.25, "fix": 0.2, "document": 0.15}
_PROVIDER_EFFECT = {"anthropic": 0.02, "openai": 0.01, "mistral": -0.02}
_ACTION_EFFECT = {"generate": 0.0, "refactor": -0.03, "fix": 0.02, "document": 0.04}

_Floats = NDArray[np.float64]
_Words = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class DemoRows:
    """Generated rows; `best_mae` is the MAE of a model that knows the function exactly."""

    samples: tuple[Sample, ...]
    best_mae: float


def generate_demo(n_rows: int, seed: int, now: datetime, scale: Scale) -> DemoRows:
    """Return rows of the last 90 days up to `now`, marked synthetic: seven base metrics (csat 0..1,
    the others 0..100), provider, model and action type; four are the candidates of a request, which
    is their group. Equal arguments give equal rows.

    The target is clip(f(row) + e) with e ~ N(0, 3 % of the scale). A metric that is missing was
    not measured, and counts in f as a fixed value: f is a function of what is in the row. Clipping
    keeps the order, so clip(f) is the median of the target and the best guess for the absolute
    error; its mean error is computed exactly, row by row, not simulated.

    >>> from datetime import UTC
    >>> demo = generate_demo(2000, 1, datetime(2026, 3, 2, tzinfo=UTC), Scale(0, 100))
    >>> len(demo.samples), round(demo.best_mae, 2)
    (2000, 2.39)
    """
    if n_rows < 1:
        raise InvalidInput(f"{n_rows} rows cannot be generated: ask for at least one.")
    rng = np.random.default_rng(seed)
    times = _draw_times(rng, n_rows, now)
    metrics = _draw_metrics(rng, n_rows)
    provider = rng.choice(list(_PROVIDERS), n_rows, p=list(_PROVIDERS.values()))
    large = rng.random(n_rows) < 0.6
    action = rng.choice(list(_ACTIONS), n_rows, p=list(_ACTIONS.values()))
    quality = _quality(metrics, provider, large, action)
    noisy = quality + rng.normal(0.0, NOISE, n_rows)
    span = scale.high - scale.low
    targets = scale.low + span * np.clip(noisy, 0.0, 1.0)
    samples = tuple(
        Sample(
            source=SOURCE,
            provenance=Provenance.SYNTHETIC,
            features=features,
            target=float(target),
            at=at,
            group=f"demo-{seed}-request-{number // CANDIDATES}",
            external_id=f"demo-{seed}-{number}",
        )
        for number, (features, target, at) in enumerate(
            zip(_rows(metrics, provider, large, action), targets, times, strict=True)
        )
    )
    return DemoRows(samples, span * float(expected_error(quality, NOISE).mean()))


def expected_error(quality: _Floats, noise: float) -> _Floats:
    """Return E|clip(q + e, 0, 1) - clip(q, 0, 1)| for e ~ N(0, noise²) and each q: the error of the
    best guess. With E min(e⁺, c) = ∫₀ᶜ P(e > t) dt = noise (φ(0) - φ(z)) + c P(e > c), z = c /
    noise, on both sides; c is the distance that the clipped value can move to that side.

    >>> expected_error(np.array([0.5]), 0.1).round(4), round(0.1 * (2 / np.pi) ** 0.5, 4)
    (array([0.0798]), 0.0798)
    """
    inside = np.clip(quality, 0.0, 1.0)
    past_top, past_bottom = quality - inside, inside - quality  # at most one is above 0
    up = _mean_move(1.0 - inside, np.maximum(past_bottom, 0.0), noise)
    down = _mean_move(inside, np.maximum(past_top, 0.0), noise)
    moved: _Floats = up + down
    return moved


def _mean_move(room: _Floats, before: _Floats, noise: float) -> _Floats:
    """Return ∫ P(e > t) dt over `room` from `before`, where a value starts to move."""
    moved: _Floats = _tail_integral(before, noise) - _tail_integral(before + room, noise)
    return moved


def _tail_integral(start: _Floats, noise: float) -> _Floats:
    """Return ∫ P(e > t) dt from `start` on = noise φ(z) - start P(e > start), z = start / noise."""
    z = start / noise
    tail: _Floats = noise * norm.pdf(z) - start * norm.sf(z)
    return tail


def _draw_times(rng: np.random.Generator, n_rows: int, now: datetime) -> list[datetime]:
    seconds = np.sort(rng.uniform(0.0, DAYS * 86_400.0, n_rows))[::-1]
    asked = np.repeat(seconds[::CANDIDATES], CANDIDATES)[
        :n_rows
    ]  # all answers to a request at once
    return [now - timedelta(seconds=round(float(second))) for second in asked]


def _draw_metrics(rng: np.random.Generator, n_rows: int) -> dict[str, _Floats]:
    skill = rng.normal(0.0, 1.0, n_rows)  # good work tends to be good in all of them

    def percent(mean: float, spread: float, share: float) -> _Floats:
        own = rng.normal(0.0, 1.0, n_rows)
        mixed = share * skill + np.sqrt(1.0 - share**2) * own
        rounded: _Floats = np.round(np.clip(mean + spread * mixed, 0.0, 100.0), 1)
        return rounded

    metrics = {
        "codeQuality": percent(68.0, 15.0, 0.6),
        "testCoverage": percent(58.0, 22.0, 0.4),
        "security": percent(74.0, 14.0, 0.4),
        "performance": percent(66.0, 16.0, 0.3),
        "maintainability": percent(64.0, 15.0, 0.6),
        "complexity": percent(45.0, 18.0, -0.4),
        "csat": np.round(percent(70.0, 18.0, 0.5) / 100.0, 3),
    }
    for name, share in _MISSING_SHARES.items():
        metrics[name][rng.random(n_rows) < share] = np.nan
    return metrics


def _quality(
    metrics: dict[str, _Floats], provider: _Words, large: NDArray[np.bool_], action: _Words
) -> _Floats:
    """Return the known function, about 0..1: a sum, two bends and an interaction, none of them
    linear."""
    coverage = np.where(np.isnan(metrics["testCoverage"]), 40.0, metrics["testCoverage"]) / 100.0
    csat = np.where(np.isnan(metrics["csat"]), 0.6, metrics["csat"])
    code, security = metrics["codeQuality"] / 100.0, metrics["security"] / 100.0
    upkeep, complexity = metrics["maintainability"] / 100.0, metrics["complexity"] / 100.0
    quality: _Floats = (
        0.02
        + 0.30 * code
        + 0.18 * np.sqrt(coverage)
        + 0.12 * upkeep
        + 0.08 * metrics["performance"] / 100.0
        + 0.15 * csat
        + 0.20 * np.minimum(security, 0.75)
        - 0.25 * np.maximum(complexity - 0.5, 0.0)
        - 0.25 * complexity * np.maximum(0.5 - coverage, 0.0)
        + np.where(large, 0.03, -0.02)
        + _effects(provider, _PROVIDER_EFFECT)
        + _effects(action, _ACTION_EFFECT)
    )
    return quality


def _effects(words: _Words, effect: dict[str, float]) -> _Floats:
    effects: _Floats = np.select([words == word for word in effect], list(effect.values()), 0.0)
    return effects


def _rows(
    metrics: dict[str, _Floats], provider: _Words, large: NDArray[np.bool_], action: _Words
) -> Iterator[dict[str, FeatureValue]]:
    columns = [
        [None if value != value else value for value in metrics[name].tolist()] for name in metrics
    ]
    for place, values in enumerate(zip(*columns, strict=True)):
        name = str(provider[place])
        yield {
            **dict(zip(metrics, values, strict=True)),
            "provider": name,
            "model": _MODELS[name][0 if large[place] else 1],
            "action_type": str(action[place]),
        }
