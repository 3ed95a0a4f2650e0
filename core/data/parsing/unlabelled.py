"""Raw rows without a label, parsed as an import parses rows with one; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.data.parsing.cell_parser import ColumnKind
from core.data.parsing.column_types import read_column
from core.data.parsing.notation import PLAIN, BadValue, Notation
from core.data.parsing.raw import RawPiece
from core.domain.sample import FeatureValue

_KINDS = {
    "double": ColumnKind.NUMBER,
    "string": ColumnKind.CATEGORY,
    "large_string": ColumnKind.CATEGORY,
}


@dataclass(frozen=True, slots=True)
class UnlabelledPlan:
    """The columns to read with their types; None is an unknown type."""

    features: Mapping[str, ColumnKind | None]
    text: str | None
    timestamp: str | None
    notations: Mapping[str, Notation] = field(default_factory=dict)  # not plain ones


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """The rows of a piece; columns and lists are parallel. `wrong` holds by place the reason why a
    row cannot be used; its value there is None. `odd` counts the values of each feature that do not
    fit it and count as missing."""

    features: Mapping[str, Sequence[FeatureValue]]
    texts: Sequence[str | None]
    times: Sequence[datetime | None]
    wrong: Mapping[int, str]
    odd: Mapping[str, int] = field(default_factory=dict)


def find_kind(types: Mapping[str, str], name: str) -> ColumnKind | None:
    """Return the type of a feature in a snapshot with these column `types`; None if it is not
    there.

    >>> find_kind({"size": "double", "at": "date32"}, "size")
    <ColumnKind.NUMBER: 'number'>
    >>> find_kind({}, "size") is None
    True
    """
    return _KINDS.get(types.get(name, ""))


def read_unlabelled(piece: RawPiece, plan: UnlabelledPlan) -> Unlabelled:
    """Return the rows of a piece, parsed by a plan. Anything else in a column of numbers is
    missing, as in an import; in a column of unknown type, each value is parsed by itself.

    >>> piece = RawPiece([1, 2], {"a": ["1", "x"]}, (), 1.0)
    >>> read = read_unlabelled(piece, UnlabelledPlan({"a": ColumnKind.NUMBER}, None, None))
    >>> read.features, read.wrong, read.odd
    ({'a': [1.0, None]}, {}, {'a': 1})
    """
    wrong: dict[int, str] = {}
    odd: dict[str, int] = {}

    def read(role: str, column: str | None, kind: ColumnKind | None) -> list[Any]:
        if column is None:
            return [None] * len(piece.rows)
        found, errors = _read(piece.columns[column], kind, plan.notations.get(column, PLAIN))
        if errors and role == "feature" and column is not None:
            odd[column] = len(errors)
            return found
        for place, error in errors.items():
            wrong.setdefault(place, error.locate(role, column).message)
        return found

    features = {
        name: read("feature", name, kind)
        for name, kind in plan.features.items()
        if name in piece.columns
    }
    texts = read("text", plan.text, ColumnKind.TEXT)
    times = read("timestamp", plan.timestamp, ColumnKind.TIME)
    return Unlabelled(features, texts, times, wrong, odd)


def _read(
    values: Sequence[object], kind: ColumnKind | None, notation: Notation
) -> tuple[list[Any], Mapping[int, BadValue]]:
    if kind is not None:
        return read_column(values, kind, notation)
    numbers, odd = read_column(values, ColumnKind.NUMBER, notation)
    if not odd and None not in numbers:
        return numbers, odd
    words, wrong = read_column(values, ColumnKind.CATEGORY)
    pairs = zip(numbers, words, strict=True)
    return [word if number is None else number for number, word in pairs], wrong
