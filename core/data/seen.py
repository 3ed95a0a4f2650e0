"""Which rows a snapshot holds, so that what a version has learned from is not held for news."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from core.data.values import as_text
from core.domain.sample import Features
from core.domain.snapshot import EXTERNAL_ID, RESERVED, TARGET, Snapshot
from core.errors import NotFound, Refused
from core.paths import resolve_named

_PIECE = 2_000
_DIGITS = 9  # of a target; what came through a file differs behind these


@dataclass(frozen=True, slots=True)
class Seen:
    """The ids of a snapshot's rows, and what they say: features with what turned out to be true."""

    features: tuple[str, ...]
    ids: frozenset[str]
    contents: frozenset[bytes]

    def holds(self, row_id: str, features: Features, actual: float) -> bool:
        """Whether the row is in the snapshot: by its id, or because one there says the same."""
        return row_id in self.ids or _digest(features, self.features, actual) in self.contents


def read_seen(folder: Path, snapshot: Snapshot, features: Sequence[str]) -> Seen:
    """What the rows of a snapshot say in `features`, read in pieces. Raises `NotFound` where its
    file is gone, `Refused` where it cannot be read."""
    path = resolve_named(folder, snapshot.path)
    ids: set[str] = set()
    contents: set[bytes] = set()
    try:
        with pq.ParquetFile(path) as file:
            there = set(file.schema_arrow.names) - set(RESERVED)
            names = tuple(sorted(there & set(features)))
            for piece in file.iter_batches(_PIECE, columns=[EXTERNAL_ID, TARGET, *names]):
                for row in piece.to_pylist():
                    contents.add(_digest(row, names, row[TARGET]))
                    if row[EXTERNAL_ID] is not None:
                        ids.add(row[EXTERNAL_ID])
    except FileNotFoundError:
        raise NotFound(f"The rows of snapshot {snapshot.id} are gone: {path.name}.") from None
    except (pa.ArrowException, OSError) as error:
        raise Refused(f"Snapshot {snapshot.id} cannot be read ({error}).") from error
    return Seen(names, frozenset(ids), frozenset(contents))


def _digest(row: Features, names: Sequence[str], actual: float) -> bytes:
    """The same for the same words and numbers, whether a number stands as one or as its text."""
    values = [(name, as_text(row[name])) for name in names if row.get(name) is not None]
    content = msgspec.json.encode([values, round(actual, _DIGITS) + 0.0])
    return hashlib.blake2b(content, digest_size=16).digest()
