"""The ranges of the target that a column's values, or the ends of its texts, stand for; pure."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import text

MAX_ROWS = 20_000
"""More rows are thinned evenly: a leak shows in these too."""

MIN_ROWS = 20
ROWS_PER_LEVEL = 5

_EXPLAINED = 0.995
_MISFILED, _OF_CHANCE, _MIN_CHANCE_ROWS = 0.02, 0.1, 10
_SHOWN = 3
_MARK_SHARE, _MAX_MARKS = 0.02, 20
_END = 60  # characters at each end of a text that are looked at
_WORD, _NUMBER = re.compile(r"\w+"), re.compile(r"\d+(?:\.\d+)?")

_Floats = NDArray[np.float64]
_Codes = NDArray[np.int64]


def judge_levels(column: pd.Series, y: _Floats) -> str | None:
    """Return how the values of a column, or their being there at all, give the target `y` away;
    None where they do not.

    >>> verdict = pd.Series(["fail"] * 30 + ["pass"] * 30)
    >>> judge_levels(verdict, np.arange(60.0))
    "its values hold the target in ranges that do not overlap: 'fail' 0 to 29, 'pass' 30 to 59"
    """
    if explain_by_levels(column, y) > _EXPLAINED:
        return "each of its values goes with one target"
    codes, levels = pd.factorize(column)
    names = [f"'{_write(level)}'" for level in levels]
    missing = codes < 0
    found = _judge_ranges(codes[~missing], names, y[~missing])
    if found is None and missing.any() and not missing.all():
        found = _judge_ranges(np.where(missing, len(names), codes), [*names, "missing"], y)
    if found is not None:
        return f"its values hold the target in {found}"
    if missing.all() or not missing.any() or np.ptp(y[missing]) == 0 or np.ptp(y[~missing]) == 0:
        return None  # where nothing was made, the score is 0, and that is known before
    found = _judge_ranges(missing.astype(np.int64), ["there", "missing"], y)
    return None if found is None else f"whether it is there holds the target in {found}"


def judge_text(column: pd.Series, y: _Floats) -> str | None:
    """Return how the words that texts begin or end with give the target away; None where they do
    not. The numbers there are `read_end_numbers`."""
    texts = column.tolist()
    for where, first in (("begins", True), ("ends", False)):
        marks = np.array(_list_marks(texts, first=first), dtype=object)
        codes, names = pd.factorize(marks)
        choices = [(codes, [f"'{name}'" for name in names])] + [
            ((marks == name).astype(np.int64), ["others", f"'{name}'"]) for name in names
        ]
        for chosen, words in choices:
            found = _judge_ranges(chosen, words, y)
            if found is not None:
                return f"the word that it {where} with holds the target in {found}"
    return None


def read_end_numbers(column: pd.Series) -> Iterator[tuple[str, _Floats]]:
    """Yield where it stands and the number near the beginning and near the end of each text; nan
    where there is none."""
    texts = column.tolist()
    for where, place in (("begins", 0), ("ends", -1)):
        numbers = [_NUMBER.findall(_take_end(value, first=place == 0)) for value in texts]
        yield where, np.array([float(found[place]) if found else np.nan for found in numbers])


def is_text(column: pd.Series) -> bool:
    """Return whether the values are words, of which many differ.

    >>> is_text(pd.Series(["[FAIL] it is late", "[PASS] well done"])), is_text(pd.Series([1.0]))
    (True, False)
    """
    if pd.api.types.is_numeric_dtype(column):
        return False
    known = column.dropna()
    return len(known) > 0 and known.nunique() * ROWS_PER_LEVEL > len(known)


def explain_by_levels(column: pd.Series, y: _Floats) -> float:
    """Return the share of the target's variance between the levels of a column, corrected for their
    number; 0 if there are too many levels."""
    codes, levels = pd.factorize(column)
    there = codes >= 0
    codes, y = codes[there], y[there]
    n, n_levels = len(y), len(levels)
    if n < MIN_ROWS or n_levels < 2 or n_levels * ROWS_PER_LEVEL > n or np.ptp(y) == 0:
        return 0.0
    counts = np.bincount(codes, minlength=n_levels)
    means = np.bincount(codes, y, n_levels) / np.maximum(counts, 1)
    within = float(np.square(y - means[codes]).sum()) / (n - n_levels)
    return 1.0 - within / float(np.var(y, ddof=1))


def measure_misfiled(codes: _Codes, y: _Floats) -> float | None:
    """Return the share of rows that stand outside their level's range, where the levels in the
    order of their medians cut the sorted targets into ranges of their sizes; None where that says
    nothing, because the levels are too many for the rows, or there is hardly a second one.

    >>> measure_misfiled(np.repeat([0, 1], 50), np.arange(100.0))
    0.0
    >>> measure_misfiled(np.arange(100) % 2, np.arange(100.0))
    0.5
    """
    counts = np.bincount(codes)
    by_chance = 1.0 - float(np.square(counts / len(codes)).sum())
    if by_chance * len(codes) < _MIN_CHANCE_ROWS or len(counts) * ROWS_PER_LEVEL > len(codes):
        return None
    medians = [float(np.median(y[codes == level])) for level in range(len(counts))]
    place = np.argsort(np.argsort(medians, kind="stable"), kind="stable")[codes]
    by_target = place[np.lexsort((place, y))]
    return float(np.mean(by_target != np.sort(place)))


def _judge_ranges(codes: _Codes, names: Sequence[str], y: _Floats) -> str | None:
    """Return the ranges in words, lowest first, where hardly a row stands outside its own."""
    if len(codes) < MIN_ROWS:
        return None
    misfiled = measure_misfiled(codes, y)
    shares = np.bincount(codes) / len(codes)
    by_chance = 1.0 - float(np.square(shares).sum())
    if misfiled is None or misfiled > min(_MISFILED, _OF_CHANCE * by_chance):
        return None
    parts = sorted(((y[codes == code], name) for code, name in enumerate(names)), key=_median)
    shown = ", ".join(
        f"{name} {part.min():.4g} to {part.max():.4g}" for part, name in parts[:_SHOWN]
    )
    more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    rare = f" but in {text.percent(misfiled)} of the rows" if misfiled else ""
    return f"ranges that do not overlap{rare}: {shown}{more}"


def _median(part: tuple[_Floats, str]) -> float:
    return float(np.median(part[0]))


def _write(level: object) -> str:
    return f"{level:g}" if isinstance(level, float) else str(level)[:40]


def _list_marks(texts: Sequence[object], *, first: bool) -> list[str]:
    """Return the first or the last word of each text where it is common, else "other"."""
    words = []
    for value in texts:
        found = _WORD.findall(_take_end(value, first=first))
        words.append((found[0] if first else found[-1]).casefold() if found else "")
    counts = pd.Series(words, dtype="str").value_counts()
    least = max(ROWS_PER_LEVEL, _MARK_SHARE * len(words))
    common = set(counts[counts >= least].index[:_MAX_MARKS]) - {""}
    return [word if word in common else "other" for word in words]


def _take_end(value: object, *, first: bool) -> str:
    if not isinstance(value, str):
        return ""
    return value[:_END] if first else value[-_END:]
