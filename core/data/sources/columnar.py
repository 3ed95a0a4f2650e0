"""Parquet, a batch of rows at a time."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from core.data.sources.raw import RawPiece, RawTable
from core.errors import InvalidInput


def read_columnar(path: Path) -> RawTable:
    """A Parquet file. Raises `InvalidInput` where it cannot be read or names a column twice."""
    names = _open(path).schema_arrow.names
    repeated = [name for name, n in Counter(names).items() if n > 1]
    if repeated:
        shown = ", ".join(f"'{name}'" for name in repeated[:10])
        raise InvalidInput(
            f"'{path.name}' names {shown} more than once: give each column a name of its own."
        )
    return RawTable("Parquet", (), partial(_read_pieces, path))


def _read_pieces(path: Path, n: int) -> Iterator[RawPiece]:
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
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            }
            yield RawPiece(rows, columns, (), done / n_rows)
    except MemoryError:  # Arrow's own is one of its exceptions too
        raise
    except (pyarrow.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _plain(column: Any) -> Any:
    """A column whose times fit Python's: to the microsecond."""
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
