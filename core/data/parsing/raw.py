"""Pieces of raw rows by column, not yet interpreted, and Parquet read into them."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from core.domain.sample import Rejection
from core.errors import InvalidInput

ROWS_PER_PIECE = 2000
"""The rows of one short write transaction."""


@dataclass(frozen=True, slots=True)
class RawPiece:
    """Some rows of a file: their 1-based numbers, a list of values for each column, and the rows
    that could not be read; `share_read` is the share of the file."""

    rows: Sequence[int]
    columns: Mapping[str, Sequence[object]]
    rejections: tuple[Rejection, ...]
    share_read: float

    @property
    def n_received(self) -> int:
        """Return the number of rows of the file in this piece."""
        return len(self.rows) + len(self.rejections)


@dataclass(frozen=True, slots=True)
class RawTable:
    """A recognised file: its format in words, notes on how it is read, its rows, which can be read
    repeatedly, a piece at a time, what separates its values, and the columns that it says are a
    table's index."""

    form: str
    notes: tuple[str, ...]
    read_pieces: Callable[[int], Iterator[RawPiece]]
    separator: str = ""
    index: frozenset[str] = frozenset()


def check_size(path: Path, limit_bytes: int | None) -> int:
    """Return the size of a file in bytes. Raises `InvalidInput` if it is missing, empty or above
    the limit."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InvalidInput(f"'{path}' cannot be read ({error.strerror}): check the path.") from None
    if not path.is_file():
        raise InvalidInput(
            f"'{path}' is not a file: name a CSV, JSON, JSONL, Parquet or spreadsheet file."
        )
    if size == 0:
        raise InvalidInput(f"'{path.name}' is empty: there is nothing in it to import.")
    if limit_bytes is not None and size > limit_bytes:
        raise too_large(path.name, size, limit_bytes)
    return size


def too_large(name: str, n_bytes: int, limit_bytes: int) -> InvalidInput:
    """Return the refusal of a file above the limit."""
    return InvalidInput(
        f"'{name}' has {n_bytes / 1e6:,.0f} MB and the limit is {limit_bytes / 1e6:,.0f} MB: "
        "split it, save it as Parquet, or raise PLUMBLINE_UPLOAD_LIMIT_MB."
    )


def name_columns(given: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return a name of its own for each column of a file, and notes on those that the file does not
    give.

    >>> name_columns(["a", "", "a"])[0]
    ('a', 'column_2', 'a_2')
    """
    names = [name or f"column_{number}" for number, name in enumerate(given, start=1)]
    notes = [
        f"Column {number} has no name in the file: it is called '{names[number - 1]}' here."
        for number, name in enumerate(given, start=1)
        if not name
    ]
    taken = set(names)
    for repeated in [name for name, n in Counter(names).items() if n > 1]:
        places = [place for place, name in enumerate(names) if name == repeated]
        for place in places[1:]:
            free = (f"{repeated}_{n}" for n in count(2))
            names[place] = next(name for name in free if name not in taken)
            taken.add(names[place])
        later = ", ".join(f"'{names[place]}'" for place in places[1:4])
        notes.append(
            f"{len(places)} columns are named '{repeated}': after the first they are called "
            f"{later}{' …' if len(places) > 4 else ''} here."
        )
    return tuple(names), tuple(notes)


def read_columnar(path: Path) -> RawTable:
    """Open a Parquet file. Raises `InvalidInput` if it cannot be read."""
    schema = _open(path).schema_arrow
    names, notes = name_columns(schema.names)
    index = _find_index(schema.metadata)
    return RawTable("Parquet", notes, partial(_read_pieces, path, names), index=index)


def _find_index(metadata: Mapping[bytes, bytes] | None) -> frozenset[str]:
    """Return the columns that pandas wrote as the index of its table."""
    try:
        said = json.loads((metadata or {}).get(b"pandas", b"{}"))
        columns = said.get("index_columns", []) if isinstance(said, dict) else []
    except ValueError:  # what another program wrote there
        return frozenset()
    return frozenset(name for name in columns if isinstance(name, str))


def _read_pieces(path: Path, names: Sequence[str], n: int) -> Iterator[RawPiece]:
    import pyarrow  # not at the top: reading no Parquet, the API does not pay for it

    file = _open(path)
    n_rows = max(file.metadata.num_rows, 1)
    done = 0
    try:
        for batch in file.iter_batches(batch_size=n):
            rows = range(done + 1, done + batch.num_rows + 1)
            done += batch.num_rows
            columns = {
                name: _plain(column).to_pylist()
                for name, column in zip(names, batch.columns, strict=True)
            }
            yield RawPiece(rows, columns, (), done / n_rows)
    except MemoryError:  # Arrow's own is one of its exceptions too
        raise
    except (pyarrow.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _plain(column: Any) -> Any:
    """Return a column whose times have at most microseconds, as Python's."""
    import pyarrow  # not at the top: see above

    if pyarrow.types.is_timestamp(column.type):
        return column.cast(pyarrow.timestamp("us", column.type.tz), safe=False)
    return column


def _open(path: Path) -> Any:
    import pyarrow  # not at the top: see above
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(path)
    except MemoryError:  # Arrow's own is one of its exceptions too
        raise
    except (pyarrow.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> InvalidInput:
    detail = str(error).strip().splitlines()[0][:120]
    return InvalidInput(
        f"'{path.name}' cannot be read as Parquet ({detail}): it is cut short or not Parquet; "
        "write it again."
    )
