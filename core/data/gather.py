"""Gathering: feedback, the watched folder, the configured tables, each whatever the others do."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.data.feedback import collect_feedback
from core.data.folder import collect_folder
from core.data.overview import refresh_quality
from core.data.readings import Request
from core.domain.job import Progress, part_of
from core.domain.source import Outcome, Source, find_cut_off
from core.errors import InvalidInput, NotFound, Refused, Unavailable
from core.settings import Settings
from core.store import sources
from core.store.database import Database

_CHECKING = 0.95  # the share of the work at which the rows are in and the checks begin


@dataclass(frozen=True, slots=True)
class _Asked:
    """What every source is told."""

    db: Database
    settings: Settings
    request: Request
    by: str
    now: Callable[[], datetime]


def gather(
    db: Database,
    settings: Settings,
    request: Request,
    *,
    by: str,
    now: Callable[[], datetime],
    progress: Progress,
) -> list[Source]:
    """What is new in every source that is configured, and then the checks; what came of each,
    failures too. One whose last attempt was cut off comes last, so that a source which ends the
    process each time keeps no other from being collected. Raises `InvalidInput` where there is no
    source, and what `progress` raises."""
    asked = _Asked(db, settings, request, by, now)
    found: list[Source] = []
    with db.read() as conn:
        cut_off = find_cut_off(sources.load_sources(conn))
    parts = sorted(_PARTS, key=lambda name: any(each.startswith(name) for each in cut_off))
    for place, name in enumerate(parts):
        low, high = (_CHECKING * share / len(parts) for share in (place, place + 1))
        found += _PARTS[name](asked, part_of(progress, low, high))
    if not found:
        raise InvalidInput(
            "No source is configured: set PLUMBLINE_SUPABASE_URL and PLUMBLINE_SUPABASE_KEY, or "
            "PLUMBLINE_WATCH_FOLDER."
        )
    _check(asked, found, progress)
    return found


def gather_tables(
    db: Database,
    settings: Settings,
    request: Request,
    *,
    by: str,
    now: Callable[[], datetime],
    progress: Progress,
) -> list[Source]:
    """As `gather`, from the Supabase project only; raises `InvalidInput` also where it or a
    mapping is not configured rightly."""
    asked = _Asked(db, settings, request, by, now)
    found = _collect_tables(asked, part_of(progress, 0.0, _CHECKING))
    _check(asked, found, progress)
    return found


def refuse_failures(found: Sequence[Source]) -> None:
    """Raise `Unavailable` with each reason once where a source failed; where none was there at
    all, `Refused` or `NotFound`."""
    failed = [source for source in found if source.outcome is Outcome.FAILED]
    if failed:
        reasons = dict.fromkeys(source.message or "" for source in failed)
        n_new = sum(source.n_new for source in found if source not in failed)
        raise Unavailable(
            f"{len(failed)} of {len(found)} sources failed"
            + (f"; the others brought {n_new:,} new rows. " if len(failed) < len(found) else ". ")
            + " ".join(reasons)
        )
    if all(source.outcome is not Outcome.COLLECTED for source in found):
        empty = [source for source in found if source.outcome is Outcome.EMPTY]
        if empty:
            raise Refused(empty[0].message or "")
        names = ", ".join(source.name.removeprefix("supabase:") for source in found)
        raise NotFound(
            f"The Supabase project has none of the tables that are looked for ({names or 'none'}): "
            "map the table that holds your ratings on the data page, or in "
            "PLUMBLINE_SUPABASE_TABLES."
        )


def _gather_feedback(asked: _Asked, progress: Progress) -> list[Source]:
    source = collect_feedback(
        asked.db, scale=asked.settings.scale, by=asked.by, now=asked.now, progress=progress
    )
    return [] if source is None else [source]


def _gather_folder(asked: _Asked, progress: Progress) -> list[Source]:
    if asked.settings.watch_folder is None:
        return []
    source = collect_folder(
        asked.db,
        asked.settings.watch_folder,
        scale=asked.settings.scale,
        limit_bytes=asked.settings.upload_limit_mb * 1_000_000,
        by=asked.by,
        now=asked.now,
        progress=progress,
    )
    return [source]


def _gather_tables(asked: _Asked, progress: Progress) -> list[Source]:
    if not asked.settings.supabase_url:
        return []
    try:
        return _collect_tables(asked, progress)
    except InvalidInput as error:  # of the settings: the others are collected
        return [_build_failure("supabase", str(error), asked.now())]


def _collect_tables(asked: _Asked, progress: Progress) -> list[Source]:
    # Not at the top: the Supabase client takes a second that every other verb would wait for.
    from core.data import configured

    settings = asked.settings
    with closing(
        configured.open_project(
            settings.supabase_url, settings.supabase_key, settings.supabase_timeout_seconds
        )
    ) as project:
        return configured.collect_tables(
            asked.db,
            project,
            configured.parse_mappings(settings.supabase_tables),
            asked.request,
            scale=settings.scale,
            overlap=timedelta(hours=settings.collect_overlap_hours),
            by=asked.by,
            now=asked.now,
            progress=progress,
        )


def _check(asked: _Asked, found: Sequence[Source], progress: Progress) -> None:
    if any(source.n_new for source in found):
        progress(_CHECKING, "Checking the rows")
        settings = asked.settings
        refresh_quality(asked.db, settings.scale, asked.now(), settings.rules)


def _build_failure(name: str, message: str, now: datetime) -> Source:
    return Source(
        name,
        {},
        attempt=0,
        started_at=now,
        finished_at=now,
        outcome=Outcome.FAILED,
        message=message,
    )


_Gather = Callable[[_Asked, Progress], list[Source]]
_PARTS: dict[str, _Gather] = {
    "feedback": _gather_feedback,
    "folder": _gather_folder,
    "supabase": _gather_tables,
}
"""What sources of these names are collected by, in this order."""
