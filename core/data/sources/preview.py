"""A preview of a file before its import, in a process of its own with limits on memory and time if
the file may expand."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from core.data.parsing.raw import check_size, read_columnar
from core.data.sources.file_preview import FilePreview, read_preview
from core.data.sources.file_problems import find_problems
from core.data.sources.files import SUFFIXES, named
from core.data.sources.limits import limit_process, start_reader, too_much_memory
from core.data.sources.spreadsheets import read_spreadsheet
from core.errors import InvalidInput

PREVIEW_BYTES = 1_000_000_000
"""The memory for a preview, which includes that of Python and Arrow."""

PREVIEW_SECONDS = 30

READING_BYTES = 2_000_000_000
"""The memory that an import may take for the rows that it holds at once."""

_PLAIN_BYTES = 1_000_000  # a text file up to here cannot take more than a few dozen times its size


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer of the process: a preview, or the refusal of the file."""

    preview: FilePreview | None = None
    refused: str = ""


def preview_file(
    path: Path, limit_bytes: int | None = None, name: str | None = None
) -> FilePreview:
    """Return the first rows of a file with guessed column roles; messages call it `name`. Raises
    `InvalidInput` if it is above the limit, empty, has no rows, does not match its ending, or takes
    too much memory or time."""
    called = name or path.name
    with named(path, called):
        if check_size(path, limit_bytes) <= _PLAIN_BYTES and not _may_expand(path):
            preview = read_preview(path)
        else:
            preview = _look(path)
    return replace(preview, name=called, problems=find_problems(preview, preview.mapping))


@contextmanager
def limited_memory(n_bytes: int, name: str) -> Iterator[None]:
    """Limit the additional memory of this process while a file is read. Raises `InvalidInput` if it
    is not enough. Does nothing on a system that does not count memory."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    taken = _count_taken()
    try:
        if taken is not None:
            limit = (
                taken + n_bytes if soft == resource.RLIM_INFINITY else min(taken + n_bytes, soft)
            )
            resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
        yield
    except MemoryError:
        raise too_much_memory(name, n_bytes) from None
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _look(path: Path) -> FilePreview:
    """Return the preview from a process of its own, which gets none of our settings."""
    process = start_reader(__name__, path)
    try:
        answered, _ = process.communicate(timeout=PREVIEW_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise InvalidInput(
            f"'{path.name}' could not be looked at within {PREVIEW_SECONDS} seconds: split it, or "
            "save it as CSV."
        ) from None
    if process.returncode != 0:  # without memory a library aborts, and the system kills
        raise too_much_memory(path.name, PREVIEW_BYTES)
    answer = msgspec.json.decode(answered, type=_Answer)
    if answer.preview is None:
        raise InvalidInput(answer.refused)
    return answer.preview


def _may_expand(path: Path) -> bool:
    return SUFFIXES.get(path.suffix.lower()) in (read_columnar, read_spreadsheet)


def _count_taken() -> int | None:
    """Return the bytes that count against the limit now; None if the system does not count them."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return None


def _answer(path: Path) -> _Answer:
    """Read the file under the limits, in a process that does nothing else."""
    limit_process(PREVIEW_BYTES, PREVIEW_SECONDS)
    try:
        return _Answer(read_preview(path))
    except InvalidInput as error:
        return _Answer(refused=str(error))
    except MemoryError:
        return _Answer(refused=str(too_much_memory(path.name, PREVIEW_BYTES)))


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(_answer(Path(sys.argv[1]))))
