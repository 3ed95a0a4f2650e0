"""Rows that nearly repeat each other, apart from a rounding, a case or a space; pure."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.data.quality.extremes import drop_unusable
from core.domain.dataset import RESERVED, TEXT


def count_distinct(values: NDArray[Any]) -> int:
    """Return the number of distinct values, none of which is nan. It sorts: if nearly all differ, a
    hash table takes many times as long.

    >>> count_distinct(np.array([3.0, 1.0, 3.0])), count_distinct(np.array([]))
    (2, 0)
    """
    ordered = np.sort(values)
    return min(len(ordered), 1) + int(np.count_nonzero(ordered[1:] != ordered[:-1]))


GRID = 1e-3
"""Numbers closer than this, in standard deviations of their column, may be nearly equal."""

MIN_NUMBERS = 3
"""With fewer numbers of many values, rows are close to each other by chance."""

MIN_TEXT = 40
"""Shorter texts are equal by chance."""

_MANY_VALUES = 0.2  # of the rows: a number with fewer different values is as good as a category

_Indices = NDArray[np.int64]


def identify_content(frame: pd.DataFrame) -> _Indices:
    """Return a number for each row that rows with the same features and text share, exactly or
    nearly; target, time, id and all other rows do not matter.

    >>> one, other, same = identify_content(pd.DataFrame({"a": [1.0, 2.0, 1.0]}))
    >>> one == same, one == other
    (np.True_, np.False_)
    """
    frame = drop_unusable(frame)
    return merge_near(frame, identify_copies(frame))


def identify_copies(frame: pd.DataFrame) -> _Indices:
    """Return a number for each row that rows with exactly the same features and text share.

    >>> one, same, other = identify_copies(pd.DataFrame({"a": ["x", "x", None]}))
    >>> one == same, one == other
    (np.True_, np.False_)
    """
    columns = [name for name in frame.columns if name not in RESERVED or name == TEXT]
    if not columns:
        return np.arange(len(frame), dtype=np.int64)
    hashes = pd.util.hash_pandas_object(frame[columns], index=False)
    return hashes.to_numpy().view(np.int64)


def merge_near(frame: pd.DataFrame, content: _Indices) -> _Indices:
    """Return `content` (a number that equal rows share) with near copies merged under the smallest
    number among them.

    Near are rows whose texts differ in case, spacing, digits and punctuation only, or whose
    features agree: categories are equal and numbers fall into one cell of a grid of 1/1000
    standard deviation, in either of two grids that are half a cell apart. What chance brings
    together is left alone: see `MIN_NUMBERS` and `MIN_TEXT`.

    >>> texts = ["def rate(x): return x + 1  # the first of a great many tries",
    ...          "def rate(x): return x+1 # The first of a great many tries!"]
    >>> merge_near(pd.DataFrame({"__text__": texts}), np.array([7, 5]))
    array([5, 5])
    """
    links = [link for link in (_link_texts(frame), *_link_numbers(frame)) if link is not None]
    if not links or len(content) == 0:
        return content
    names, codes = np.unique(content, return_inverse=True)
    starts, ends = [], []
    for link in links:
        known = np.flatnonzero(link >= 0)
        first = np.full(int(link.max()) + 1, -1, dtype=np.int64)
        first[link[known][::-1]] = known[::-1]
        starts.append(codes[known])
        ends.append(codes[first[link[known]]])
    a, b = np.concatenate(starts), np.concatenate(ends)
    graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(len(names), len(names)))
    parts = connected_components(graph, directed=False)[1]
    _, smallest = np.unique(parts, return_index=True)  # names are ascending
    return np.asarray(names[smallest][parts][codes], dtype=np.int64)


def count_near(frame: pd.DataFrame, content: _Indices) -> int:
    """Return the number of rows with a near copy that is not an exact one.

    >>> count_near(pd.DataFrame({"a": [1.0, 2.0]}), np.array([0, 1]))
    0
    """
    merged = merge_near(frame, content)
    different = pd.DataFrame({"near": merged, "same": content}).drop_duplicates()
    n_contents = different["near"].value_counts()
    mixed = n_contents.index[n_contents > 1]
    return int(np.isin(merged, mixed).sum())


def _link_texts(frame: pd.DataFrame) -> _Indices | None:
    """Return a number that equal texts share; -1 for a short or missing text."""
    if TEXT not in frame or not frame[TEXT].notna().any():
        return None
    plain = frame[TEXT].str.lower().str.replace(r"[\W\d_]+", "", regex=True)
    plain = plain.where(plain.str.len() >= MIN_TEXT)
    return pd.factorize(plain)[0].astype(np.int64)


def _link_numbers(frame: pd.DataFrame) -> list[_Indices]:
    """Return a numbering of the rows for each of two grids that bring some together; none if chance
    would."""
    names = [name for name in frame.columns if name not in RESERVED]
    numbers = [name for name in names if pd.api.types.is_numeric_dtype(frame[name])]
    fine = [name for name in numbers if _is_fine(frame[name])]
    if len(fine) < MIN_NUMBERS:
        return []
    rest = frame[[name for name in names if name not in fine]]
    enough = (frame[fine].notna().sum(axis=1) >= MIN_NUMBERS).to_numpy()
    found = []
    for shift in (0.0, 0.5):
        cells = {
            name: np.floor(frame[name].to_numpy("f8") / (GRID * float(frame[name].std())) + shift)
            for name in fine
        }
        table = pd.concat([rest, pd.DataFrame(cells, index=frame.index)], axis=1)
        hashes = pd.util.hash_pandas_object(table, index=False).to_numpy()
        if count_distinct(hashes) < len(hashes):  # else each row has a cell to itself
            found.append(np.where(enough, pd.factorize(hashes)[0], -1).astype(np.int64))
    return found


def _is_fine(column: pd.Series) -> bool:
    """Return whether a number has so many values that two rows do not share one by chance."""
    n = int(column.notna().sum())
    if n < 2 or not float(column.std()) > 0:
        return False
    return count_distinct(column.dropna().to_numpy("f8")) > _MANY_VALUES * n
