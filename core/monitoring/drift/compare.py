"""Drift of a window: every column against the version's reference, with what chance explains."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core import text
from core.domain.monitoring import Bins, DriftCheck, DriftReport, Reference, Subject
from core.monitoring.drift.binning import Counted, name_bins
from core.monitoring.drift.expected_error import estimate_change
from core.stats import drift as noise

MIN_ROWS = 50
"""Rows of a window below which there is no verdict."""

LEVEL = 0.05
"""The chance that any check passes in one window without drift; two of three are needed."""

MIN_SHARE = 0.05
"""The smallest change of the share of missing or unseen values that counts."""

OUTSIDE_SHARE = 0.10
"""The share of rows beyond anything seen from which on the effect on the error is unknown."""

MATTERS_SHARE = 0.10
"""The share of the holdout's MAE from which on an estimated change of it is worth a warning."""

MATTERS_IMPORTANCE = 0.02
"""The importance from which on a column whose effect cannot be estimated is worth a warning."""

GONE_CHANCE = 1e-6
"""The chance below which missing values in a row are a feature that has vanished: it is confirmed
at once."""

WHEN_CONFIRMED = "confirmed if the next window shows it too"

_N_RESAMPLES = 1_000

Key = tuple[str, bool, Subject]


@dataclass(frozen=True, slots=True)
class _Found:
    """A comparison before it is corrected for the number of comparisons."""

    effect: float
    noise: float
    minimum: float
    p_value: float
    outside: float = 0.0


def compare_window(
    reference: Reference,
    counted: Sequence[Counted],
    *,
    threshold: float,
    importance: Mapping[str, float],
    passed_before: frozenset[Key],
    seed: int,
) -> tuple[DriftCheck, ...]:
    """Every check of a window, the columns of `counted` parallel to the reference's: first what is
    confirmed, then what passed in this window, each by what it costs. `threshold` is the smallest
    effect that counts, `passed_before` what passed in one of the two windows before."""
    rng = np.random.default_rng(seed)
    found: list[tuple[Bins, Counted, Subject, _Found]] = []
    for bins, window in zip(reference.columns, counted, strict=True):
        for subject, check in _compare_column(bins, window, threshold, rng):
            found.append((bins, window, subject, check))
    significant = noise.benjamini_hochberg(np.array([check.p_value for *_, check in found]), LEVEL)
    checks = [
        _build_check(
            *parts, significant=bool(flag), importance=importance, passed_before=passed_before
        )
        for parts, flag in zip(found, significant, strict=True)
    ]
    return tuple(sorted(checks, key=_rank))


def key_of(check: DriftCheck) -> Key:
    """Return the key that checks of the same column and subject share in all windows."""
    return check.column, check.is_feature, check.subject


def matters(check: DriftCheck, reference_mae: float | None) -> bool:
    """Return True if a drifted column needs a person's attention: its estimated effect is a tenth
    of the error on the holdout, or it cannot be estimated and the model uses the column much."""
    if not check.confirmed or not check.is_feature:
        return False
    if check.effect_on_mae is None or is_strange(check):
        return check.importance is None or check.importance >= MATTERS_IMPORTANCE
    return reference_mae is not None and check.effect_on_mae >= MATTERS_SHARE * reference_mae


def is_strange(check: DriftCheck) -> bool:
    """Return True if the values are unlike the reference: missing, of a new category or out of
    range."""
    return check.subject is not Subject.VALUES or check.outside >= OUTSIDE_SHARE


def describe_check(check: DriftCheck) -> str:
    """Describe the change of a column in words.

    >>> check = DriftCheck("length", True, Subject.MISSING, 0.4, 0.02, 0.05, 0.0, True, True)
    >>> describe_check(check)
    "'length' is missing in 40 more of 100 rows than on the holdout"
    """
    name = f"'{check.column}'" if check.is_feature else "the score"
    if check.n_gone:
        return f"{name} is missing in each of the newest {check.n_gone:,} rows"
    if check.subject is Subject.MISSING:
        moved = f"{abs(check.effect) * 100:.3g} {'more' if check.effect > 0 else 'fewer'}"
        return f"{name} is missing in {moved} of 100 rows than on the holdout"
    if check.subject is Subject.UNSEEN:
        return (
            f"{name} has categories that were never seen in {text.percent(check.effect)} of "
            "the rows"
        )
    unit = "Jensen-Shannon" if check.bins and check.bins[-2:] == ("others", "missing") else "sd"
    return (
        f"{name} moved by {text.figure(check.effect)} {unit}, chance explains "
        f"{text.figure(check.noise)}"
    )


def describe_basis(reference: Reference) -> str:
    """Describe the rows from which the noise is drawn.

    >>> from datetime import datetime
    >>> describe_basis(Reference(3, datetime(2026, 3, 2), 412, 60, 4.0, ()))
    '412 held-out rows and the differences between 60 days of history'
    """
    rows = f"{reference.n_rows:,} held-out rows"
    if not reference.n_blocks:
        return f"{rows}; they carry no times, so that days count as alike"
    return f"{rows} and the differences between {reference.n_blocks} days of history"


def summarize_drifted(checks: Sequence[DriftCheck]) -> tuple[str, ...]:
    """The columns that drifted, each once."""
    return tuple(dict.fromkeys(check.column for check in checks if check.confirmed))


def list_mattering(report: DriftReport) -> tuple[DriftCheck, ...]:
    """List the drifted columns that matter, the largest effect first."""
    return tuple(check for check in report.checks if matters(check, report.reference_mae))


def _compare_column(
    bins: Bins, window: Counted, threshold: float, rng: np.random.Generator
) -> list[tuple[Subject, _Found]]:
    found = []
    if window.n >= MIN_ROWS:
        compare = _compare_numbers if bins.is_number else _compare_levels
        found.append((Subject.VALUES, compare(bins, window, threshold, rng)))
    if window.counts.sum() < MIN_ROWS:
        return found
    if bins.is_feature:
        found.append((Subject.MISSING, _compare_missing(bins, window, rng)))
    if bins.known:
        found.append((Subject.UNSEEN, _compare_unseen(bins, window, rng)))
    return found


def _compare_numbers(
    bins: Bins, window: Counted, threshold: float, rng: np.random.Generator
) -> _Found:
    counts, blocks = _split_missing(bins)
    edges = np.array(bins.edges)
    shares = counts / counts.sum()
    difference = np.cumsum(window.counts[:-1] / window.n - shares)[: len(edges)]
    unit = bins.spread or max(abs(bins.edges[0]), 1e-12)  # constant: its own size
    effects = noise.resample_numbers(
        shares,
        noise.find_deviations(blocks, shares, cumulative=True),
        edges,
        n_reference=int(counts.sum()),
        n_window=window.n,
        n_resamples=_N_RESAMPLES,
        rng=rng,
    )
    effect = float(noise.wasserstein(difference, edges)) + window.beyond
    return _judge(effect / unit, effects / unit, threshold, window.n_outside / window.n)


def _compare_levels(
    bins: Bins, window: Counted, threshold: float, rng: np.random.Generator
) -> _Found:
    counts, blocks = _split_missing(bins)
    shares = counts / counts.sum()
    effects = noise.resample_levels(
        shares,
        noise.find_deviations(blocks, shares, cumulative=False),
        n_reference=int(counts.sum()),
        n_window=window.n,
        n_resamples=_N_RESAMPLES,
        rng=rng,
    )
    effect = float(noise.jensen_shannon(shares, window.counts[:-1] / window.n))
    return _judge(effect, effects, threshold, window.n_outside / window.n)


def _compare_missing(bins: Bins, window: Counted, rng: np.random.Generator) -> _Found:
    """The share of missing values as a column of zeros and ones; one row more than were seen is
    taken as missing, since none in a thousand is no proof that there are none."""
    counts = np.array(bins.counts)
    n, n_window = int(counts.sum()), int(window.counts.sum())
    missing = (counts[-1] + 0.5) / (n + 1)
    two = np.array([1 - missing, missing])
    blocks = _array_blocks(bins)
    parts = np.column_stack([blocks[:, :-1].sum(axis=1), blocks[:, -1]])
    effects = noise.resample_numbers(
        two,
        noise.find_deviations(parts, two, cumulative=True),
        np.array([0.0, 1.0]),
        n_reference=n,
        n_window=n_window,
        n_resamples=_N_RESAMPLES,
        rng=rng,
    )
    effect = float(window.counts[-1] / n_window - counts[-1] / n)
    return replace(_judge(abs(effect), effects, MIN_SHARE), effect=effect)


def _compare_unseen(bins: Bins, window: Counted, rng: np.random.Generator) -> _Found:
    """Against the share of the holdout's rows whose level was new to the rows learned from."""
    n = int(window.counts.sum())
    usual = max(bins.unseen_share, 0.5 / sum(bins.counts))
    effects = rng.binomial(n, usual, size=_N_RESAMPLES) / n
    share = window.n_outside / n
    return _judge(share, effects, MIN_SHARE + bins.unseen_share, share)


def _judge(
    effect: float, effects: NDArray[np.float64], minimum: float, outside: float = 0.0
) -> _Found:
    return _Found(
        effect=effect,
        noise=float(np.quantile(effects, noise.TAIL)),
        minimum=minimum,
        p_value=noise.tail_probability(effect, effects),
        outside=outside,
    )


def _build_check(
    bins: Bins,
    window: Counted,
    subject: Subject,
    found: _Found,
    *,
    significant: bool,
    importance: Mapping[str, float],
    passed_before: frozenset[Key],
) -> DriftCheck:
    size = abs(found.effect)
    n_gone = count_gone(bins, window) if subject is Subject.MISSING else 0
    passed = n_gone > 0 or (significant and size > found.noise and size >= found.minimum)
    check = DriftCheck(
        column=bins.name,
        is_feature=bins.is_feature,
        subject=subject,
        effect=found.effect,
        noise=found.noise,
        minimum=found.minimum,
        p_value=found.p_value,
        passed=passed,
        confirmed=n_gone > 0 or (passed and (bins.name, bins.is_feature, subject) in passed_before),
        importance=importance.get(bins.name) if bins.is_feature else None,
        effect_on_mae=estimate_change(bins, window.counts),
        outside=found.outside,
        n_gone=n_gone,
    )
    return _add_picture(check, bins, window) if passed else check


def count_gone(bins: Bins, window: Counted) -> int:
    """Return the number of newest rows in which a feature is missing, if it has vanished: at least
    `MIN_ROWS` rows one after another, which chance explains only below `GONE_CHANCE`. 0 if it has
    not, or if it was away for whole days before."""
    total = sum(bins.counts)
    blocks = _array_blocks(bins)
    days = blocks[blocks.sum(axis=1) > 0]
    share = (bins.counts[-1] + 0.5) / (total + 1)
    if window.n_gone < MIN_ROWS or window.n_gone * math.log(share) > math.log(GONE_CHANCE):
        return 0
    return 0 if (days[:, :-1].sum(axis=1) == 0).any() else window.n_gone


def _add_picture(check: DriftCheck, bins: Bins, window: Counted) -> DriftCheck:
    before = np.array(bins.counts)
    return replace(
        check,
        bins=name_bins(bins),
        before=tuple((before / before.sum()).tolist()),
        now=tuple((window.counts / window.counts.sum()).tolist()),
    )


def _rank(check: DriftCheck) -> tuple[bool, bool, float, float, float]:
    cost = -1.0 if check.effect_on_mae is None else abs(check.effect_on_mae)
    return (
        not check.confirmed,
        not check.passed,
        -cost,
        -(check.importance or 0.0),
        -abs(check.effect),
    )


def _split_missing(bins: Bins) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The counts of the holdout and of the blocks, without what is missing."""
    return np.array(bins.counts)[:-1], _array_blocks(bins)[:, :-1]


def _array_blocks(bins: Bins) -> NDArray[np.int64]:
    return np.array(bins.blocks, dtype=np.int64).reshape(-1, len(bins.counts))
