"""The configured tables: their mappings, and the collection of all of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from core.audit.attempt import attempt
from core.data.context import CollectContext
from core.data.tables.collect_table import WantedTable, collect_table
from core.data.tables.supabase import Project, Row
from core.data.tables.sync_cursor import Request
from core.data.tables.table_plans import build_table_samples, guess_table, plan_table
from core.domain.actor import Act, Actor, Decider
from core.domain.sample import Rejection, Sample
from core.domain.source import ORIGIN_TABLES, MappingChange, Source, TableMapping, find_cut_off
from core.errors import InvalidInput, NotFound, Refused
from core.settings import Scale
from core.store.data import samples as sample_rows
from core.store.data import sources
from core.store.engine.database import Database

_TRIED_ROWS = 20
_STOPPED = "The table is not collected any more; what was read of it is not kept."


@dataclass(frozen=True, slots=True)
class TrialRows:
    """The first rows of a table as an import would take them, and all of its columns."""

    columns: tuple[str, ...]
    samples: tuple[Sample, ...]
    rejections: tuple[Rejection, ...]


def parse_mappings(text: str) -> list[TableMapping]:
    """Return the mappings in the setting `supabase_tables`; raises `InvalidInput` with the error.

    >>> parse_mappings('[{"table": "ratings", "target": "stars"}]')[0].source
    'supabase:ratings'
    """
    return [build_mapping(item) for item in (json.loads(text) if text else [])]


def build_mapping(record: object) -> TableMapping:
    """Return a mapping from JSON; raises `InvalidInput` with the error."""
    try:
        mapping = msgspec.convert(record, TableMapping)
        unknown = set(record if isinstance(record, dict) else ()) - set(
            msgspec.to_builtins(mapping)
        )
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The mapping of a table is not one: {error}.") from None
    if unknown:
        raise InvalidInput(
            f"The mapping of table '{mapping.table}' has no field '{sorted(unknown)[0]}': its "
            f"fields are {', '.join(msgspec.to_builtins(mapping))}."
        )
    return mapping


def choose_tables(
    configured: Sequence[TableMapping], changes: Sequence[MappingChange]
) -> list[WantedTable]:
    """Return the tables to collect: the origin's if they exist, then the settings', then the
    operator's; the later decides about a table that several name.

    >>> now = datetime(2026, 3, 2)  # noqa: DTZ001
    >>> off = MappingChange("ai_gm_ab_testing", None, now, "ada", "not ours")
    >>> [wanted.mapping.table for wanted in choose_tables([], [off])]
    ['ai_gm_explanations', 'ai_gm_quality_feedback']
    """
    chosen: dict[str, WantedTable | None] = {
        mapping.table: WantedTable(mapping, looked_for=True) for mapping in ORIGIN_TABLES
    }
    chosen.update({mapping.table: WantedTable(mapping) for mapping in configured})
    for change in changes:
        off = change.mapping is None
        chosen[change.table] = None if off else WantedTable(build_mapping(change.mapping))
    return [wanted for wanted in chosen.values() if wanted is not None]


def open_project(url: str, key: str, timeout_seconds: float) -> Project:
    """Return the configured project; raises `InvalidInput` if there is none."""
    if not url or not key:
        raise InvalidInput(
            "No Supabase project is configured: set PLUMBLINE_SUPABASE_URL and "
            "PLUMBLINE_SUPABASE_KEY."
        )
    return Project(url, key, timeout_seconds)


def collect_tables(
    context: CollectContext,
    project: Project,
    configured: Sequence[TableMapping],
    request: Request,
    *,
    overlap: timedelta,
) -> list[Source]:
    """Collect the configured tables one by one; return the outcome of each. A failing table does
    not stop the others; a table whose last attempt was cut off comes last."""
    with context.db.read() as conn:
        tables = choose_tables(configured, sources.load_mappings(conn))
        cut_off = find_cut_off(sources.load_sources(conn))
    tables.sort(key=lambda wanted: wanted.mapping.source in cut_off)
    found: list[Source] = []
    for place, wanted in enumerate(tables):

        def report(share: float, text: str, place: int = place) -> None:
            context.progress((place + share) / len(tables), text)

        found.append(
            collect_table(context.report_to(report), project, wanted, request, overlap=overlap)
        )
    return found


def try_mapping(project: Project, mapping: TableMapping, scale: Scale) -> TrialRows:
    """Return the first rows of a table as this mapping would import them; store nothing. Errors of
    reading pass."""
    rows = _load_rows(project, mapping.table)
    plan = plan_table(mapping, list(rows[0]))
    samples, rejections = build_table_samples(rows, plan, first_row=1, scale=scale)
    return TrialRows(tuple(rows[0]), tuple(samples), tuple(rejections))


def look_at_table(project: Project, table: str) -> tuple[tuple[str, ...], TableMapping]:
    """Return the columns of a table, and a guessed mapping from its first rows. Errors of reading
    pass; raises `Refused` if no row is visible."""
    rows = _load_rows(project, table)
    return tuple(rows[0]), guess_table(table, rows)


def save_mapping(
    db: Database, mapping: TableMapping, *, by: Actor, reason: str, now: datetime
) -> None:
    """Use this mapping from the next collection on; raises `InvalidInput` without a reason."""
    _append(db, mapping.table, msgspec.to_builtins(mapping), by, reason, now)


def remove_mapping(
    db: Database,
    table: str,
    configured: Sequence[TableMapping],
    *,
    by: Actor,
    reason: str,
    now: datetime,
) -> None:
    """Stop collecting a table; keep its rows and drop an unfinished reading. Raises `InvalidInput`
    without a reason, `NotFound` if the table is not collected."""
    with db.read() as conn:
        wanted = choose_tables(configured, sources.load_mappings(conn))
    tables = {each.mapping.table: each.mapping for each in wanted}
    if table not in tables:
        raise NotFound(
            f"'{table}' is not collected: the tables that are, are {', '.join(tables) or 'none'}."
        )
    _append(db, table, None, by, reason, now)
    with db.write() as conn:
        source = sources.find_source(conn, tables[table].source)
        if source is not None and source.reading is not None:
            sample_rows.fail_collection(conn, source.reading.collection_id, _STOPPED)
        sources.delete_source(conn, tables[table].source)


def _load_rows(project: Project, table: str) -> list[Row]:
    rows = project.load_first(table, _TRIED_ROWS)
    if not rows:
        raise Refused(
            f"No rows of '{table}' are visible to this key: the table is empty, or row-level "
            "security hides them from it."
        )
    return rows


def _append(
    db: Database,
    table: str,
    record: dict[str, object] | None,
    by: Actor,
    reason: str,
    now: datetime,
) -> None:
    if not reason.strip():
        raise InvalidInput("A change needs a reason: say why, for whoever reads the history.")
    reason = reason.strip()
    with (
        attempt(db, by, Act.MAP_TABLE, f"table {table}", now=now, reason=reason) as act,
        act.write() as conn,
    ):
        change = MappingChange(table, record, now, by.name, reason)
        act.seal(Decider.TABLE_MAPPINGS, sources.append_mapping(conn, change))
        act.note(after=record)
