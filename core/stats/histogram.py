"""Histograms that merge by adding: latencies in logarithmic buckets, scores in equal ones."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import special

_FASTEST_MS = 0.001
_SLOWEST_MS = 1e9
_GROWTH = 1.02
_LOG_GROWTH = math.log(_GROWTH)

N_SCORE_BUCKETS = 50


def latency_bucket(ms: float) -> int:
    """The bucket of a latency: 0 up to a microsecond, then each 2 % wider than the one before
    (DDSketch, Masson, Rim and Lee 2019). Raises `ValueError` for what is no duration.

    >>> latency_bucket(0.0), latency_bucket(1.0), latency_bucket(100.0)
    (0, 349, 582)
    """
    if not ms >= 0:
        raise ValueError(f"{ms} ms is no duration")
    if ms <= _FASTEST_MS:
        return 0
    return math.ceil(math.log(min(ms, _SLOWEST_MS) / _FASTEST_MS) / _LOG_GROWTH)


def bucket_ms(bucket: int) -> float:
    """The latency that stands for a bucket, within 1 % of every latency in it.

    >>> round(bucket_ms(latency_bucket(100.0)), 1)
    100.2
    """
    if bucket == 0:
        return _FASTEST_MS
    return _FASTEST_MS * float(_GROWTH**bucket) * 2 / (1 + _GROWTH)


def merge(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """The counts of several histograms together.

    >>> merge([{1: 2}, {1: 3, 7: 1}])
    {1: 5, 7: 1}
    """
    total: dict[int, int] = {}
    for histogram in histograms:
        for bucket, n in histogram.items():
            total[bucket] = total.get(bucket, 0) + n
    return total


def quantile(histogram: Mapping[int, int], q: float) -> float | None:
    """The latency in milliseconds that a share `q` of the requests does not exceed (nearest rank,
    within 1 %); None without requests.

    >>> waits = merge([{latency_bucket(ms): 1} for ms in (10.0, 20.0, 30.0, 40.0)])
    >>> round(quantile(waits, 0.5)), round(quantile(waits, 0.95))
    (20, 40)
    >>> quantile({}, 0.5) is None
    True
    """
    n = sum(histogram.values())
    if n == 0:
        return None
    rank = min(n, max(1, math.ceil(q * n - 1e-9)))
    for bucket in sorted(histogram):
        rank -= histogram[bucket]
        if rank <= 0:
            return bucket_ms(bucket)
    raise AssertionError("the counts of a histogram are positive")


def quantile_interval(
    histogram: Mapping[int, int], q: float, confidence: float = 0.95
) -> tuple[float, float] | None:
    """The limits of a quantile's confidence interval, whatever the distribution: the quantiles at
    q -+ z sqrt(q (1 - q) / n) (order statistics; Conover, "Practical Nonparametric Statistics").
    None without requests.

    >>> waits = merge({latency_bucket(ms): 1} for ms in range(1, 101))
    >>> low, high = quantile_interval(waits, 0.95)
    >>> round(low), round(high)
    (91, 100)
    """
    n = sum(histogram.values())
    if n == 0:
        return None
    half = float(special.ndtri(0.5 + confidence / 2)) * math.sqrt(q * (1 - q) / n)
    low, high = quantile(histogram, max(0.0, q - half)), quantile(histogram, min(1.0, q + half))
    assert low is not None
    assert high is not None
    return low, high


def score_bucket(score: float, low: float, high: float, n: int = N_SCORE_BUCKETS) -> int:
    """Return the number of the part, of `n` equal parts of the scale, that holds a score; what lies
    outside counts to the ends.

    >>> score_bucket(0.0, 0.0, 100.0), score_bucket(61.0, 0.0, 100.0), score_bucket(100, 0, 100)
    (0, 30, 49)
    """
    return min(n - 1, max(0, math.floor((score - low) / (high - low) * n)))


def score_buckets(
    scores: NDArray[np.float64], low: float, high: float, n: int = N_SCORE_BUCKETS
) -> NDArray[np.int64]:
    """The same of many scores.

    >>> score_buckets(np.array([0.0, 61.0, 100.0]), 0.0, 100.0).tolist()
    [0, 30, 49]
    """
    return np.clip(np.floor((scores - low) / (high - low) * n), 0, n - 1).astype(np.int64)


def score_edges(low: float, high: float, n: int = N_SCORE_BUCKETS) -> list[float]:
    """The n + 1 limits of the parts of the scale.

    >>> score_edges(0.0, 100.0, 4)
    [0.0, 25.0, 50.0, 75.0, 100.0]
    """
    return [low + (high - low) * i / n for i in range(n + 1)]
