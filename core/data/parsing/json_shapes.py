"""The rows of JSON in the shapes that programs write: wrapped, by column, by id, nested; pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from statistics import fmean

from core.data.parsing.notation import BadValue

WRAPPERS = ("rows", "samples", "data", "results", "records")
"""Names before a list of rows that need not fit into memory."""

METADATA = "metadata."
"""The prefix of a sample's metadata columns; they are never features."""

_RATINGS = re.compile(r"rat(?:ing|er)|scor|judg|vot|grad|annotat|label|review", re.IGNORECASE)
_RATING_NAMES = ("score", "rating", "value", "label", "grade", "vote", "judgement", "judgment")
_MOST_RATINGS = 50
_NAMES, _VALUES = ("name", "key", "metric"), ("value", "score")


def unwrap(found: object) -> list[object] | None:
    """Return the rows of an object that is alone in its file, None if it is itself a row.

    >>> unwrap({"count": 2, "results": [{"y": 1}, {"y": 2}]})
    [{'y': 1}, {'y': 2}]
    >>> unwrap({"y": {"0": 1, "1": 2}, "a": {"0": 3, "1": 4}})
    [{'y': 1, 'a': 3}, {'y': 2, 'a': 4}]
    >>> unwrap({"columns": ["y"], "index": [0], "data": [[1]]}), unwrap({"y": [1, 2], "a": [3, 4]})
    ([{'y': 1}], [{'y': 1, 'a': 3}, {'y': 2, 'a': 4}])
    >>> unwrap({"r7": {"y": 1, "a": 3}, "r8": {"y": 2, "a": 4}})
    [{'id': 'r7', 'y': 1, 'a': 3}, {'id': 'r8', 'y': 2, 'a': 4}]
    >>> unwrap({"target": 1, "features": {"a": 2}}) is None
    True
    """
    if not isinstance(found, dict) or not found or "features" in found or "target" in found:
        return None
    columns, data = found.get("columns"), found.get("data")
    if isinstance(columns, list) and isinstance(data, list):
        names = [str(name) for name in columns]
        return [_zip_row(names, row) for row in data]
    lists = _find_lists(found)
    if len(lists) == 1:
        return lists[0]
    values = list(found.values())
    if all(isinstance(value, list) and not _has_objects(value) for value in values):
        lengths = {len(value) for value in values}
        if len(lengths) == 1 < min(len(found), *lengths):
            return [dict(zip(found, row, strict=True)) for row in zip(*values, strict=True)]
    if len(found) > 1 and all(isinstance(value, dict) and value for value in values):
        return _turn(found) if _is_by_column(found) else _name_rows(found)
    return None


def flatten_row(row: object) -> dict[str, object]:
    """Return one object as columns: its own values, those under `features`, metadata with its
    prefix, and what lies one level deeper with dots. Raises `BadValue` if it is no object or names
    a column twice.

    >>> flatten_row({"target": 80, "features": {"a": 1}, "metadata": {"source": "ci"}})
    {'target': 80, 'a': 1, 'metadata.source': 'ci'}
    >>> flatten_row({"scores": {"quality": 3}, "checks": [{"name": "speed", "value": 2}]})
    {'scores.quality': 3, 'checks.speed': 2}
    >>> flatten_row({"ratings": [3, 4], "judges": [{"rater": "ann", "score": 5}]})
    {'ratings.mean': 3.5, 'judges.mean': 5.0}
    """
    if isinstance(row, BadValue):
        raise row
    if not isinstance(row, dict):
        raise BadValue("not_an_object", "is not an object with a target and features")
    flat: dict[str, object] = {}
    for name, prefix in ((None, ""), ("features", ""), ("metadata", METADATA)):
        inner = row if name is None else row.get(name)
        if inner is None:
            continue
        if isinstance(inner, BadValue):
            raise inner
        if not isinstance(inner, dict):
            raise BadValue("not_an_object", f"its {name} are not an object")
        for key, value in inner.items():
            if name is None and key in ("features", "metadata"):
                continue
            for column, cell in _open_value(prefix + key, value):
                if column in flat:
                    raise BadValue("named_twice", f"it names '{column.removeprefix(prefix)}' twice")
                flat[column] = cell
    return flat


def describe_lists(rows: Iterable[object]) -> tuple[str, ...]:
    """Return the notes on lists of judgements in the first rows, which are read as their mean."""
    names: dict[str, None] = {}
    for row in rows:
        inner = row.get("features") if isinstance(row, dict) else None
        for part in (row, inner):
            for name, value in part.items() if isinstance(part, dict) else ():
                if not isinstance(value, list) or _read_pairs(value):
                    continue
                if _read_ratings(name, value) is not None:
                    names[name] = None
    return tuple(
        f"Lists of judgements in '{name}' are read as their mean, '{name}.mean'." for name in names
    )


def _open_value(name: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield a value by its column, or the values in it by theirs."""
    if isinstance(value, list):
        named = _read_pairs(value)
        ratings = None if named else _read_ratings(name, value)
        if ratings is not None:
            yield f"{name}.mean", fmean(ratings) if ratings else None
            return
        value = named or value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{name}.{key}", inner
    else:
        yield name, value


def _read_pairs(values: list[object]) -> dict[str, object] | None:
    """Return the values of a list of {name, value} by their names, None for any other list."""
    found: dict[str, object] = {}
    for value in values:
        if not isinstance(value, dict):
            return None
        name = next((value[key] for key in _NAMES if isinstance(value.get(key), str)), None)
        key = next((key for key in _VALUES if key in value), None)
        if name is None or key is None or name in found:
            return None
        found[name] = value[key]
    return found or None


def _read_ratings(name: str, values: list[object]) -> list[float] | None:
    """Return the numbers of a list of judgements, None for any other list."""
    numbers = [_find_rating(value) for value in values]
    plain = not any(isinstance(value, dict) for value in values)
    if not values or len(values) > _MOST_RATINGS or (plain and not _RATINGS.search(name)):
        return None
    present = [number for number in numbers if number is not None]
    n_missing = sum(value is None for value in values)
    return present if present and len(present) + n_missing == len(values) else None


def _find_rating(value: object) -> float | None:
    if isinstance(value, dict):
        value = next((value[key] for key in _RATING_NAMES if key in value), None)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    return float(value) if is_number else None  # type: ignore[arg-type]


def _find_lists(found: Mapping[str, object]) -> list[list[object]]:
    """Return the lists of objects in an object, or in the objects that it holds."""
    lists = [value for value in found.values() if isinstance(value, list) and _has_objects(value)]
    if lists:
        return lists
    empty = [value for name in WRAPPERS if isinstance(value := found.get(name), list)]
    deeper = [value for value in found.values() if isinstance(value, dict)]
    inner = [
        one
        for value in deeper
        for one in value.values()
        if isinstance(one, list) and _has_objects(one)
    ]
    return inner if len(deeper) == 1 and inner else [value for value in empty if not value]


def _has_objects(values: list[object]) -> bool:
    return bool(values) and all(isinstance(value, dict | BadValue) for value in values)


def _zip_row(names: list[str], row: object) -> object:
    if not isinstance(row, list) or len(row) != len(names):
        return BadValue("wrong_value_count", f"is not a list of {len(names)} values")
    return dict(zip(names, row, strict=True))


def _is_by_column(found: Mapping[str, Mapping[str, object]]) -> bool:
    """Return whether the outer keys of an object of objects are columns: the inner ones count, or
    the values of each have one type, or the inner ones are more."""
    inner = list(dict.fromkeys(key for value in found.values() for key in value))
    counts = [all(key.lstrip("-").isdigit() for key in keys) for keys in (found, inner)]
    if counts[0] != counts[1]:
        return counts[1]
    alike = [_have_one_type(column.values()) for column in found.values()]
    turned = [_have_one_type(row.get(key) for row in found.values()) for key in inner]
    if all(alike) != all(turned):
        return all(alike)
    return len(inner) > len(found)


def _have_one_type(values: Iterable[object]) -> bool:
    return len({isinstance(value, str) for value in values if value is not None}) <= 1


def _turn(found: Mapping[str, Mapping[str, object]]) -> list[object]:
    keys = list(dict.fromkeys(key for column in found.values() for key in column))
    rows = [{name: column.get(key) for name, column in found.items()} for key in keys]
    return _name(keys, rows)


def _name_rows(found: Mapping[str, dict[str, object]]) -> list[object]:
    return _name(list(found), list(found.values()))


def _name(keys: list[str], rows: list[dict[str, object]]) -> list[object]:
    """Return rows with their keys as ids, unless these only count."""
    if keys == [str(n) for n in range(len(keys))] or any("id" in row for row in rows):
        return list(rows)
    return [{"id": key, **row} for key, row in zip(keys, rows, strict=True)]
