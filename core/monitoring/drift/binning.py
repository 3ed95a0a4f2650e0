"""Columns as counts: raw values into a reference's bins, the missing ones last."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.domain.monitoring import Bins
from core.features.values import levels_of, numbers_of
from core.stats.drift import choose_edges, count_bins, measure_beyond
from core.stats.slices import Values

if TYPE_CHECKING:
    import pandas as pd

N_BINS = 32
MAX_LEVELS = 30
"""Categories with a bin of their own; the others share one."""

MAX_KNOWN = 1_000
"""Different categories of a column beyond which an unseen one says nothing."""

_NUMBER_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Counted:
    """A column of a window in the bins of its reference."""

    counts: NDArray[np.int64]  # shape (n_bins,), the missing ones last
    beyond: float = 0.0  # mean distance outside the reference's limits, in the column's unit
    n_outside: int = 0  # rows outside these limits, or of a level that was never seen
    n_gone: int = 0  # newest rows, one after another, without a value

    @property
    def n(self) -> int:
        """The rows that have a value."""
        return int(self.counts[:-1].sum())


def read_values(rows: "Sequence[Mapping[str, object]] | pd.DataFrame", name: str) -> Values:
    """A column as numbers where nine in ten of its values are, else as levels.

    >>> read_values([{"a": 1}, {"a": None}], "a")
    array([ 1., nan])
    >>> read_values([{"a": "x"}, {"a": 2}], "a")
    ['x', '2']
    """
    numbers = numbers_of(rows, name)
    levels = levels_of(rows, name)
    n_known = sum(level is not None for level in levels)
    is_number = np.isfinite(numbers).sum() >= _NUMBER_SHARE * max(n_known, 1)
    return numbers if is_number else levels


def build_bins(
    name: str,
    values: Values,
    holdout: NDArray[np.int64],
    block: NDArray[np.int64] | None,
    *,
    is_feature: bool = True,
) -> Bins | None:
    """The bins of a column of a snapshot: limits and counts from the rows of the holdout, the
    counts of each block of history (-1: of none) from all rows. None for a column of which the
    holdout has no value."""
    if isinstance(values, list):
        return _build_levels(name, values, holdout, block)
    known = values[holdout]
    known = known[np.isfinite(known)]
    if not len(known):
        return None
    edges = choose_edges(known, N_BINS)
    index = _index_numbers(values, edges)
    return Bins(
        name=name,
        is_feature=is_feature,
        edges=tuple(edges.tolist()),
        levels=(),
        known=frozenset(),
        counts=_tuple(np.bincount(index[holdout], minlength=len(edges) + 2)),
        blocks=_count_blocks(index, block, len(edges) + 2),
        spread=float(np.std(known)),
    )


def count_values(bins: Bins, values: Values) -> Counted:
    """Count a window's values, oldest first, in these bins; what is no number in a column of
    numbers is missing."""
    if isinstance(values, list):
        counted = _count_levels(bins, values)
        return replace(counted, n_gone=_count_gone([level is not None for level in values]))
    edges = np.array(bins.edges)
    known = values[np.isfinite(values)]
    counts = np.append(count_bins(known, edges), len(values) - len(known))
    outside = (known > edges[-1]) | (known < edges[0])
    return Counted(
        counts,
        measure_beyond(known, edges),
        int(outside.sum()),
        _count_gone(np.isfinite(values).tolist()),
    )


def _count_gone(are_there: Sequence[bool]) -> int:
    """Return the number of values that are missing at the end.

    >>> _count_gone([True, False, True, False, False]), _count_gone([])
    (2, 0)
    """
    return next((n for n, there in enumerate(reversed(are_there)) if there), len(are_there))


def read_window(bins: Bins, rows: "Sequence[Mapping[str, object]] | pd.DataFrame") -> Values:
    """A column of a window as its reference has it: numbers or levels."""
    return numbers_of(rows, bins.name) if bins.is_number else levels_of(rows, bins.name)


def index_values(bins: Bins, values: Values) -> NDArray[np.int64]:
    """The bin of each value."""
    if isinstance(values, list):
        return _place_levels(values, bins.levels)
    return _index_numbers(values, np.array(bins.edges))


def name_bins(bins: Bins) -> tuple[str, ...]:
    """Return a name for each bin, for a chart."""
    if not bins.is_number:
        return (*bins.levels, "others", "missing")
    edges = [f"{edge:.3g}" for edge in bins.edges]
    inner = [f"{low} to {high}" for low, high in pairwise(edges)]
    return (f"up to {edges[0]}", *inner, f"above {edges[-1]}", "missing")


def _build_levels(
    name: str,
    levels: list[str | None],
    holdout: NDArray[np.int64],
    block: NDArray[np.int64] | None,
) -> Bins | None:
    held = [levels[i] for i in holdout]
    counts = Counter(level for level in held if level is not None)
    if not counts:
        return None
    frequent = tuple(level for level, _ in counts.most_common(MAX_LEVELS))
    inside = np.zeros(len(levels), dtype=bool)
    inside[holdout] = True
    learned = {level for level, held in zip(levels, inside, strict=True) if not held}
    known = frozenset(level for level in levels if level is not None)
    new = sum(level is not None and level not in learned for level in held)
    index = _place_levels(levels, frequent)
    n_bins = len(frequent) + 2
    return Bins(
        name=name,
        is_feature=True,
        edges=(),
        levels=frequent,
        known=known if len(known) <= MAX_KNOWN else frozenset(),
        counts=_tuple(np.bincount(index[holdout], minlength=n_bins)),
        blocks=_count_blocks(index, block, n_bins),
        spread=0.0,
        unseen_share=new / len(held) if learned else 0.0,
    )


def _count_levels(bins: Bins, levels: Sequence[str | None]) -> Counted:
    found = Counter(levels)
    names = list(found)
    index = _place_levels(names, bins.levels)
    counts = np.bincount(index, weights=list(found.values()), minlength=len(bins.counts))
    n_unseen = sum(n for name, n in found.items() if name is not None and name not in bins.known)
    return Counted(counts.astype(np.int64), 0.0, n_unseen if bins.known else 0)


def _index_numbers(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    index = np.searchsorted(edges, values)
    return np.where(np.isfinite(values), index, len(edges) + 1)


def _place_levels(levels: Sequence[str | None], frequent: Sequence[str]) -> NDArray[np.int64]:
    position: dict[str | None, int] = {level: i for i, level in enumerate(frequent)}
    position[None] = len(frequent) + 1
    other = len(frequent)
    return np.array([position.get(level, other) for level in levels], dtype=np.int64)


def _count_blocks(
    index: NDArray[np.int64], block: NDArray[np.int64] | None, n_bins: int
) -> tuple[tuple[int, ...], ...]:
    if block is None:
        return ()
    inside = block >= 0
    flat = block[inside] * n_bins + index[inside]
    n_blocks = int(block.max()) + 1
    counts = np.bincount(flat, minlength=n_blocks * n_bins).reshape(n_blocks, n_bins)
    return tuple(_tuple(row) for row in counts)


def _tuple(counts: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(n) for n in counts)
