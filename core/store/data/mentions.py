"""Mentions: what the program itself said that quotes a name of a row, found and replaced."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from core.store.engine import schema

ERASED = "[erased]"
"""What takes the place of a name."""

_LEAST = 4  # shorter names, and plain numbers, are words of other sentences too
_TEXT = frozenset({""})
_SAID = frozenset({"message", "next_step", "reason", "reasons", "note", "error", "detail"})
_LEVELS = frozenset({"level", "levels", "known", "bins", "where", "value"})

QUOTING: dict[sa.Column[Any], frozenset[str]] = {
    schema.collections.c.error: _TEXT,
    schema.deliveries.c.error: _TEXT,
    schema.deployments.c.evidence: _SAID | {"summary", "name"},
    schema.drift_references.c.body: _LEVELS,
    schema.drift_reports.c.body: _LEVELS | _SAID,
    schema.health_changes.c.reasons: _SAID,
    schema.incident_events.c.message: _TEXT,
    schema.job_lines.c.line: _TEXT,
    schema.jobs.c.args: _SAID | {"name", "overrides"},
    schema.jobs.c.error: _TEXT,
    schema.jobs.c.message: _TEXT,
    schema.jobs.c.result: _SAID | {"summary", "errors", "failures"},
    schema.replays.c.report: _SAID | {"name"},
    schema.retraining_decisions.c.reasons: _TEXT,
    schema.scheduled_tasks.c.last_error: _TEXT,
    schema.scheduled_tasks.c.last_outcome: _TEXT,
    schema.segment_reports.c.body: _LEVELS,
    schema.sources.c.message: _TEXT,
    schema.versions.c.report: _SAID | {"level", "summary", "overrides", "left_out", "split_reason"},
    schema.watched_files.c.error: _TEXT,
}
"""The columns that may quote a value of a row, with the JSON keys under which they do."""


def replace_mentions(conn: sa.Connection, name: str) -> list[tuple[str, int]]:
    """Replace a name as a word wherever a column of `QUOTING` has it; return the table and the
    number of each row that changed. A name of fewer than four characters, or a number, counts only
    as a whole value or between quotes."""
    changed: dict[tuple[str, Any], None] = {}
    for column, key, left in _list_mentions(conn, name):
        table = column.table
        (primary,) = table.primary_key.columns
        conn.execute(sa.update(table).where(primary == key).values({column.name: left}))
        changed[table.name, key] = None
    return list(changed)


def find_mentions(conn: sa.Connection, name: str) -> set[tuple[str, Any]]:
    """Return the table and the number of each row that `replace_mentions` would change."""
    return {(column.table.name, key) for column, key, _ in _list_mentions(conn, name)}


def _list_mentions(conn: sa.Connection, name: str) -> Iterator[tuple[sa.Column[Any], Any, Any]]:
    """Yield each column of a row that has a name, the row's number, and the value without it."""
    pattern = _build_pattern(name)
    for column, keys in QUOTING.items():
        (primary,) = column.table.primary_key.columns
        is_text = isinstance(column.type, sa.Text)
        stored = name if is_text else msgspec.json.encode(name).decode()[1:-1]
        holds = sa.type_coerce(column, sa.Text).contains(stored, autoescape=True)
        for key, value in conn.execute(sa.select(primary, column).where(holds)).all():
            left = _replace(value, pattern, keys, inside="" in keys)
            if left != value:
                yield column, key, left


def _build_pattern(name: str) -> re.Pattern[str]:
    """Return what finds a name in a sentence.

    >>> _build_pattern("ann-7").sub(ERASED, "provider = ann-7 and ann-77")
    'provider = [erased] and ann-77'
    >>> _build_pattern("7").sub(ERASED, "7 rows, of which '7' is none")
    "7 rows, of which '[erased]' is none"
    """
    word = re.escape(name)
    if len(name) < _LEAST or name.isdecimal():
        return re.compile(rf"(?<=['\"=]){word}(?=['\"])|^{word}$")
    return re.compile(rf"(?<!\w){word}(?!\w)")


def _replace(value: Any, name: re.Pattern[str], keys: frozenset[str], *, inside: bool) -> Any:
    """Return JSON with the name replaced in what lies under the keys, names of members too.

    >>> _replace({"column": "ann", "level": "ann"}, re.compile("ann"), _LEVELS, inside=False)
    {'column': 'ann', 'level': '[erased]'}
    """
    if isinstance(value, str):
        return name.sub(ERASED, value) if inside else value
    if isinstance(value, list):
        return [_replace(item, name, keys, inside=inside) for item in value]
    if isinstance(value, dict):
        return {
            name.sub(ERASED, key) if inside else key: _replace(
                item, name, keys, inside=inside or key in keys
            )
            for key, item in value.items()
        }
    return value
