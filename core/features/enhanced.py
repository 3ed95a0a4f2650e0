"""Rows in, rows out: the pipeline step that adds the enhanced features, before the encoder."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from core.domain.sample import BASE, CARRIED, spell
from core.features.availability import FORMULAS, find_absent
from core.features.formulas import Formula
from core.features.values import check_rows, column_names, numbers_of, to_number

if TYPE_CHECKING:
    import pandas as pd


class EnhancedFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Add what can be made of the seven base features, of the history of a row's provider and
    model, and of its time: twelve features beside the base ones, nineteen in all.

    `fit` decides which there are: a feature exists only where each of its inputs has a value in
    some row, and where no column of the rows has its name already. A row that lacks an input lacks
    the feature (nan), as does a division by zero. The base features are read under both spellings
    (`codeQuality`, `code_quality`) and handed on under the one that the rows of `fit` used.

    csat is read as the row brings it, never guessed: a request without it lacks what is made of it.
    The historical csat is that of earlier rows only, and known in serving too.

    Attributes: `added_` (the new columns), `absent_` (feature -> why it does not exist),
    `spellings_` (base feature -> the column it is in).

    >>> step = EnhancedFeatures().fit([{"security": 70, "performance": 90.0, "lang": "py"}])
    >>> step.added_
    ['security_performance_gap']
    >>> step.transform([{"security": "75", "performance": 90.0}, {"security": 75}])
    [{'security': '75', 'performance': 90.0, 'security_performance_gap': 15.0}, \
{'security': 75, 'security_performance_gap': nan}]
    >>> step.absent_["quality_times_csat"]
    'needs codeQuality and csat, which no row has'
    """

    def fit(self, X: "Sequence[Mapping[str, object]] | pd.DataFrame", y: object = None) -> Self:
        """Decide which features exist in rows like these."""
        check_rows(X)
        names = set(column_names(X))
        self.spellings_: dict[str, str] = {}
        for name in BASE:
            found = [spelling for spelling in spell(name) if spelling in names]
            if any(_has_number(X, spelling) for spelling in found):
                self.spellings_[name] = found[0]
        carried = {key for key in CARRIED if key in names and _has_number(X, key)}
        there = carried | set(self.spellings_)
        self.absent_ = find_absent(there, names)
        self.added_ = [f.column for f in FORMULAS.values() if f.feature not in self.absent_]
        return self

    def transform(
        self, X: "Sequence[Mapping[str, object]] | pd.DataFrame"
    ) -> "list[dict[str, object]] | pd.DataFrame":
        """The rows with the new columns: a frame for a frame, else a list of mappings."""
        check_is_fitted(self)
        check_rows(X)
        if not hasattr(X, "columns"):
            one = self.compile_row()
            return [one(row) for row in X]
        frame = self._unify_spellings(X)
        values = {name: numbers_of(frame, column) for name, column in self._inputs()}
        new = {f.column: f.compute(*(values[name] for name in f.inputs)) for f in self._formulas()}
        added: pd.DataFrame = frame.assign(**new)
        return added

    def compile_row(self) -> Callable[[Mapping[str, object]], dict[str, object]]:
        """Return `transform` as a function of one mapping."""
        check_is_fitted(self)
        inputs = list(self._inputs())
        formulas = [(f.column, f.compute, f.inputs) for f in self._formulas()]
        twice = [(kept, _others(name, kept)) for name, kept in self.spellings_.items()]
        spelled = [(kept, others) for kept, others in twice if others]

        def add(row: Mapping[str, object]) -> dict[str, object]:
            known = dict(row)
            for kept, others in spelled:
                _unify(known, kept, others)
            values = {name: to_number(known.get(column)) for name, column in inputs}
            for column, compute, names in formulas:
                known[column] = compute(*[values[name] for name in names])
            return known

        return add

    def get_inputs(self, column: str) -> tuple[str, ...]:
        """The raw columns, and the keys that a row carries, which an added column is made of."""
        return tuple(self.spellings_.get(name, name) for name in FORMULAS[column].inputs)

    def get_spellings(self, column: str) -> tuple[str, ...]:
        """The names under which a raw column is read, itself first."""
        name = next((name for name, kept in self.spellings_.items() if kept == column), column)
        return (column, *_others(name, column))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.dict = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        tags.no_validation = True
        return tags

    def _formulas(self) -> Iterator[Formula]:
        return (FORMULAS[column] for column in self.added_)

    def _inputs(self) -> Iterator[tuple[str, str]]:
        """Return the inputs of the formulas, each with its column."""
        names = dict.fromkeys(name for formula in self._formulas() for name in formula.inputs)
        return ((name, self.spellings_.get(name, name)) for name in names)

    def _unify_spellings(self, frame: Any) -> Any:
        for name, kept in self.spellings_.items():
            for other in _others(name, kept):
                if other not in frame.columns:
                    continue
                if kept in frame.columns:
                    missing = np.isnan(numbers_of(frame, kept))
                    frame = frame.assign(**{kept: frame[kept].mask(missing, frame[other])})
                    frame = frame.drop(columns=other)
                else:
                    frame = frame.rename(columns={other: kept})
        return frame


def _others(name: str, kept: str) -> list[str]:
    return [spelling for spelling in spell(name) if spelling != kept]


def _unify(row: dict[str, object], kept: str, others: Sequence[str]) -> None:
    for other in others:
        if other in row:
            value = row.pop(other)
            if np.isnan(to_number(row.get(kept))):
                row[kept] = value


def _has_number(rows: Any, name: str) -> bool:
    numbers: NDArray[np.float64] = numbers_of(rows, name)
    return bool(np.any(~np.isnan(numbers)))
