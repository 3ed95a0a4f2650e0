"""Rows of different populations, and columns whose meaning changed; pure."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.domain.dataset import AT, RESERVED, SOURCE

MAX_ROWS = 50_000
"""More rows are thinned evenly: a change shows in these too."""

UNIT_RATIO = 30.0
"""A column whose median size changes by more than this factor changed its unit."""

_MIN_ROWS = 30
_MIN_SHARE, _MAX_SHARE = 0.05, 0.95
_MANY_LEVELS = 20
_MOSTLY = 0.9
_NEWEST = 0.1
_MISSING_THERE, _MISSING_ELSEWHERE = 0.5, 0.05

_Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Population:
    """Rows in which some columns are empty or constant that vary elsewhere; `where` describes them,
    `share` is of all rows."""

    where: str
    columns: tuple[str, ...]
    share: float


@dataclass(frozen=True, slots=True)
class ColumnShift:
    """A column that differs in a part of the rows: the newest, or those of a source."""

    column: str
    where: str
    n_rows: int
    what: float  # a ratio of typical sizes, or a share that is missing


def find_populations(frame: pd.DataFrame) -> list[Population]:
    """Return parts of 5 to 95 % of the rows, at least 30, in which two or more columns are empty or
    constant that vary elsewhere, unless all of them are 0 there. A part is the rows without a value
    of a column, or with the most common of a number's many values, as hard-coded metrics have
    it.

    >>> rng = np.random.default_rng(0)
    >>> real = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    >>> fake = pd.DataFrame({"a": [1.5] * 90, "b": [2.5] * 90, "c": rng.normal(size=90)})
    >>> [p.columns for p in find_populations(pd.concat([real, fake], ignore_index=True))]
    [('a', 'b')]
    """
    rows = frame.iloc[:: max(1, -(-len(frame) // MAX_ROWS))]
    names = [str(name) for name in frame.columns if name not in RESERVED]
    codes = {name: pd.factorize(rows[name])[0] for name in names}
    tops = {name: _top(codes[name]) for name in names}
    found: dict[tuple[str, ...], Population] = {}
    for name in names:
        for where, mask in _list_parts(rows, name, codes[name], tops[name]):
            if not _is_part(mask):
                continue
            same = [other for other in names if _differs(codes[other], mask)]
            if all(_is_nothing(rows[column], mask) for column in (name, *same)):
                continue  # nothing was done there, so that nothing of it was measured
            columns = tuple(sorted(set(same) | {name}))
            if len(columns) >= 2 and columns not in found:
                found[columns] = Population(where, columns, float(mask.mean()))
    return list(found.values())


def find_unit_changes(frame: pd.DataFrame) -> list[ColumnShift]:
    """Return numbers whose median size in the newest tenth of the rows, or in one source, is more
    than 30 times that of the others, or less than a thirtieth.

    >>> at = pd.date_range("2026-01-01", periods=400, freq="h", tz="UTC")
    >>> x = np.where(np.arange(400) < 360, 1.0, 100.0) + np.arange(400) % 7 / 100
    >>> [(c.column, round(c.what)) for c in find_unit_changes(pd.DataFrame({"__at__": at, "x": x}))]
    [('x', 97)]
    """
    found = []
    for where, mask in _list_slices(frame):
        for name in _numbers(frame):
            size = frame[name].abs().to_numpy("f8")
            here, there = _median(size[mask]), _median(size[~mask])
            if here and there and not 1 / UNIT_RATIO < here / there < UNIT_RATIO:
                found.append(ColumnShift(name, where, int(mask.sum()), here / there))
    return _first_of_each(found)


def find_sudden_gaps(frame: pd.DataFrame) -> list[ColumnShift]:
    """Return columns that are missing in more than half of the newest tenth of the rows, or of one
    source, and in less than 5 % of the others.

    >>> at = pd.date_range("2026-01-01", periods=400, freq="h", tz="UTC")
    >>> x = np.where(np.arange(400) < 360, 1.0, np.nan)
    >>> [c.column for c in find_sudden_gaps(pd.DataFrame({"__at__": at, "x": x}))]
    ['x']
    """
    found = []
    for where, mask in _list_slices(frame):
        for name in (str(name) for name in frame.columns if name not in RESERVED):
            missing = frame[name].isna().to_numpy()
            here = float(missing[mask].mean())
            if here > _MISSING_THERE and missing[~mask].mean() < _MISSING_ELSEWHERE:
                found.append(ColumnShift(name, where, int(missing[mask].sum()), here))
    return _first_of_each(found)


def _list_parts(
    rows: pd.DataFrame, name: str, codes: NDArray[np.int64], top: int
) -> Iterator[tuple[str, _Mask]]:
    yield f"'{name}' is missing", codes < 0
    is_number = pd.api.types.is_numeric_dtype(rows[name])
    if is_number and top >= 0 and codes.max() >= _MANY_LEVELS:
        value = rows[name].to_numpy("f8")[codes == top][0]
        yield f"'{name}' is {value:g}", codes == top


def _list_slices(frame: pd.DataFrame) -> Iterator[tuple[str, _Mask]]:
    """Yield the newest tenth of the rows, and each source, unless it is all rows."""
    if AT in frame and frame[AT].notna().mean() > _MAX_SHARE:
        newest = frame[AT] >= frame[AT].quantile(1 - _NEWEST)
        if newest.sum() >= _MIN_ROWS and not newest.all():
            since = frame[AT][newest].min()
            yield f"since {since:%Y-%m-%d}", newest.to_numpy()
    if SOURCE in frame:
        for source, n in frame[SOURCE].value_counts().items():
            mask = (frame[SOURCE] == source).to_numpy()
            if n >= _MIN_ROWS and (~mask).sum() >= _MIN_ROWS:
                yield f"from {source}", mask


def _numbers(frame: pd.DataFrame) -> list[str]:
    return [
        str(name)
        for name in frame.columns
        if name not in RESERVED and pd.api.types.is_numeric_dtype(frame[name])
    ]


def _differs(codes: NDArray[np.int64], part: _Mask) -> bool:
    """Return whether a column is empty or constant in a part of the rows, and varies in the
    others."""
    inside, outside = codes[part], codes[~part]
    if np.any(inside != inside[0]):
        return False
    _, counts = np.unique(outside, return_counts=True)
    return len(counts) > 1 and float(counts.max()) < _MOSTLY * len(outside)


def _is_nothing(column: pd.Series, part: _Mask) -> bool:
    """Return whether a number is 0 throughout a part of the rows, as counts of nothing are."""
    return pd.api.types.is_numeric_dtype(column) and bool((column[part] == 0).all())


def _is_part(mask: _Mask) -> bool:
    share = float(mask.mean())
    return _MIN_SHARE <= share <= _MAX_SHARE and int(mask.sum()) >= _MIN_ROWS


def _top(codes: NDArray[np.int64]) -> int:
    known = codes[codes >= 0]
    return int(np.bincount(known).argmax()) if len(known) else -1


def _median(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) >= _MIN_ROWS else 0.0


def _first_of_each(found: list[ColumnShift]) -> list[ColumnShift]:
    """Keep one change a column: of two sources, each differs from the other."""
    return list({change.column: change for change in reversed(found)}.values())[::-1]
