"""JSON in its three shapes (an array, `{"rows": […]}`, one object a line), one object at a time."""

import json
import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from core.data.parsing.json_shapes import WRAPPERS, describe_lists, flatten_row, unwrap
from core.data.parsing.notation import BadValue
from core.data.parsing.raw import RawPiece, RawTable
from core.data.parsing.text_lines import describe_encoding, find_encoding, read_chunks, read_lines
from core.domain.sample import Rejection
from core.errors import InvalidInput

_BLANK = re.compile(r"\s*")
_ROWS_KEY = re.compile(r'\{\s*"(?:' + "|".join(WRAPPERS) + r')"\s*:\s*\[(?=\s*[{\]])')
_COMMA_BEFORE = re.compile(r",\s*[}\]]\Z")
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])')
_LOOKED_AT = 20
_MAX_ROW = 16_000_000


def read_documents(path: Path) -> RawTable:
    """Open a JSON or JSONL file. Raises `InvalidInput` for any other."""
    encoding = find_encoding(path)
    start = _read_start(path, encoding)
    wrapped = _ROWS_KEY.match(start)
    read: _Read
    if start.startswith("[") or wrapped:
        opening = wrapped.end() if wrapped else 1
        form, read = "an array of rows", partial(_read_array, path, encoding, opening)
    elif start.startswith("{"):
        form, read = "one object a line", partial(_read_objects, path, encoding)
    else:
        raise InvalidInput(
            f"'{path.name}' does not look like JSON: an array, an object with \"rows\", or one "
            "object a line is needed."
        )
    first = [row for row, _ in islice(read(), _LOOKED_AT)]
    notes = (*describe_encoding(encoding), *describe_lists(first))
    return RawTable(f"JSON ({form})", notes, partial(_read_pieces, path, read))


def _read_pieces(path: Path, read: "_Read", n: int) -> Iterator[RawPiece]:
    size = path.stat().st_size
    rows: list[int] = []
    values: list[dict[str, object]] = []
    rejections: list[Rejection] = []
    for number, (row, n_bytes) in enumerate(read(), start=1):
        try:
            values.append(flatten_row(row))
            rows.append(number)
        except BadValue as error:
            rejections.append(Rejection(number, error.message, error.code))
        if len(rows) + len(rejections) == n:
            yield _piece(rows, values, rejections, min(n_bytes / size, 1.0))
            rows, values, rejections = [], [], []
    if rows or rejections:
        yield _piece(rows, values, rejections, 1.0)


_Row = tuple[object, int]
_Read = partial[Iterator[_Row]]


def _piece(
    rows: list[int],
    values: list[dict[str, object]],
    rejections: list[Rejection],
    share_read: float,
) -> RawPiece:
    names = dict.fromkeys(name for row in values for name in row)
    columns = {name: [row.get(name) for row in values] for name in names}
    return RawPiece(rows, columns, tuple(rejections), share_read)


def _read_start(path: Path, encoding: str) -> str:
    for chunk, _ in read_chunks(path, encoding):
        if chunk.strip():
            return chunk.lstrip()[:1000]
    raise InvalidInput(f"'{path.name}' holds nothing but blanks: there is nothing to import.")


def _read_objects(path: Path, encoding: str) -> Iterator[_Row]:
    """Yield the object of each line, or objects of several lines if the first line is only a
    start; of an object that is alone, the rows that it holds."""
    rows = _read_each(path, encoding)
    first, second = next(rows, None), next(rows, None)
    if first is None:
        return
    inner = unwrap(first[0]) if second is None else None
    yield from [first] if inner is None else ((row, first[1]) for row in inner)
    if second is not None:
        yield second
    yield from rows


def _read_each(path: Path, encoding: str) -> Iterator[_Row]:
    decoder = _decoder()
    first = True
    for line, n_bytes in read_lines(path, encoding):
        if not line.strip():
            continue
        try:
            row: object = _decode_line(decoder, line)
        except json.JSONDecodeError as error:
            if first:
                yield from _read_array(path, encoding, None)
                return
            row = BadValue("not_json", f"is not valid JSON ({error.msg} at character {error.pos})")
        except ValueError:
            row = BadValue("not_json", "holds a number of thousands of digits")
        except RecursionError:
            row = BadValue("not_json", "is nested too deeply")
        yield row, n_bytes
        first = False


def _decode_line(decoder: json.JSONDecoder, line: str) -> object:
    try:
        return decoder.decode(line)
    except json.JSONDecodeError:
        mended = _TRAILING_COMMA.sub(lambda found: found[1] or "", line)
        if mended == line:
            raise
        return decoder.decode(mended)


def _read_array(path: Path, encoding: str, opening: int | None) -> Iterator[_Row]:
    """Yield the elements of an array that opens after `opening` characters, or objects in sequence
    if it is None. Each element is decoded once it is complete, so memory is bounded."""
    decoder = _decoder()
    text = _Text(path, encoding)
    text.skip_blanks()
    text.at += opening or 0
    while True:
        character = text.skip_blanks()
        if character == "" and opening is None:
            return
        if character == "]" and opening is not None:
            return
        yield _decode_next(decoder, text), text.n_bytes
        if opening is not None and text.skip_blanks() == ",":
            text.at += 1
        elif opening is not None and text.skip_blanks() != "]":
            raise text.error("a comma or the array's closing bracket is missing")


def _decode_next(decoder: json.JSONDecoder, text: "_Text") -> object:
    while True:
        start = text.at
        try:
            row, end = decoder.raw_decode(text.buffer, start)
        except json.JSONDecodeError as error:
            if text.drop_comma(error.pos):
                continue
            if len(text.buffer) - start > _MAX_ROW:
                raise text.too_long(_MAX_ROW) from None
            if not text.fill():
                raise text.error(error.msg, error.pos - start) from None
            continue
        except ValueError:
            raise text.error("a number of thousands of digits") from None
        except RecursionError:
            raise text.error("nested too deeply") from None
        if end == len(text.buffer) and text.fill():
            continue  # a number may go on in the next chunk
        text.at += end - start
        return row


class _Text:
    """A window that moves forward over a text; `n_bytes` and lines count from its start."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._name = path.name
        self._chunks = read_chunks(path, encoding)
        self._n_lines_gone = 0
        self.buffer = ""
        self.at = 0
        self.n_bytes = 0

    def fill(self) -> bool:
        """Add the next chunk and drop the used part; return False at the end of the text."""
        self._n_lines_gone += self.buffer.count("\n", 0, self.at)
        chunk, self.n_bytes = next(self._chunks, ("", self.n_bytes))
        self.buffer = self.buffer[self.at :] + chunk
        self.at = 0
        return chunk != ""

    def drop_comma(self, position: int) -> bool:
        """Blank a comma that stands before the bracket at a position; return whether there is
        one."""
        bracket = _COMMA_BEFORE.search(self.buffer, max(self.at, position - 1000), position + 1)
        if bracket is None:
            return False
        comma = bracket.start()
        self.buffer = f"{self.buffer[:comma]} {self.buffer[comma + 1 :]}"
        return True

    def too_long(self, limit: int) -> InvalidInput:
        """Return the refusal of a value that is longer than a row may be."""
        return InvalidInput(
            f"'{self._name}' holds all of its rows in one JSON value of more than "
            f"{limit // 10**6} MB: write one object a line, with pandas by "
            "`frame.to_json(path, orient='records', lines=True)`."
        )

    def skip_blanks(self) -> str:
        """Move to the next character that is not blank, and return it; empty at the end."""
        while True:
            match = _BLANK.match(self.buffer, self.at)
            assert match is not None  # the pattern matches the empty string
            self.at = match.end()
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self.fill():
                return ""

    def error(self, what: str, position: int | None = None) -> InvalidInput:
        """Return an error that names the line of a position."""
        end = self.at if position is None else position
        line = self._n_lines_gone + self.buffer.count("\n", 0, end) + 1
        return InvalidInput(
            f"'{self._name}' is not valid JSON near line {line} ({what}): nothing after it can be "
            "read, so nothing was imported."
        )


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=_no_name_twice)


def _no_name_twice(pairs: list[tuple[str, object]]) -> object:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = [name for name, _ in pairs]
    twice = next(name for name in names if names.count(name) > 1)
    return BadValue("named_twice", f"it names '{twice}' twice")  # raised when the row is flattened
