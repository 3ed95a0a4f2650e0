"""Intervals of any figure made of sums, by blocks of rows that depend on each other; Wilson's for
shares of independent rows."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the limits of its confidence interval, all in the figure's own unit; the limits
    are infinite where nothing is known of them."""

    value: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """True if the limits are numbers."""
        return math.isfinite(self.high - self.low)

    @property
    def limits(self) -> tuple[float, float] | tuple[None, None]:
        """The limits as they are kept and sent, since JSON has no infinite numbers."""
        return (self.low, self.high) if self.is_known else (None, None)

    def widen_to(self, other: "Interval") -> "Interval":
        """Return the same figure with limits that hold those of `other` too.

        >>> Interval(0.9, 0.88, 0.92).widen_to(Interval(0.9, 0.85, 0.91))
        Interval(value=0.9, low=0.85, high=0.92)
        """
        return Interval(self.value, min(self.low, other.low), max(self.high, other.high))


def wilson(n_hits: int, n: int, confidence: float = 0.95) -> Interval:
    """The share `n_hits` / `n` with Wilson's score interval (1927), for independent rows.

    Raises `ValueError` unless 0 <= n_hits <= n and n > 0.

    >>> share = wilson(8, 10)
    >>> share.value, round(share.low, 3), round(share.high, 3)
    (0.8, 0.49, 0.943)
    >>> wilson(0, 20).low
    0.0
    """
    if not 0 <= n_hits <= n or n == 0:
        raise ValueError(f"{n_hits} of {n} is no share")
    z = float(special.ndtri(0.5 + confidence / 2))
    share = n_hits / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    low = 0.0 if n_hits == 0 else middle - half
    high = 1.0 if n_hits == n else middle + half
    return Interval(share, low, high)


def block_sums(
    columns: NDArray[np.float64], block: NDArray[np.int64], *, run: int = 1
) -> NDArray[np.float64]:
    """Return the sums of each column over the rows of each block, shape (n_blocks, n_columns).

    `columns` is (n_rows, n_columns); `block` numbers each row's block. Neighbouring blocks of a
    `run` are taken together, for blocks in the order of time that depend on their neighbours.

    >>> block_sums(np.array([[1.0], [2.0], [4.0]]), np.array([0, 0, 1])).tolist()
    [[3.0], [4.0]]
    """
    _, index = np.unique(block // run, return_inverse=True)
    return np.column_stack([np.bincount(index, column) for column in columns.T])


@dataclass(frozen=True, slots=True)
class BlockEstimate:
    """A figure of rows that depend on each other within blocks. The standard error is infinite
    where there is one block only."""

    value: float
    error: float  # standard error
    freedom: float  # degrees of freedom of Student's t

    def find_limits(
        self, confidence: float = 0.95, *, lowest: float = -math.inf, highest: float = math.inf
    ) -> Interval:
        """Return Student's limits, kept within the values that the figure can have; infinite ones
        for one block.

        >>> limits = BlockEstimate(4.0, 0.5, 6.0).find_limits()
        >>> round(limits.low, 2), round(limits.high, 2)
        (2.78, 5.22)
        >>> BlockEstimate(4.0, math.inf, 1.0).find_limits(lowest=0.0)
        Interval(value=4.0, low=-inf, high=inf)
        """
        if not math.isfinite(self.error):
            return Interval(self.value, -math.inf, math.inf)
        reach = float(special.stdtrit(self.freedom, 0.5 + confidence / 2)) * self.error
        return Interval(
            self.value, max(lowest, self.value - reach), min(highest, self.value + reach)
        )

    def find_p_value(self) -> float:
        """Return the one-sided p-value of the hypothesis that the figure is 0 or less."""
        if self.error == 0:
            return 0.0 if self.value > 0 else 1.0
        return float(special.stdtr(self.freedom, -self.value / self.error))


def mean_of_rows(n: int, total: float, squared: float) -> BlockEstimate:
    """Return the mean of `n` rows that do not depend on each other, from their sum and their sum of
    squares.

    >>> mean_of_rows(4, 16.0, 84.0)  # doctest: +ELLIPSIS
    BlockEstimate(value=4.0, error=1.29..., freedom=3.0)
    """
    mean = total / n
    variance = max(0.0, squared - n * mean**2) / max(1, n - 1)
    return BlockEstimate(mean, math.sqrt(variance / n) if n > 1 else math.inf, max(n - 1.0, 1.0))


def estimate_by_blocks(
    sums: NDArray[np.float64], figures: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> list[BlockEstimate | None]:
    """Return figures that depend on the rows only through sums, with their standard errors by
    leaving out one block at a time (the jackknife; Tukey 1958, and MacKinnon, Nielsen and Webb 2023
    on why it is the one to take for few and uneven blocks).

    `sums` holds the sums of each block, shape (n_blocks, n_columns); `figures` maps such sums,
    (n, n_columns), to figures, (n, n_figures), as `lambda sums: sums[:, :1] / sums[:, 1:]` does for
    a mean. A figure that is not finite on all rows, or on all but one block, is None.

    >>> sums = np.array([[2.0, 2.0], [6.0, 2.0], [4.0, 2.0]])
    >>> (mean,) = estimate_by_blocks(sums, lambda sums: sums[:, :1] / sums[:, 1:])
    >>> mean.value, round(mean.error, 3), mean.freedom
    (2.0, 0.577, 2.0)
    """
    n, total = len(sums), sums.sum(axis=0)
    value = figures(total[None])[0]
    if n < 2:
        error = np.where(np.isfinite(value), math.inf, math.nan)
    else:
        shift = figures(total - sums) - value
        error = np.sqrt((shift**2).sum(axis=0) * (n - 1) / n)
    return [
        None
        if not math.isfinite(value[i]) or math.isnan(error[i]) or (n > 1 and math.isinf(error[i]))
        else BlockEstimate(float(value[i]), float(error[i]), max(n - 1.0, 1.0))
        for i in range(len(value))
    ]


def mean_of_blocks(
    values: NDArray[np.float64], block: NDArray[np.int64], *, run: int = 1
) -> BlockEstimate | None:
    """Return the mean of `values`, shape (n_rows,), see `estimate_by_blocks`; `block` numbers the
    block of each row, and blocks of a `run` are taken together. None for fewer than two blocks.

    >>> mean = mean_of_blocks(np.array([1.0, 3.0, 5.0, 7.0]), np.array([0, 1, 2, 3]))
    >>> round(mean.find_limits().low, 3), round(mean.find_p_value(), 4)
    (-0.109, 0.0267)
    """
    sums = block_sums(np.column_stack([values, np.ones(len(values))]), block, run=run)
    return estimate_by_blocks(sums, divide_sums)[0] if len(sums) > 1 else None


def divide_sums(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of all columns but the last, which counts the rows.

    >>> divide_sums(np.array([[6.0, 9.0, 3.0]])).tolist()
    [[2.0, 3.0]]
    """
    return sums[:, :-1] / sums[:, -1:]


def choose_run(n_blocks: int) -> int:
    """Return how many neighbouring blocks to take together where time orders them: the cube root of
    their number, the rate at which the error of intervals by blocks falls fastest (Hall, Horowitz
    and Jing 1995), but so that at least five are left.

    >>> choose_run(9), choose_run(10), choose_run(146), choose_run(1000)
    (1, 2, 5, 10)
    """
    return max(1, min(round(math.cbrt(n_blocks)), n_blocks // 5))
