"""Samples as rows of their table, each with the key that the store knows it by; many at once.

Everything is done column by column, since Python asked once for each value of each row costs more
than the database does."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import repeat
from typing import Any

import msgspec

from core.domain.sample import Features, Provenance, Sample, SampleColumns  # noqa: F401 - Sample is for the example
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

_CONTENT = "[%s,%s,%s,%s,%s,%s,[%s]%s]"

_ENCODER = msgspec.json.Encoder()


def build_rows(collection_id: int, samples: SampleColumns) -> list[Row]:
    """The rows of some samples for a collection, in their order. The key of a row is a hash that
    two share exactly when they say the same: the source does not matter, nor does it whether a
    missing value is written down, or when the label of a prediction came.

    >>> samples = SampleColumns.of([Sample("file:a", Provenance.REAL, {"length": 3.0}, 50.0)])
    >>> (row,) = build_rows(7, samples)
    >>> row[1:3], row[8]
    ((7, 'file:a'), '{"length":3.0}')
    """
    features, said = _write_features(samples.features)
    micros = _count_micros(samples.ats)
    rows = zip(
        map(_place, micros, _hash_contents(samples, said)),
        repeat(collection_id, len(features)),
        samples.sources,
        [provenance._value_ for provenance in samples.provenances],  # `value` is ten times slower
        samples.external_ids,
        micros,
        samples.groups,
        samples.targets,
        features,
        samples.texts,
        _count_micros(samples.labelled_ats),
        strict=True,
    )
    return list(rows)


def list_fresh(rows: Iterable[Row], ids: Mapping[str, int]) -> list[Fresh]:
    """What the histories take of the rows whose keys have an id."""
    return [
        (ids[key], provenance, features, target, at, labelled_at)
        for key, _, _, provenance, _, at, _, target, features, _, labelled_at in rows
        if key in ids
    ]


def find_place(at: datetime | None, key: str) -> str:
    """Where the row of a time and a key stands in the index."""
    return _place(None if at is None else to_micros(at), key)


def find_key(place: str) -> str:
    """The key of the row that stands at a place.

    >>> find_key(find_place(None, "c0ffee"))
    'c0ffee'
    """
    return place[_PLACE_DIGITS:]


def _place(micros: int | None, key: str) -> str:
    """A row's time, then its key. Rows come in the order of their times mostly, and then fall side
    by side, where keys alone would scatter them over all of the index."""
    return (_UNDATED if micros is None else f"{micros + _YEAR_ONE:016x}") + key


def _count_micros(times: Iterable[datetime | None]) -> list[int | None]:
    return [None if at is None else to_micros(at) for at in times]


def _hash_contents(samples: SampleColumns, said: Iterable[str]) -> list[str]:
    """The key of each sample; `said` is what the features of each say."""
    synthetic = [provenance is Provenance.SYNTHETIC for provenance in samples.provenances]
    late = [
        at if provenance is Provenance.REAL else None
        for at, provenance in zip(samples.labelled_ats, samples.provenances, strict=True)
    ]
    contents = zip(
        _write_column(synthetic),
        _write_column(samples.external_ids),
        _write_times(samples.ats),
        _write_column(samples.groups),
        _write_column(samples.texts),
        _write_column(samples.targets),
        said,
        ["" if at == "null" else f",{at}" for at in _write_times(late)],
        strict=True,
    )
    return [
        hashlib.sha256(content.encode()).hexdigest() for content in map(_CONTENT.__mod__, contents)
    ]


def _write_features(rows: Sequence[Features]) -> tuple[list[str], list[str]]:
    """The features of each row as JSON, and what each says: pairs of name and value in the order
    of the names, the missing ones left out."""
    alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        alike[tuple(row)].append(place)
    whole, said = ["{}"] * len(rows), [""] * len(rows)
    for names, places in alike.items():
        if names:
            columns = list(zip(*(rows[place].values() for place in places), strict=True))
            for place, *texts in zip(places, *_write_alike(names, columns), strict=True):
                whole[place], said[place] = texts
    return whole, said


def _write_alike(
    names: Sequence[str], columns: Sequence[Sequence[object]]
) -> tuple[Iterable[str], Iterable[str]]:
    """As `_write_features`, of rows that all have the same names."""
    heads = [name.replace("%", "%%") for name in _write_column(names)]
    texts = [_write_column(column) for column in columns]
    fields = "{" + ",".join(f"{head}:%s" for head in heads) + "}"
    by_name = sorted(range(len(names)), key=names.__getitem__)
    if any(None in column for column in columns):
        pairs = [_write_pairs(heads[n], columns[n], texts[n]) for n in by_name]
        said: Iterable[str] = (text[1:] for text in map("".join, zip(*pairs, strict=True)))
    else:
        form = ",".join(f"[{heads[n]},%s]" for n in by_name)
        said = map(form.__mod__, zip(*(texts[n] for n in by_name), strict=True))
    return map(fields.__mod__, zip(*texts, strict=True)), said


def _write_pairs(head: str, values: Iterable[object], texts: Iterable[str]) -> list[str]:
    """One pair a row, behind a comma, and nothing where the value is missing."""
    form = f",[{head},%s]"
    return ["" if value is None else form % text for value, text in zip(values, texts, strict=True)]


def _write_times(times: Iterable[datetime | None]) -> list[str]:
    """Each time as `isoformat` has it, in quotes."""
    return _ENCODER.encode_lines(times).decode().replace('Z"', '+00:00"').split("\n")[:-1]


def _write_column(values: Iterable[object]) -> list[str]:
    """Each value as JSON; a line break inside one is written as two other characters."""
    return _ENCODER.encode_lines(values).decode().split("\n")[:-1]
