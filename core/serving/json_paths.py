"""The paths of values in a JSON document, for telling which is wrong, and of names that come twice,
of which a decoder keeps only the last value."""

import json
from collections.abc import Callable, Iterator

import msgspec

CONSTANT = object()
"""Stands for NaN and the infinities, which are no JSON."""


class _Repeated(dict[str, object]):
    """An object with a name that came twice."""

    name = ""


def find_path(content: bytes, is_wrong: Callable[[object], bool], prefix: str = "") -> str | None:
    """Return the path of the first wrong value below a prefix, or None."""
    for path, value in _walk(content):
        if path.startswith(prefix) and is_wrong(value):
            return path
    return None


def find_repeated(content: bytes) -> tuple[str, str] | None:
    """Return the path of an object with a name that comes twice and the name, or None.

    >>> find_repeated(b'{"rows": [{"features": {"a": 1, "a": 2}}]}')
    ('rows[0].features', 'a')
    """
    for path, value in _walk(content):
        if isinstance(value, _Repeated):
            return path, value.name
    return None


def may_repeat(content: bytes, decoded: object) -> bool:
    """Return False if each name comes once in a document that was decoded, which is certain where
    it has no more colons than its names and texts."""
    if isinstance(decoded, msgspec.Struct) and content.count(b":") == _count_names(decoded):
        return False  # the usual row, whose texts have none
    return count_colons(content) != _count_in_value(decoded)


def join_path(path: str, name: str) -> str:
    """Return the path of a member of an object.

    >>> join_path("rows[0]", "features"), join_path("", "rows")
    ('rows[0].features', 'rows')
    """
    return f"{path}.{name}" if path else name


def count_colons(content: bytes) -> int:
    """Return the colons of a document, with those that are written as escapes.

    >>> count_colons(b'{"a:b": 1}')
    2
    """
    return content.count(b":") + content.count(b"\\u003a") + content.count(b"\\u003A")


def _count_names(body: msgspec.Struct) -> int:
    """The names of an object, and of those in it."""
    fields = [getattr(body, name) for name in body.__struct_fields__]
    n_inner = sum(len(value) for value in fields if type(value) is dict)
    return len(fields) - fields.count(None) + n_inner


def _count_in_value(value: object) -> int:
    """The colons that a value has at least when it is written."""
    if isinstance(value, str):
        return value.count(":")
    if isinstance(value, dict):
        return len(value) + sum(_count_in_value(one) for pair in value.items() for one in pair)
    if isinstance(value, list):
        return sum(map(_count_in_value, value))
    if isinstance(value, msgspec.Struct):
        given = [getattr(value, name) for name in value.__struct_fields__]
        return len(given) - given.count(None) + sum(map(_count_in_value, given))
    if isinstance(value, msgspec.Raw):
        return count_colons(bytes(value))
    return 0


def _walk(content: bytes) -> Iterator[tuple[str, object]]:
    """Yield every value with its path, in the order of the document; nothing for what Python cannot
    read."""
    try:
        parsed = json.loads(
            content,
            parse_constant=lambda _: CONSTANT,
            parse_int=float,  # an int of many digits is refused
            object_pairs_hook=_build_object,
        )
    except (ValueError, RecursionError):
        return
    waiting: list[tuple[str, object]] = [("", parsed)]
    while waiting:
        path, value = waiting.pop()
        yield path, value
        if isinstance(value, dict):
            inner = [(join_path(path, name), item) for name, item in value.items()]
        elif isinstance(value, list):
            inner = [(f"{path}[{place}]", item) for place, item in enumerate(value)]
        else:
            continue
        waiting.extend(reversed(inner))


def _build_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeated, seen = _Repeated(found), set[str]()
    for name, _ in pairs:
        if name in seen:
            repeated.name = name
            break
        seen.add(name)
    return repeated
