"""The watched folder: every finished file in it is imported once, whatever the others are like."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec

from core.data.collect import take_file
from core.data.sources.contract import Asked, Kind
from core.data.sources.files import preview_file
from core.domain.job import Progress
from core.domain.mapping import ColumnMapping
from core.domain.source import Outcome, Source, Watermark
from core.domain.watched_file import Look, WatchedFile
from core.errors import Cancelled, InvalidInput, OpsError
from core.log import get_logger
from core.settings import Scale
from core.store import samples as sample_rows
from core.store import sources, watched_files
from core.store.database import Database

SOURCE = "folder"
SETTLE_SECONDS = 2.0
"""A file that is being written looks different after so long."""

_PARTIAL = (".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".download", ".swp")

_EARLIER = 10
_MAX_ATTEMPTS = 3

log = get_logger(__name__)


def collect_folder(
    db: Database,
    folder: Path,
    *,
    scale: Scale,
    limit_bytes: int,
    by: str,
    now: Callable[[], datetime],
    progress: Progress,
    wait: Callable[[float], None] = time.sleep,
) -> Source:
    """Import what is new in the folder; how that went, a failure too. A file whose content was
    imported before, under whatever name, is not imported again; one that cannot be read is named
    with its sentence, and tried again when it has changed. One whose reading ended the process
    comes last the next time, and is set aside after three times.

    Raises `Cancelled` where `progress` does, and `Conflict` where another process has begun to
    look; what was imported by then stays."""
    with db.write() as conn:
        source = sources.begin_attempt(conn, SOURCE, {"folder": str(folder)}, now())
        known = watched_files.load_files(conn)
        attempts = watched_files.load_attempts(conn)
    try:
        looks = find_finished(folder, known, wait)
        looks.sort(key=lambda look: attempts.get(look, 0))
        taken = []
        for place, look in enumerate(looks):
            reported = _report(progress, look.name, place, len(looks))
            n_before = attempts.get(look, 0)
            if n_before >= _MAX_ATTEMPTS:
                taken.append(_set_aside(db, look, n_before, now))
                continue
            with db.write() as conn:
                watched_files.begin_attempt(conn, look, n_before + 1)
            taken.append(_take(db, folder, look, scale, limit_bytes, by, now, reported))
        failures = _list_failures(taken, known, folder)
        source = replace(
            source,
            watermark=Watermark(source.started_at),
            outcome=Outcome.FAILED if failures else Outcome.COLLECTED,
            message=_describe(taken, failures),
            n_received=sum(file.n_received for file in taken),
            n_new=sum(file.n_new for file in taken),
        )
    except Cancelled:
        raise
    except OpsError as error:
        source = replace(source, outcome=Outcome.FAILED, message=str(error), n_received=0, n_new=0)
    with db.write() as conn:
        sources.save_source(conn, replace(source, finished_at=now()))
    log.info("folder_collected", outcome=str(source.outcome), n_new=source.n_new)
    return source


def find_finished(
    folder: Path, known: dict[str, WatchedFile], wait: Callable[[float], None]
) -> list[Look]:
    """The files that are not known as they are now, and are the same at two looks, by name; hidden
    ones and those with the ending of a download are none. Raises `InvalidInput` where the folder
    cannot be read."""
    first = [look for look in _look(folder) if _is_new(look, known)]
    if not first:
        return []
    wait(SETTLE_SECONDS)
    second = set(_look(folder))
    return [look for look in first if look in second]


def _is_new(look: Look, known: dict[str, WatchedFile]) -> bool:
    return look.name not in known or known[look.name].look != look


def _look(folder: Path) -> list[Look]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_file())
        looks = [(path, path.stat()) for path in paths]
    except FileNotFoundError:
        raise InvalidInput(
            f"The watched folder {folder} does not exist: make it, or correct "
            "PLUMBLINE_WATCH_FOLDER."
        ) from None
    except OSError as error:
        raise InvalidInput(
            f"The watched folder {folder} cannot be read ({error.strerror}): let Plumbline's user "
            "read it, or correct PLUMBLINE_WATCH_FOLDER."
        ) from None
    return [
        Look(path.name, stat.st_size, stat.st_mtime_ns)
        for path, stat in looks
        if not path.name.startswith((".", "~")) and path.suffix.lower() not in _PARTIAL
    ]


def _take(
    db: Database,
    folder: Path,
    look: Look,
    scale: Scale,
    limit_bytes: int,
    by: str,
    now: Callable[[], datetime],
    progress: Progress,
) -> WatchedFile:
    """Import one file and keep what came of it. Where the process dies in between, the next look
    imports it again and finds its rows there already; the attempt then stays noted."""
    path = folder / look.name
    content_hash, n_received, n_new, error = "", 0, 0, None
    try:
        content_hash = _hash(path)
        with db.read() as conn:
            same = watched_files.find_import(conn, content_hash)
        if same is None:
            mapping = _choose_mapping(db, path, limit_bytes)
            collection = take_file(
                db, path, mapping, name=look.name, scale=scale, by=by, now=now, progress=progress
            )
            n_received, n_new = collection.n_received, collection.n_new
    except InvalidInput as refused:
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


def _choose_mapping(db: Database, path: Path, limit_bytes: int) -> ColumnMapping:
    """The columns as they were chosen for the last import of this name, else guessed."""
    with db.read() as conn:
        earlier = sample_rows.load_collections(conn, _EARLIER, f"file:{path.name}")
    for collection in earlier:
        if collection.finished_at is not None:
            return msgspec.convert(collection.mapping, ColumnMapping)
    return preview_file(path, limit_bytes).mapping


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInput(
            f"'{path.name}' cannot be read ({error.strerror}): let Plumbline's user read it."
        ) from None


def _list_failures(
    taken: Sequence[WatchedFile], known: dict[str, WatchedFile], folder: Path
) -> list[str]:
    """The sentences of the files that could not be read, now or before, and still lie there."""
    files = {**known, **{file.look.name: file for file in taken}}
    return [
        file.error
        for name, file in sorted(files.items())
        if file.error is not None and (folder / name).is_file()
    ]


def _describe(taken: Sequence[WatchedFile], failures: Sequence[str]) -> str:
    imported = [file for file in taken if file.error is None]
    n_rows = sum(file.n_new for file in imported)
    said = f"{len(imported)} new files, {n_rows:,} new rows." if imported else "No new file."
    if failures:
        said += f" {len(failures)} cannot be read: {' '.join(failures)}"
    return said


def _report(progress: Progress, name: str, place: int, n_files: int) -> Progress:
    return lambda share, text: progress((place + share) / n_files, f"{name}: {text}")


def _collect(asked: Asked, progress: Progress) -> list[Source]:
    settings = asked.settings
    if settings.watch_folder is None:
        return []
    source = collect_folder(
        asked.db,
        settings.watch_folder,
        scale=settings.scale,
        limit_bytes=settings.upload_limit_mb * 1_000_000,
        by=asked.by,
        now=asked.now,
        progress=progress,
    )
    return [source]


KIND = Kind(SOURCE, _collect)
