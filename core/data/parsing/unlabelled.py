"""Raw rows without a label, read as training read theirs, a column at a time; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.data.parsing.cell_parser import BadValue, parse_time
from core.data.parsing.column_types import ColumnKind, read_numbers, read_words
from core.data.sources.raw import RawPiece
from core.domain.sample import FeatureValue

_KINDS = {
    "double": ColumnKind.NUMBER,
    "string": ColumnKind.CATEGORY,
    "large_string": ColumnKind.CATEGORY,
}
_NESTED = frozenset({list, dict, bytes})


@dataclass(frozen=True, slots=True)
class UnlabelledPlan:
    """Which columns of a file are read, and as what; a kind is None where nobody knows it."""

    features: Mapping[str, ColumnKind | None]
    text: str | None
    timestamp: str | None


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """The rows of a piece; columns and lists are parallel. `wrong` says by place why a row cannot
    be taken; what stands there is None."""

    features: Mapping[str, Sequence[FeatureValue]]
    texts: Sequence[str | None]
    times: Sequence[datetime | None]
    wrong: Mapping[int, str]


def find_kind(types: Mapping[str, str], name: str) -> ColumnKind | None:
    """What a feature was in a snapshot that wrote its columns as `types`; None where it says none.

    >>> find_kind({"size": "double", "at": "date32"}, "size")
    <ColumnKind.NUMBER: 'number'>
    >>> find_kind({}, "size") is None
    True
    """
    return _KINDS.get(types.get(name, ""))


def read_unlabelled(piece: RawPiece, plan: UnlabelledPlan) -> Unlabelled:
    """The rows of a piece by a plan. What a number's column holds beside numbers is wrong, as in
    an import; where nobody knows the kind, what writes a number is one and the rest are words.

    >>> piece = RawPiece([1, 2], {"a": ["1", "x"]}, (), 1.0)
    >>> read = read_unlabelled(piece, UnlabelledPlan({"a": ColumnKind.NUMBER}, None, None))
    >>> read.features, read.wrong
    ({'a': [1.0, None]}, {1: "column 'a': 'x' is not a number"})
    """
    wrong: dict[int, str] = {}
    features = {
        name: _read_feature(piece.columns.get(name, ()), name, kind, wrong)
        for name, kind in plan.features.items()
        if name in piece.columns
    }
    n_rows = len(piece.rows)
    texts = [None] * n_rows if plan.text is None else read_words(piece.columns[plan.text])
    return Unlabelled(features, texts, _read_times(piece, plan.timestamp, wrong), wrong)


def _read_feature(
    values: Sequence[object], name: str, kind: ColumnKind | None, wrong: dict[int, str]
) -> Sequence[FeatureValue]:
    if not _NESTED.isdisjoint(map(type, values)):
        for place, value in enumerate(values):
            if type(value) in _NESTED:
                wrong.setdefault(place, f"column '{name}' holds a list or an object")
    if kind is ColumnKind.CATEGORY:
        return read_words(values)
    numbers, odd = read_numbers(values)
    if kind is None and (odd or None in numbers):
        words = read_words(values)
        return [
            words[place] if place in odd or number is None else number
            for place, number in enumerate(numbers)
        ]
    for place, message in odd.items():
        wrong.setdefault(place, f"column '{name}': {message}")
    return numbers


def _read_times(
    piece: RawPiece, column: str | None, wrong: dict[int, str]
) -> Sequence[datetime | None]:
    if column is None:
        return [None] * len(piece.rows)
    times: list[datetime | None] = []
    for place, value in enumerate(piece.columns[column]):
        at = None
        try:
            at = parse_time(value)
        except BadValue as error:
            wrong.setdefault(place, f"column '{column}': {error.message}")
        times.append(at)
    return times
