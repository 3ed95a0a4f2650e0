"""Private copies of files that wait for their import, each in its own folder and under our own
name."""

import hashlib
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import BinaryIO

from core.data.parsing.raw import too_large
from core.data.sources.files import SUFFIXES
from core.errors import Unavailable
from core.file_access import show_path

KEEP_SECONDS = 24 * 3600.0
"""Copies older than this are removed when the next file comes."""

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Upload:
    """A copy, and the SHA-256 of its content."""

    path: Path
    content_hash: str


def locate_upload(uploads: Path, key: str, name: str) -> Path:
    """Return the path of the copy of a file; `key` distinguishes files with one name. The path
    never leads out of `uploads`.

    >>> locate_upload(Path("up"), "../7", "../x/Rows.CSV").as_posix()
    'up/___7/kept-copy.csv'
    """
    ending = PurePath(name).suffix.lower()
    folder = re.sub(r"[^A-Za-z0-9_-]", "_", key)[:100] or "_"
    return uploads / folder / f"kept-copy{ending if ending in SUFFIXES else ''}"


def keep_upload(
    uploads: Path, key: str, name: str, file: BinaryIO, limit_bytes: int, now: datetime
) -> Upload:
    """Copy an open file to the path of `locate_upload`, and remove copies older than a day. Raises
    `InvalidInput` above the limit (the partial copy is removed), `Unavailable` if the folder cannot
    be written."""
    path = locate_upload(uploads, key, name)
    n_bytes = file.seek(0, os.SEEK_END)
    if n_bytes > limit_bytes:
        raise too_large(name, n_bytes, limit_bytes)
    file.seek(0)
    try:
        uploads.mkdir(parents=True, exist_ok=True)
        _remove_old(uploads, now)
        path.parent.mkdir(exist_ok=True)
        digest = _copy(file, path, name, limit_bytes)
    except OSError as error:
        remove_upload(path)
        raise Unavailable(
            f"{show_path(name)} cannot be kept in {uploads} ({error.strerror}): free some space, "
            "or make the folder writable."
        ) from None
    return Upload(path, digest)


def remove_upload(path: Path) -> None:
    """Remove a copy with its folder, if it exists."""
    shutil.rmtree(path.parent, ignore_errors=True)


def remove_uploads(uploads: Path) -> None:
    """Remove every copy: which of them hold a row cannot be told without reading them all."""
    if uploads.is_dir():
        for folder in uploads.iterdir():
            shutil.rmtree(folder, ignore_errors=True)


def _copy(file: BinaryIO, path: Path, name: str, limit_bytes: int) -> str:
    digest, n_bytes = hashlib.sha256(), 0
    with path.open("wb") as copy:
        while chunk := file.read(_CHUNK_BYTES):
            n_bytes += len(chunk)
            if n_bytes > limit_bytes:  # it grew meanwhile
                remove_upload(path)
                raise too_large(name, n_bytes, limit_bytes)
            digest.update(chunk)
            copy.write(chunk)
    return digest.hexdigest()


def _remove_old(uploads: Path, now: datetime) -> None:
    for folder in uploads.iterdir():
        with suppress(FileNotFoundError):  # another process was first
            if now.timestamp() - folder.stat().st_mtime > KEEP_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
