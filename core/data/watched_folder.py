"""The watched folder: each finished file in it is imported once, regardless of the others."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec

from core.data.collect import take_file
from core.data.context import CollectContext
from core.data.sources.contract import CollectionRequest, SourceKind
from core.data.sources.preview import preview_file
from core.data.uploads import Upload, keep_upload, remove_upload
from core.domain.dataset import Severity
from core.domain.job import Progress
from core.domain.sample import ColumnMapping
from core.domain.source import CollectionOutcome, Look, Source, WatchedFile, Watermark
from core.errors import Cancelled, Incomplete, InvalidInput, OpsError
from core.file_access import open_folder, open_regular, show_path
from core.log import get_logger
from core.store.data import samples as sample_rows
from core.store.data import sources, watched_files
from core.store.engine.database import Database

SOURCE = "folder"
SETTLE_SECONDS = 2.0
"""A file that is still written looks different after this time."""

_PARTIAL = (".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".download", ".swp")

_EARLIER = 10
_MAX_ATTEMPTS = 3

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Entries:
    """The folder's files by name, and the names of its links."""

    files: tuple[Look, ...]
    links: tuple[str, ...]
    n_misnamed: int  # whose names are not UTF-8


def collect_folder(
    context: CollectContext,
    folder: Path,
    *,
    uploads: Path,
    limit_bytes: int,
    below: Path | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Source:
    """Import the new files of the folder, and return the outcome, failures included. Content that
    was imported before under any name is not imported again. A file that cannot be read is named
    with the reason, and tried again once it changed. A file that ended the process comes last the
    next time, and is set aside after three times.

    With `below`, the folder is that one or lies in it when it is opened. No link is followed, and
    what is read is a copy in `uploads`, so that nothing can be put in a file's place meanwhile.

    Raises `Cancelled` where `progress` does, and `Conflict` where another process has begun to
    look; what was imported by then stays."""
    db, now = context.db, context.now
    with db.write() as conn:
        source = sources.begin_attempt(conn, SOURCE, {"folder": str(folder)}, now())
        known = watched_files.load_files(conn)
        attempts = watched_files.load_attempts(conn)
    try:
        with _open(folder, below) as opened:
            looks = find_finished(opened, folder, known, wait)
            looks.sort(key=lambda look: attempts.get(look, 0))
            taken = []
            for place, look in enumerate(looks):
                hear = _report(context.progress, look.name, place, len(looks))
                n_before = attempts.get(look, 0)
                if n_before >= _MAX_ATTEMPTS:
                    taken.append(_set_aside(db, look, n_before, now))
                    continue
                with db.write() as conn:
                    watched_files.begin_attempt(conn, look, n_before + 1)
                taken.append(_take(context.report_to(hear), opened, uploads, look, limit_bytes))
            there = _list_entries(opened, folder)
        failures = _list_failures(taken, known, {look.name for look in there.files})
        source = replace(
            source,
            watermark=Watermark(source.started_at),
            outcome=CollectionOutcome.FAILED if failures else CollectionOutcome.COLLECTED,
            message=_describe(taken, failures, there),
            n_received=sum(file.n_received for file in taken),
            n_new=sum(file.n_new for file in taken),
        )
    except Cancelled:
        raise
    except OpsError as error:
        source = replace(
            source, outcome=CollectionOutcome.FAILED, message=str(error), n_received=0, n_new=0
        )
    with db.write() as conn:
        sources.save_source(conn, replace(source, finished_at=now()))
    log.info("folder_collected", outcome=str(source.outcome), n_new=source.n_new)
    return source


def find_finished(
    opened: int, folder: Path, known: dict[str, WatchedFile], wait: Callable[[float], None]
) -> list[Look]:
    """Return the files of the opened folder that are new or changed and equal at two looks, by
    name; links, hidden files and unfinished downloads are left out. Raises `InvalidInput` if the
    folder cannot be read."""
    first = [look for look in _list_entries(opened, folder).files if _is_new(look, known)]
    if not first:
        return []
    wait(SETTLE_SECONDS)
    second = set(_list_entries(opened, folder).files)
    return [look for look in first if look in second]


def _is_new(look: Look, known: dict[str, WatchedFile]) -> bool:
    return look.name not in known or known[look.name].look != look


@contextmanager
def _open(folder: Path, below: Path | None) -> Iterator[int]:
    try:
        with open_folder(below or folder, folder) as opened:
            yield opened
    except FileNotFoundError:
        raise InvalidInput(
            f"The watched folder {folder} does not exist: make it, or correct "
            "PLUMBLINE_WATCH_FOLDER."
        ) from None
    except OSError as error:
        raise _unreadable(folder, error) from None


def _list_entries(opened: int, folder: Path) -> _Entries:
    files, links, n_misnamed = [], [], 0
    try:
        with os.scandir(opened) as entries:
            for entry in entries:
                if entry.name.startswith((".", "~")) or _is_partial(entry.name):
                    continue
                if not _is_utf8(entry.name):
                    n_misnamed += 1
                elif entry.is_symlink():
                    links.append(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    found = entry.stat(follow_symlinks=False)
                    files.append(Look(entry.name, found.st_size, found.st_mtime_ns))
    except OSError as error:
        raise _unreadable(folder, error) from None
    return _Entries(
        tuple(sorted(files, key=lambda look: look.name)), tuple(sorted(links)), n_misnamed
    )


def _is_utf8(name: str) -> bool:
    """Return whether a name is text; other bytes come as lone surrogates, which no store takes."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _is_partial(name: str) -> bool:
    return Path(name).suffix.lower() in _PARTIAL


def _unreadable(folder: Path, error: OSError) -> InvalidInput:
    return InvalidInput(
        f"The watched folder {folder} cannot be read ({error.strerror}): let Plumbline's user "
        "read it, or correct PLUMBLINE_WATCH_FOLDER."
    )


def _take(
    context: CollectContext, opened: int, uploads: Path, look: Look, limit_bytes: int
) -> WatchedFile:
    """Import one file and log the outcome. If the process dies between the two, the next look
    imports the file again, finds its rows in the store, and the attempt stays logged."""
    db, now = context.db, context.now
    content_hash, n_received, n_new, error = "", 0, 0, None
    try:
        with _copied(opened, look.name, uploads, limit_bytes, now()) as upload:
            content_hash = upload.content_hash
            with db.read() as conn:
                same = watched_files.find_import(conn, content_hash)
            if same is None:
                mapping = _choose_mapping(db, upload.path, look.name, limit_bytes)
                collection = take_file(
                    context, upload.path, mapping, name=look.name, limit_bytes=limit_bytes
                )
                n_received, n_new = collection.n_received, collection.n_new
    except (InvalidInput, Incomplete) as refused:
        error = str(refused)
        log.warning("watched_file_refused", file=look.name, error=error)
    except OpsError:
        with db.write() as conn:
            watched_files.end_attempt(conn, look.name)
        raise
    file = WatchedFile(look, content_hash, now(), n_received, n_new, error)
    with db.write() as conn:
        watched_files.append_file(conn, file)
    return file


def _set_aside(
    db: Database, look: Look, n_attempts: int, now: Callable[[], datetime]
) -> WatchedFile:
    error = (
        f"'{look.name}' is set aside: reading it ended the process {n_attempts} times, as a file "
        "does that needs more memory than there is. Split it, or export it anew; it is tried again "
        "when it has changed."
    )
    log.error("watched_file_set_aside", file=look.name, n_attempts=n_attempts)
    file = WatchedFile(look, "", now(), 0, 0, error)
    with db.write() as conn:
        watched_files.append_file(conn, file)
    return file


def _choose_mapping(db: Database, path: Path, name: str, limit_bytes: int) -> ColumnMapping:
    """Return the columns chosen in the last import of this name, else the guessed ones. Raises
    `InvalidInput` where a guess is none that a person would stand by."""
    with db.read() as conn:
        earlier = sample_rows.load_collections(conn, _EARLIER, f"file:{name}")
    for collection in earlier:
        if collection.finished_at is not None:
            return msgspec.convert(collection.mapping, ColumnMapping)
    preview = preview_file(path, limit_bytes, name)
    for problem in preview.problems:
        if problem.severity is Severity.BLOCKING:
            raise InvalidInput(problem.sentence)
    return preview.mapping


@contextmanager
def _copied(
    opened: int, name: str, uploads: Path, limit_bytes: int, now: datetime
) -> Iterator[Upload]:
    """Yield a private copy of a file, and remove it afterwards."""
    with open_regular(opened, name) as file:
        upload = keep_upload(uploads, f"watched-{os.getpid()}", name, file, limit_bytes, now)
    try:
        yield upload
    finally:
        remove_upload(upload.path)


def _list_failures(
    taken: Sequence[WatchedFile], known: dict[str, WatchedFile], names: set[str]
) -> list[str]:
    """Return the errors of the files that could not be read and still lie there."""
    files = {**known, **{file.look.name: file for file in taken}}
    return [
        file.error
        for name, file in sorted(files.items())
        if file.error is not None and name in names
    ]


def _describe(taken: Sequence[WatchedFile], failures: Sequence[str], there: _Entries) -> str:
    imported = [file for file in taken if file.error is None]
    n_rows = sum(file.n_new for file in imported)
    said = f"{len(imported)} new files, {n_rows:,} new rows." if imported else "No new file."
    if failures:
        said += f" {len(failures)} cannot be read: {' '.join(failures)}"
    if there.links:
        n_more = len(there.links) - 1
        are = f" and {n_more} more are links, which are" if n_more else " is a link, which is"
        said += f" {show_path(there.links[0])}{are} not followed: put the files themselves there."
    if there.n_misnamed:
        said += f" {there.n_misnamed} have a name that is not UTF-8: rename them."
    return said


def _report(progress: Progress, name: str, place: int, n_files: int) -> Progress:
    return lambda share, text: progress((place + share) / n_files, f"{name}: {text}")


def _collect(asked: CollectionRequest, progress: Progress) -> list[Source]:
    settings = asked.settings
    if settings.watch_folder is None:
        return []
    source = collect_folder(
        asked.with_progress(progress),
        settings.watch_folder,
        below=settings.watch_below,
        uploads=settings.uploads,
        limit_bytes=settings.upload_limit_mb * 1_000_000,
    )
    return [source]


KIND = SourceKind(SOURCE, _collect)
