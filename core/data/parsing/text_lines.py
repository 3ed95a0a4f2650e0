"""The encoding of a text file, and its lines and pieces in bounded memory."""

import codecs
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from core.errors import InvalidInput

MAX_LINE_BYTES = 16_000_000
_CHUNK_BYTES = 1_000_000
_START_BYTES = 65_536

_MAGIC = (
    (b"PAR1", "Parquet", "give it the ending .parquet"),
    (b"PK\x03\x04", "a zip or a spreadsheet", "give it the ending .xlsx or .ods, or unpack it"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file", "give it the ending .xls"),
    (b"\x1f\x8b", "gzip-compressed", "unpack it"),
    (b"BZh", "bzip2-compressed", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed", "unpack it"),
    (b"%PDF", "a PDF", "save the table in it as CSV"),
    (b"SQLite format 3", "an SQLite database", "save the table as CSV"),
)
_CONTROL = bytes({*range(9), *range(14, 32)} - {26})
_LETTER_OF_UTF_8 = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_NOT_WINDOWS = re.compile(rb"[\x81\x8d\x8f\x90\x9d]|[\x80-\xff]{3}|\0")
"""Bytes that Windows-1252 has not, or that no Western word has: three such letters in a row."""


def find_encoding(path: Path) -> str:
    """Return the encoding of a text file: UTF-8, UTF-16, or Windows-1252 where every byte fits.
    Raises `InvalidInput`, with the format that it looks like, if it is no text, and with the line
    if its encoding is another."""
    try:
        with path.open("rb") as file:
            start = file.read(_START_BYTES)
    except OSError as error:
        raise InvalidInput(f"'{path}' cannot be read ({error.strerror}).") from None
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for magic, what, fix in _MAGIC:
        if start.startswith(magic):
            raise InvalidInput(f"'{path.name}' is not text but {what}: {fix}.")
    for name, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if len(zeros) > 1 and zeros.count(0) > 0.8 * len(zeros):
            return name
    if b"\0" in start and len(start) - len(start.translate(None, _CONTROL)) > 0.1 * len(start):
        raise InvalidInput(
            f"'{path.name}' is not text but binary data: save it as CSV, JSON, JSONL, Parquet or "
            "XLSX."
        )
    return _find_byte_encoding(path)


def describe_encoding(encoding: str) -> tuple[str, ...]:
    """Return the notes on a file in this encoding."""
    if encoding != "cp1252":
        return ()
    return ("The file is not UTF-8: it is read as Windows-1252. Look at its accents.",)


def read_lines(path: Path, encoding: str) -> Iterator[tuple[str, int]]:
    """Yield each line of a text file with the bytes read so far, in bounded memory. Raises
    `InvalidInput` naming the line that is too long or not in the encoding."""
    if encoding == "utf-8" and not _ends_lines_with_returns(path):
        lines = _utf8_lines(path)
    else:
        lines = _other_lines(path, encoding)
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
    name = "utf-8-sig" if encoding == "utf-8" else encoding
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


def _find_byte_encoding(path: Path) -> str:
    """Return UTF-8, or Windows-1252 for a file that is not UTF-8 and has no letter of it, so that
    two encodings in one file never become nonsense."""
    try:
        for _ in read_chunks(path, "utf-8"):
            pass
    except InvalidInput:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                if _LETTER_OF_UTF_8.search(chunk) or _NOT_WINDOWS.search(chunk):
                    raise
        return "cp1252"
    return "utf-8"


def _ends_lines_with_returns(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(_START_BYTES)
    return b"\r" in start and b"\n" not in start


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


def _other_lines(path: Path, encoding: str) -> Iterator[tuple[str, int]]:
    """Yield the lines of a file in another encoding, or that end with CR as on old Macs."""
    newline = None if _ends_lines_with_returns(path) else ""
    name, width = ("utf-8-sig", 1) if encoding == "utf-8" else (encoding, 2)
    width = 1 if encoding == "cp1252" else width
    with path.open(encoding=name, newline=newline) as file:
        for number in count(1):
            try:
                line = file.readline(MAX_LINE_BYTES // width + 1)
            except UnicodeError:
                raise InvalidInput(
                    f"'{path.name}' starts as {encoding.upper()} and stops being it near line "
                    f"{number}: save it as UTF-8."
                ) from None
            if not line:
                return
            yield line, width * len(line)


def _not_utf8(path: Path, number: int, byte: int) -> InvalidInput:
    guess = bytes([byte]).decode("cp1252", errors="replace")
    return InvalidInput(
        f"Line {number} of '{path.name}' is not UTF-8 (byte 0x{byte:02X}, a '{guess}' in Windows "
        "and Latin-1 files): save the file as UTF-8, for example with "
        f"`iconv -f CP1252 -t UTF-8 {path.name}`."
    )
