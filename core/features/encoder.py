"""Raw rows in, numbers out: the first step of every saved pipeline, the same code in training on a
frame and in serving on mappings."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from core.domain.sample import CARRIED, LARGEST, NAN
from core.features.level_means import LevelMeans, cross_fit, fit_level_means, leave_to_levels
from core.features.values import (
    check_rows,
    column_names,
    levels_of,
    numbers_of,
    to_level,
    to_number,
)

if TYPE_CHECKING:
    import pandas as pd

NUMERIC_SHARE = 0.9
_FLOATS = {float}
_MEAN = "mean"
_Words = tuple[str, Mapping[str | None, int]]
_Means = tuple[str, int, Mapping[str | None, float], float]
_FEW = 2  # columns of numbers below which there is nothing to pick at once


class NoColumn(ValueError):
    """Rows without a column to learn from; `dropped` says why each that they have is none.

    >>> str(NoColumn({"size": "constant"}))
    'No column can be used: size is constant.'
    """

    def __init__(self, dropped: Mapping[str, str]) -> None:
        self.dropped = dropped
        why = "; ".join(f"{name} is {why}" for name, why in dropped.items())
        super().__init__(
            f"No column can be used: {why}."
            if why
            else "they have no column besides their text: train the recipe 'text', which reads it."
        )


class RowEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Encode rows (a frame, or a sequence of mappings) as a float matrix.

    `fit` decides each column's kind: *numeric* where at least 90 % of its values are numbers or
    write one (bools are 0 and 1; the rest count as missing), else *category*. A category gets one
    0/1 column for each frequent level: at most `max_levels`, each in at least `min_level_rows` rows
    and a share `min_level_share` of them, chosen without a look at the target. Every other level,
    and one never seen before, is all zeros; missing is a level of its own where it is frequent.
    A missing number stays nan, or with `impute` becomes the median, beside a 0/1 column that says
    so where any was missing in `fit`. Columns that cannot say anything (constant, without a value,
    a category without a frequent level) are dropped and named in `dropped_`. What a row carries
    beside its features (`core.domain.sample.CARRIED`) is not looked at. A category of more levels
    than get a column also becomes the mean target of each level (`core.features.level_means`);
    `fit_transform` takes it from other rows than the one that it is for.

    Attributes: `kinds_` (kept column -> "numeric" or "category"), `dropped_` (column -> why),
    `levels_`, `medians_`, `flagged_` (numeric columns with a column that says missing), `means_`
    (category of more than `max_levels` levels -> its `LevelMeans` as plain values), where `fit` got
    the target and the levels differ by it.

    >>> rows = [{"size": 1, "lang": "py"}, {"size": "3", "lang": "go"}, {"size": None}] * 5
    >>> encoder = RowEncoder().fit(rows)
    >>> encoder.get_feature_names_out().tolist()
    ['lang=go', 'lang=py', 'lang is missing', 'size', 'size is missing']
    >>> encoder.transform([{"size": True, "lang": "rust"}]).tolist()
    [[0.0, 0.0, 0.0, 1.0, 0.0]]
    """

    def __init__(
        self,
        *,
        impute: bool = True,
        max_levels: int = 30,
        min_level_rows: int = 5,
        min_level_share: float = 0.01,
    ) -> None:
        self.impute = impute
        self.max_levels = max_levels
        self.min_level_rows = min_level_rows
        self.min_level_share = min_level_share

    def fit(self, X: "Sequence[Mapping[str, object]] | pd.DataFrame", y: object = None) -> Self:
        """Decide kinds, levels and medians from these rows; raises `ValueError` where there are
        none, `NoColumn` where no column can be used."""
        check_rows(X)
        if len(X) == 0:
            raise ValueError("There are no rows to learn the columns from.")
        names = [name for name in column_names(X) if name not in CARRIED]
        self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = len(names)
        self.kinds_: dict[str, str] = {}
        self.dropped_: dict[str, str] = {}
        self.levels_: dict[str, list[str | None]] = {}
        self.medians_: dict[str, float] = {}
        self.flagged_: list[str] = []
        self.means_: dict[str, dict[str, Any]] = {}
        many = [name for name in names if self._fit_column(X, name)]
        if y is not None and many:
            self._fit_means(X, np.asarray(y, dtype=np.float64), many)
        if not self.kinds_:
            raise NoColumn(self.dropped_)
        return self

    def fit_transform(
        self, X: "Sequence[Mapping[str, object]] | pd.DataFrame", y: object = None, **_: object
    ) -> NDArray[np.float64]:
        """`fit`, then `transform` of the same rows, but that the mean target of a row's level does
        not know the row's own target: a model that is fitted on these would trust it too much."""
        matrix = self.fit(X, y).encode(X)
        places = {name: i for i, (_, name, of) in enumerate(self._list_columns()) if of == _MEAN}
        if not places:
            return matrix
        others = np.delete(matrix, list(places.values()), axis=1)
        left = leave_to_levels(others, np.asarray(y, dtype=np.float64))
        for name, place in places.items():
            matrix[:, place] = cross_fit(levels_of(X, name), left)
        return matrix

    def transform(self, X: "Sequence[Mapping[str, object]] | pd.DataFrame") -> NDArray[np.float64]:
        """The matrix of shape (n_rows, n_columns_out). Columns that `fit` did not see are ignored,
        columns that are absent are missing."""
        check_is_fitted(self)
        check_rows(X)
        return self.encode(X)

    def encode(self, X: "Sequence[Mapping[str, object]] | pd.DataFrame") -> NDArray[np.float64]:
        """`transform` of rows that are known to be such, without what scikit-learn does around
        it."""
        parts: list[NDArray[np.float64]] = [np.empty((0, len(X)))]
        for name, kind in self.kinds_.items():
            if kind == "category":
                levels = levels_of(X, name)
                parts.append(_one_hot(levels, self.levels_[name]).T)
                if name in self._means:
                    parts.append(LevelMeans(**self._means[name]).look_up(levels)[None])
                continue
            numbers = numbers_of(X, name)
            missing = np.isnan(numbers)
            if self.impute:
                numbers[missing] = self.medians_[name]
            parts.append(numbers[None])
            if name in self.flagged_:
                parts.append(missing[None].astype(np.float64))
        return np.ascontiguousarray(np.concatenate(parts).T)

    def compile_row(self) -> Callable[[Mapping[str, object]], list[float]]:
        """`transform` of a single mapping as a plain function, a hundred times as quick.

        >>> encoder = RowEncoder().fit([{"size": 1}, {"size": "3"}])
        >>> encoder.compile_row()({"size": "2.5"})
        [2.5]
        """
        place, n_columns = {}, 0
        for name, kind in self.kinds_.items():
            place[name] = n_columns
            n_columns += (
                len(self.levels_[name]) + (name in self._means)
                if kind == "category"
                else 1 + self._flags(name)
            )
        numbers = [
            (name, place[name], self.medians_[name] if self.impute else NAN, self._flags(name))
            for name, kind in self.kinds_.items()
            if kind == "numeric"
        ]
        words = [
            (name, {level: place[name] + i for i, level in enumerate(self.levels_[name])})
            for name, kind in self.kinds_.items()
            if kind == "category"
        ]
        means = [
            (
                name,
                place[name] + len(self.levels_[name]),
                {None: found["of_missing"], **found["of_level"]},
                found["overall"],
            )
            for name, found in self._means.items()
        ]
        encode = partial(_encode_row, [0.0] * n_columns, numbers, words, means)
        if len(numbers) < _FEW:
            return encode
        pick, places = itemgetter(*(one[0] for one in numbers)), [one[1] for one in numbers]
        return partial(_encode_numbers, [0.0] * n_columns, pick, places, (words, means), encode)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """The names of the matrix's columns: `size`, `size is missing`, `lang=py`."""
        return np.array([name for name, _, _ in self._list_columns()], dtype=object)

    def get_source_names(self) -> list[str]:
        """The raw column that each of the matrix's columns comes from."""
        return [source for _, source, _ in self._list_columns()]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.dict = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        tags.no_validation = True
        return tags

    def _flags(self, name: str) -> bool:
        """Return True if a column for missing values follows a numeric column."""
        return name in self.flagged_

    @property
    def _means(self) -> dict[str, dict[str, Any]]:
        """Return `means_`, which encoders of older versions do not have."""
        found: dict[str, dict[str, Any]] = self.__dict__.get("means_", {})
        return found

    def _list_columns(self) -> list[tuple[str, str, str]]:
        """Return each column of the matrix with its raw column and what it says of it."""
        check_is_fitted(self)
        names = []
        for name, kind in self.kinds_.items():
            if kind == "category":
                levels = self.levels_[name]
                names += [
                    (f"{name}={v}" if v is not None else _missing(name), name, "level")
                    for v in levels
                ]
                if name in self._means:
                    names.append((f"{name} by its mean", name, _MEAN))
            else:
                names.append((name, name, "number"))
                if name in self.flagged_:
                    names.append((_missing(name), name, "missing"))
        return names

    def _fit_column(self, rows: Any, name: str) -> bool:
        """Decide the kind of a column; return whether it is a category of more levels than get a
        column each."""
        levels: list[str | None] = []
        numbers = numbers_of(rows, name)
        n_present = n_numbers = int(np.sum(~np.isnan(numbers)))
        if n_numbers < len(numbers):
            levels = levels_of(rows, name)
            n_present = len(levels) - levels.count(None)
        if n_present == 0:
            self.dropped_[name] = "without a value"
        elif n_numbers >= NUMERIC_SHARE * n_present:
            self._fit_numbers(name, numbers)
        else:
            return self._fit_levels(name, levels)
        return False

    def _fit_numbers(self, name: str, numbers: NDArray[np.float64]) -> None:
        known = numbers[~np.isnan(numbers)]
        if len(known) == len(numbers) and np.all(known == known[0]):
            self.dropped_[name] = "constant"
            return
        self.kinds_[name] = "numeric"
        self.medians_[name] = float(np.median(known))
        if self.impute and len(known) < len(numbers):
            self.flagged_.append(name)

    def _fit_levels(self, name: str, levels: list[str | None]) -> bool:
        counts = Counter(levels)
        if len(counts) == 1:
            self.dropped_[name] = "constant"
            return False
        enough = max(self.min_level_rows, math.ceil(self.min_level_share * len(levels)))
        frequent = [level for level, n in counts.items() if n >= enough]
        if any(level is not None for level in frequent):
            frequent.sort(key=lambda level: (-counts[level], level or ""))
            kept = frequent[: self.max_levels]
            self.kinds_[name] = "category"
            self.levels_[name] = sorted(kept, key=lambda level: (level is None, level or ""))
        else:
            self.dropped_[name] = f"a category of {len(counts)} levels, none in {enough} rows"
        return len(counts) > self.max_levels

    def _fit_means(self, rows: Any, target: NDArray[np.float64], names: Sequence[str]) -> None:
        left = leave_to_levels(self.encode(rows), target)
        for name in names:
            found = fit_level_means(levels_of(rows, name), left)
            if found is None:
                continue
            self.means_[name] = asdict(found)
            if self.dropped_.pop(name, None) is not None:
                self.kinds_[name], self.levels_[name] = "category", []


def _encode_numbers(
    zeros: list[float],
    pick: Callable[[Mapping[str, object]], Sequence[Any]],
    places: Sequence[int],
    categories: tuple[Sequence[_Words], Sequence[_Means]],
    encode: Callable[[Mapping[str, object]], list[float]],
    row: Mapping[str, object],
) -> list[float]:
    """`encode`, a third of its time where every number is there as a float, as in nearly every
    row."""
    try:
        numbers = pick(row)
    except KeyError:
        return encode(row)
    if set(map(type, numbers)) != _FLOATS or not math.hypot(*numbers) <= LARGEST:
        return encode(row)
    values = zeros[:]
    for place, number in zip(places, numbers, strict=True):
        values[place] = number
    _mark_levels(values, *categories, row)
    return values


def _encode_row(
    zeros: list[float],
    numbers: Sequence[tuple[str, int, float, bool]],
    words: Sequence[_Words],
    means: Sequence[_Means],
    row: Mapping[str, object],
) -> list[float]:
    """One row's numbers, whatever its values are."""
    values, get = zeros[:], row.get
    for name, place, instead, flags in numbers:
        number = to_number(get(name))
        if number == number:
            values[place] = number
        else:
            values[place] = instead
            if flags:
                values[place + 1] = 1.0
    _mark_levels(values, words, means, row)
    return values


def _mark_levels(
    values: list[float], words: Sequence[_Words], means: Sequence[_Means], row: Mapping[str, object]
) -> None:
    for name, places in words:
        found = places.get(to_level(row.get(name)))
        if found is not None:
            values[found] = 1.0
    for name, place, of_level, overall in means:
        values[place] = of_level.get(to_level(row.get(name)), overall)


def _missing(name: str) -> str:
    return f"{name} is missing"


def _one_hot(levels: Sequence[str | None], known: Sequence[str | None]) -> NDArray[np.float64]:
    position = {level: i for i, level in enumerate(known)}
    columns = np.array([position.get(level, -1) for level in levels], dtype=np.int64)
    matrix = np.zeros((len(levels), len(known)))
    rows = np.flatnonzero(columns >= 0)
    matrix[rows, columns[rows]] = 1.0
    return matrix
