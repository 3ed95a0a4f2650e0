"""Notes and tags of versions: appended; whether tracking has them as well is kept beside them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.note import Note, NoteKind
from core.store import schema

_notes = schema.notes
_runs = schema.runs


def append_note(conn: sa.Connection, note: Note) -> None:
    """Keep what somebody said of a version."""
    conn.execute(
        _notes.insert().values(
            version=note.version, kind=note.kind.value, text=note.text, at=note.at, by=note.by
        )
    )


def load_notes(conn: sa.Connection, versions: Sequence[int]) -> dict[int, list[Note]]:
    """What was said of each of these versions, oldest first; a version without is not in it."""
    query = sa.select(_notes).where(_notes.c.version.in_(versions)).order_by(_notes.c.id)
    found: dict[int, list[Note]] = {}
    for row in conn.execute(query):
        found.setdefault(row.version, []).append(_note(row))
    return found


def load_waiting(conn: sa.Connection) -> dict[int, str]:
    """The runs of the versions of whose notes tracking lacks some, by version."""
    query = (
        sa.select(_notes.c.version, _runs.c.run_id)
        .join(_runs, _runs.c.version == _notes.c.version)
        .where(_notes.c.mirrored_at.is_(None))
        .distinct()
    )
    return {row.version: row.run_id for row in conn.execute(query.order_by(_notes.c.version))}


def mark_mirrored(conn: sa.Connection, version: int, n_notes: int, now: datetime) -> None:
    """Tracking has the first so many notes of a version."""
    first = sa.select(_notes.c.id).where(_notes.c.version == version)
    first = first.order_by(_notes.c.id).limit(n_notes)
    conn.execute(
        _notes.update()
        .where(_notes.c.id.in_(first), _notes.c.mirrored_at.is_(None))
        .values(mirrored_at=now)
    )


def _note(row: Any) -> Note:
    return Note(row.version, NoteKind(row.kind), row.text, row.at, row.by)
