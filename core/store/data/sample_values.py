"""Samples as rows of their table, each with its content key."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from core.domain.sample import Provenance, Sample
from core.store.data.history import Fresh
from core.store.engine.types import to_micros

COLUMNS = (
    "key",
    "collection_id",
    "source",
    "provenance",
    "external_id",
    "at",
    "group_key",
    "target",
    "features",
    "text",
    "labelled_at",
)

Row = tuple[Any, ...]
"""A sample in the order of `COLUMNS`."""

_PLACE_DIGITS, _UNDATED = 16, "0" * 16
_YEAR_ONE = 2**62  # added to microseconds since 1970, so that earlier times sort before later ones

_ENCODER = msgspec.json.Encoder()


def build_rows(collection_id: int, samples: Sequence[Sample]) -> list[Row]:
    """Return the rows of some samples for a collection, in their order. The key of a row is a hash
    that rows with the same content share: the source does not count, nor a missing value that is
    written out, nor the time of a prediction's label; what tells copies apart does.

    >>> (row,) = build_rows(7, [Sample("file:a", Provenance.REAL, {"length": 3.0}, 50.0)])
    >>> row[1:3], row[8]
    ((7, 'file:a'), '{"length":3.0}')
    """
    return [_build_row(collection_id, sample) for sample in samples]


def list_fresh(rows: Iterable[Row], ids: Mapping[str, int]) -> list[Fresh]:
    """Return what the histories take of the rows whose keys have an id."""
    return [
        (ids[key], provenance, features, target, at, labelled_at)
        for key, _, _, provenance, _, at, _, target, features, _, labelled_at in rows
        if key in ids
    ]


def find_place(at: datetime | None, key: str) -> str:
    """Return the place in the index of the row of a time and a key."""
    return _place(None if at is None else to_micros(at), key)


def find_key(place: str) -> str:
    """Return the key of the row at a place.

    >>> find_key(find_place(None, "c0ffee"))
    'c0ffee'
    """
    return place[_PLACE_DIGITS:]


def _build_row(collection_id: int, sample: Sample) -> Row:
    micros = None if sample.at is None else to_micros(sample.at)
    return (
        _place(micros, _hash(sample)),
        collection_id,
        sample.source,
        sample.provenance._value_,  # `value` is ten times slower
        sample.external_id,
        micros,
        sample.group,
        sample.target,
        _ENCODER.encode(sample.features).decode(),
        sample.text,
        None if sample.labelled_at is None else to_micros(sample.labelled_at),
    )


def _hash(sample: Sample) -> str:
    """Return the key of a sample: SHA-256 of its content as JSON."""
    features = sample.features
    content: list[object] = [
        sample.provenance is Provenance.SYNTHETIC,
        sample.external_id,
        None if sample.at is None else sample.at.isoformat(),
        sample.group,
        sample.text,
        sample.target,
        [(name, features[name]) for name in sorted(features) if features[name] is not None],
    ]
    if sample.labelled_at is not None and sample.provenance is Provenance.REAL:
        content.append(sample.labelled_at.isoformat())
    if sample.copy:
        content.append({"copy": sample.copy})
    return hashlib.sha256(_ENCODER.encode(content)).hexdigest()


def _place(micros: int | None, key: str) -> str:
    """Return a row's time, then its key: rows mostly come in the order of their times, and then are
    neighbours in the index; keys alone would scatter them."""
    return (_UNDATED if micros is None else f"{micros + _YEAR_ONE:016x}") + key
