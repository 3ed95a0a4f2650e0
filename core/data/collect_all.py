"""The collection of all configured sources: feedback, the watched folder and the tables."""

from collections.abc import Callable, Sequence
from datetime import datetime

from core.data import watched_folder
from core.data.quality.overview import refresh_quality
from core.data.sources import feedback, tables
from core.data.sources.contract import CollectionRequest
from core.data.tables.sync_cursor import Request
from core.domain.job import Progress, part_of
from core.domain.source import CollectionOutcome, Source, find_cut_off
from core.errors import InvalidInput, NotFound, Refused, Unavailable
from core.settings import Settings
from core.store.data import sources
from core.store.engine.database import Database

_CHECKING = 0.95  # the share of the work at which the rows are in and the checks begin


def gather(
    db: Database,
    settings: Settings,
    request: Request,
    *,
    by: str,
    now: Callable[[], datetime],
    progress: Progress,
) -> list[Source]:
    """Collect what is new in every configured source, then check the rows; return the outcome of
    each, failures included. A source whose last attempt was cut off comes last, so that it cannot
    keep the others from being collected. Raises `InvalidInput` if there is no source."""
    asked = CollectionRequest(db, settings, request, by, now)
    found: list[Source] = []
    with db.read() as conn:
        cut_off = find_cut_off(sources.load_sources(conn))
    kinds = sorted(KINDS, key=lambda kind: any(each.startswith(kind.name) for each in cut_off))
    for place, kind in enumerate(kinds):
        low, high = (_CHECKING * share / len(kinds) for share in (place, place + 1))
        found += kind.collect(asked, part_of(progress, low, high))
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
    """Collect as `gather` does, but from the Supabase project only. Raises `InvalidInput` if the
    project or a mapping is not configured correctly."""
    asked = CollectionRequest(db, settings, request, by, now)
    found = tables.collect_configured(asked, part_of(progress, 0.0, _CHECKING))
    _check(asked, found, progress)
    return found


def refuse_failures(found: Sequence[Source]) -> None:
    """Raise `Unavailable` with each reason once if a source failed, `Refused` or `NotFound` if none
    was there."""
    failed = [source for source in found if source.outcome is CollectionOutcome.FAILED]
    if failed:
        reasons = dict.fromkeys(source.message or "" for source in failed)
        n_new = sum(source.n_new for source in found if source not in failed)
        raise Unavailable(
            f"{len(failed)} of {len(found)} sources failed"
            + (f"; the others brought {n_new:,} new rows. " if len(failed) < len(found) else ". ")
            + " ".join(reasons)
        )
    if all(source.outcome is not CollectionOutcome.COLLECTED for source in found):
        empty = [source for source in found if source.outcome is CollectionOutcome.EMPTY]
        if empty:
            raise Refused(empty[0].message or "")
        names = ", ".join(source.name.removeprefix("supabase:") for source in found)
        raise NotFound(
            f"The Supabase project has none of the tables that are looked for ({names or 'none'}): "
            "map the table that holds your ratings on the data page, or in "
            "PLUMBLINE_SUPABASE_TABLES."
        )


def _check(asked: CollectionRequest, found: Sequence[Source], progress: Progress) -> None:
    if any(source.n_new for source in found):
        progress(_CHECKING, "Checking the rows")
        settings = asked.settings
        refresh_quality(asked.db, settings.scale, asked.now(), settings.rules, settings.tolerance)


KINDS = (feedback.KIND, watched_folder.KIND, tables.KIND)
"""The kinds of sources, in the order of their collection."""
