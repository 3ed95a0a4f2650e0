"""Pieces of raw rows by column, not yet interpreted, and Parquet read into them."""

import codecs
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

MAX_LINE_BYTES = 16_000_000
_CHUNK_BYTES = 1_000_000

_MAGIC = (
    (b"PAR1", "Parquet", "give it the ending .parquet"),
    (b"PK\x03\x04", "a zip or Excel file", "save the sheet as CSV, or unpack it"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file", "save the sheet as CSV"),
    (b"\x1f\x8b", "gzip-compressed", "unpack it"),
    (b"BZh", "bzip2-compressed", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed", "unpack it"),
    (b"%PDF", "a PDF", "save the table in it as CSV"),
    (b"SQLite format 3", "an SQLite database", "save the table as CSV"),
)


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
    repeatedly, a piece at a time, and what separates its values."""

    form: str
    notes: tuple[str, ...]
    read_pieces: Callable[[int], Iterator[RawPiece]]
    separator: str = ""


def check_size(path: Path, limit_bytes: int | None) -> int:
    """Return the size of a file in bytes. Raises `InvalidInput` if it is missing, empty or above
    the limit."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InvalidInput(f"'{path}' cannot be read ({error.strerror}): check the path.") from None
    if not path.is_file():
        raise InvalidInput(f"'{path}' is not a file: name a CSV, JSON, JSONL or Parquet file.")
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


def find_encoding(path: Path) -> str:
    """Return the encoding that the first bytes of a text file show. Raises `InvalidInput`, with the
    format that they look like, if they are not text."""
    try:
        with path.open("rb") as file:
            start = file.read(65_536)
    except OSError as error:
        raise InvalidInput(f"'{path}' cannot be read ({error.strerror}).") from None
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for magic, what, fix in _MAGIC:
        if start.startswith(magic):
            raise InvalidInput(f"'{path.name}' is not text but {what}: {fix}.")
    if b"\0" in start:
        raise InvalidInput(
            f"'{path.name}' is not text but binary data: save it as CSV, JSON, JSONL or Parquet."
        )
    if b"\r" in start and b"\n" not in start:
        raise InvalidInput(
            f"'{path.name}' ends its lines the way old Macs did (CR): save it with LF or CRLF."
        )
    return "utf-8"


def read_lines(path: Path, encoding: str) -> Iterator[tuple[str, int]]:
    """Yield each line of a text file with the bytes read so far, in bounded memory. Raises
    `InvalidInput` naming the line that is too long or not in the encoding."""
    lines = _utf16_lines(path) if encoding == "utf-16" else _utf8_lines(path)
    n_bytes = 0
    for number, (line, size) in enumerate(lines, start=1):
        n_bytes += size
        if size > MAX_LINE_BYTES:
            raise InvalidInput(
                f"Line {number} of '{path.name}' is longer than {MAX_LINE_BYTES // 10**6} MB: "
                "put each row on a line of its own."
            )
        yield line, n_bytes


def read_chunks(path: Path, encoding: str) -> Iterator[tuple[str, int]]:
    """Yield a text file in pieces of a megabyte with the bytes read so far. Raises `InvalidInput`
    naming the line that is not in the encoding."""
    name = "utf-16" if encoding == "utf-16" else "utf-8-sig"
    decoder = codecs.getincrementaldecoder(name)(errors="strict")
    n_bytes, n_lines = 0, 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK_BYTES)
            n_bytes += len(chunk)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line = n_lines + error.object.count(b"\n", 0, error.start) + 1
                raise _not_utf8(path, line, error.object[error.start]) from None
            n_lines += text.count("\n")
            if text:
                yield text, n_bytes
            if not chunk:
                return


def _utf8_lines(path: Path) -> Iterator[tuple[str, int]]:
    with path.open("rb") as file:
        for number in count(1):
            line = file.readline(MAX_LINE_BYTES + 1)
            if not line:
                return
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                if len(line) > MAX_LINE_BYTES:  # cut inside a character
                    text = ""
                else:
                    raise _not_utf8(path, number, line[error.start]) from None
            yield text, len(line)


def _utf16_lines(path: Path) -> Iterator[tuple[str, int]]:
    with path.open(encoding="utf-16", newline="") as file:
        for number in count(1):
            try:
                line = file.readline(MAX_LINE_BYTES // 2 + 1)
            except UnicodeError:
                raise InvalidInput(
                    f"'{path.name}' starts as UTF-16 and stops being it near line {number}: save "
                    "it as UTF-8."
                ) from None
            if not line:
                return
            yield line, 2 * len(line)


def _not_utf8(path: Path, number: int, byte: int) -> InvalidInput:
    guess = bytes([byte]).decode("cp1252", errors="replace")
    return InvalidInput(
        f"Line {number} of '{path.name}' is not UTF-8 (byte 0x{byte:02X}, a '{guess}' in Windows "
        "and Latin-1 files): save the file as UTF-8, for example with "
        f"`iconv -f CP1252 -t UTF-8 {path.name}`."
    )


def read_columnar(path: Path) -> RawTable:
    """Open a Parquet file. Raises `InvalidInput` if it cannot be read or names a column twice."""
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
