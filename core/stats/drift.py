"""Drift: how far the values of a window are from a reference, and how far chance alone takes them.

Values are counted into the reference's bins first: everything here works on a few dozen shares a
column, however many rows there are. A window differs from the reference by the chance of its rows
and of the reference's, and by what makes one day differ from another; `resample_numbers` and
`resample_levels` draw both, the second from whole blocks (days) of history."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

TAIL = 0.995
"""The quantile of the noise that a drifted value is beyond."""


def choose_edges(values: Floats, n_bins: int) -> Floats:
    """The limits of bins that hold about equally many of the values: bin k holds what is above
    edge k - 1 and at most edge k, a last one what is above them all. Where there are at most
    `n_bins` different values, each has a bin of its own.

    >>> choose_edges(np.array([1.0, 2.0, 2.0, 5.0]), 10).tolist()
    [1.0, 2.0, 5.0]
    """
    different = np.unique(values)
    if len(different) <= n_bins:
        return different
    quantiles = np.quantile(values, np.linspace(0.0, 1.0, n_bins), method="inverted_cdf")
    return np.unique(quantiles)


def count_bins(values: Floats, edges: Floats) -> NDArray[np.int64]:
    """Return how many values stand in each bin, shape (n_edges + 1,).

    >>> count_bins(np.array([0.0, 2.0, 9.0]), np.array([1.0, 2.0])).tolist()
    [1, 1, 1]
    """
    return np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)


def measure_beyond(values: Floats, edges: Floats) -> float:
    """Return how far the values lie outside the edges, on average over all of them.

    >>> measure_beyond(np.array([0.0, 1.5, 4.0]), np.array([1.0, 2.0]))
    1.0
    """
    if not len(values):
        return 0.0
    outside = np.maximum(values - edges[-1], 0.0) + np.maximum(edges[0] - values, 0.0)
    return float(np.mean(outside))


def wasserstein(difference: Floats, edges: Floats) -> Floats:
    """The area between two cumulative distributions inside the edges, shape (...,): what the
    1-Wasserstein distance is for values that lie on the edges. `difference` holds their difference
    at each edge, shape (..., n_edges). What lies beyond the edges adds `measure_beyond`.

    >>> edges = np.array([0.0, 1.0, 3.0])
    >>> float(wasserstein(np.array([1.0, 0.5, 0.0]), edges))  # all at 0; half at 1, half at 3
    2.0
    """
    area: Floats = np.abs(difference[..., :-1]) @ np.diff(edges)
    return area


def jensen_shannon(p: Floats, q: Floats) -> Floats:
    """The Jensen-Shannon distance of shares (Lin 1991; its square root is a metric, base 2, so
    0..1), over the last axis.

    >>> round(float(jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0]))), 6)
    1.0
    """
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        divergence = special.rel_entr(p, middle) + special.rel_entr(q, middle)
    total: Floats = np.sqrt(np.maximum(divergence.sum(axis=-1) / (2 * np.log(2)), 0.0))
    return total


def find_deviations(blocks: NDArray[np.int64], shares: Floats, *, cumulative: bool) -> Floats:
    """Return how the blocks of history deviate from the reference's shares beyond the chance of
    their own rows, shape (n_blocks, n_bins); zero where rows of a block are no more alike than
    others.

    `blocks` holds the counts of each block, shape (n_blocks, n_bins). The variance between blocks
    is what is left of the deviations' squares after the rows' own variance (moments; DerSimonian
    and Laird 1986), and each block is shrunk towards the reference accordingly: a block of three
    rows says nothing, one of ten thousand all it shows. With `cumulative`, of the cumulative
    shares.

    >>> alike = np.array([[50, 50], [50, 50], [50, 50]])
    >>> find_deviations(alike, np.array([0.5, 0.5]), cumulative=False).tolist()
    [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    n = blocks.sum(axis=1)
    blocks, n = blocks[n > 0], n[n > 0]
    if len(blocks) < 2:
        return np.zeros((0, blocks.shape[1]))
    found, expected = blocks / n[:, None], shares
    if cumulative:
        found, expected = np.cumsum(found, axis=1), np.cumsum(shares)
    deviations = found - expected
    own = float(np.sum(expected * (1 - expected)))
    squares = np.sum(deviations**2, axis=1)
    between = max(0.0, float(np.average(squares - own / n, weights=n)))
    if between <= 0.0:
        return np.zeros_like(deviations)
    shrunk: Floats = deviations * np.sqrt(between / (between + own / n))[:, None]
    return shrunk


def resample_numbers(
    shares: Floats,
    deviations: Floats,
    edges: Floats,
    *,
    n_reference: int,
    n_window: int,
    n_resamples: int,
    rng: np.random.Generator,
) -> Floats:
    """The Wasserstein distances between windows and references of this many rows that come from
    the same history, shape (n_resamples,). `deviations` are the cumulative ones of blocks; the
    rows' chance is that of a Brownian bridge over the bins."""
    root = np.sqrt(shares)
    noise = rng.standard_normal((n_resamples, len(shares))) * root
    bridge = np.cumsum(noise - noise.sum(axis=1, keepdims=True) * shares, axis=1)
    difference = bridge * np.sqrt(1 / n_reference + 1 / n_window)
    if len(deviations):
        difference += _draw_blocks(deviations, n_resamples, rng)
    return wasserstein(difference[:, : len(edges)], edges)


def resample_levels(
    shares: Floats,
    deviations: Floats,
    *,
    n_reference: int,
    n_window: int,
    n_resamples: int,
    rng: np.random.Generator,
) -> Floats:
    """The Jensen-Shannon distances between windows and references of this many rows that come from
    the same history, shape (n_resamples,)."""
    window = np.broadcast_to(shares, (n_resamples, len(shares)))
    if len(deviations):
        window = np.maximum(window + _draw_blocks(deviations, n_resamples, rng), 0.0)
        window = window / window.sum(axis=1, keepdims=True)
    drawn = rng.multinomial(n_window, window) / n_window
    reference = rng.multinomial(n_reference, shares, size=n_resamples) / n_reference
    return jensen_shannon(reference, drawn)


def tail_probability(effect: float, noise: Floats) -> float:
    """Return how probable an effect of this size is by chance, by a gamma distribution with the
    noise's mean and variance, so that few resamples tell small probabilities apart; 0 for any
    effect above noise that is always zero.

    >>> noise = np.random.default_rng(0).gamma(4.0, 0.1, 2_000)
    >>> 0.3 < tail_probability(0.4, noise) < 0.5
    True
    >>> tail_probability(2.0, noise) < 1e-4
    True
    """
    mean, variance = float(np.mean(noise)), float(np.var(noise))
    if mean <= 0.0 or variance <= 0.0:
        return 0.0 if effect > mean else 1.0
    return float(special.gammaincc(mean**2 / variance, effect * mean / variance))


def benjamini_hochberg(p_values: Floats, level: float) -> NDArray[np.bool_]:
    """Return the hypotheses that are rejected so that at most `level` of the rejected ones are
    expected to be true (Benjamini and Hochberg 1995); where all are true, the chance of any
    rejection is `level`.

    >>> benjamini_hochberg(np.array([0.001, 0.5, 0.019, 0.9]), 0.04).tolist()
    [True, False, True, False]
    """
    n = len(p_values)
    ordered = np.sort(p_values)
    below = np.flatnonzero(ordered <= level * np.arange(1, n + 1) / max(n, 1))
    limit = ordered[below[-1]] if len(below) else -1.0
    return np.asarray(p_values <= limit)


def _draw_blocks(deviations: Floats, n_resamples: int, rng: np.random.Generator) -> Floats:
    """A window that falls into any block of history."""
    return deviations[rng.integers(len(deviations), size=n_resamples)]
