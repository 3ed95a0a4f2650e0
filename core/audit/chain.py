"""The hash of a row and the chain over audit entries; pure."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from core.domain.actor import AuditEntry

Seal = Callable[[bytes], str]
"""A keyed hash of a message, as hexadecimal digits: that of the installation's signing key."""

BEGINNING = "0" * 64
"""The chain before the first entry."""


def compute_link(seal: Seal, before: str, entry: AuditEntry) -> str:
    """Return the chain of an entry after the entry whose chain is `before`.

    The keyed hash covers every field, so that whoever can write to the database but has not the
    installation's key can neither change, add, remove nor reorder entries (Schneier and Kelsey
    1999; the last entries can be cut off, which the chain's end kept elsewhere shows)."""
    fields = {name: getattr(entry, name) for name in entry.__dataclass_fields__ if name != "chain"}
    return seal(before.encode() + b" " + _encode(fields))


def hash_row(row: Mapping[str, object]) -> str:
    """Return the SHA-256 of a row's columns in hexadecimal digits. A column without a value counts
    as no column, so that one added later changes no hash.

    >>> hash_row({"a": 1, "b": None}) == hash_row({"a": 1})
    True
    """
    columns = {name: value for name, value in row.items() if value is not None}
    return hashlib.sha256(_encode(columns)).hexdigest()


def digest_request(act: str, target: str, details: Mapping[str, object]) -> str:
    """Return the SHA-256 of everything that an approval is for."""
    return hashlib.sha256(_encode([act, target, dict(details)])).hexdigest()


def as_json(value: object) -> object:
    """Return a value as JSON would give it back, so that it has one hash before and after it was
    stored."""
    return msgspec.json.decode(_encode(value))


def _encode(value: object) -> bytes:
    return msgspec.json.encode(value, order="deterministic", enc_hook=_encode_other)


def _encode_other(value: object) -> object:
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in an audit entry")
