"""Versions with their notes and tags: appended, never changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from core.domain.training_report import TrainingReport
from core.domain.version import Note, NoteKind, Version, version_name
from core.errors import NotFound
from core.store.engine import schema

_versions = schema.versions
_runs = schema.runs
_joined = sa.select(_versions, _runs.c.run_id).outerjoin(
    _runs, _runs.c.version == _versions.c.number
)


def append_version(
    conn: sa.Connection,
    *,
    snapshot_id: int,
    artifact_hash: str,
    report: TrainingReport,
    by: str,
    now: datetime,
) -> Version:
    """Register a version under the next number."""
    result = conn.execute(
        _versions.insert()
        .values(
            snapshot_id=snapshot_id,
            artifact_hash=artifact_hash,
            report=report,
            created_at=now,
            created_by=by,
        )
        .returning(_versions.c.number)
    )
    return get_version(conn, int(result.scalar_one()))


def append_run(conn: sa.Connection, number: int, run_id: str, now: datetime) -> None:
    """Record the MLflow run of a version; the first one stays."""
    known = conn.execute(sa.select(_runs.c.run_id).where(_runs.c.version == number)).scalar()
    if known is not None:
        return
    conn.execute(_runs.insert().values(version=number, run_id=run_id, logged_at=now))


def find_version(conn: sa.Connection, number: int) -> Version | None:
    """Return a version, or None."""
    row = conn.execute(_joined.where(_versions.c.number == number)).one_or_none()
    return None if row is None else _version(row)


def get_version(conn: sa.Connection, number: int) -> Version:
    """Return a version; raises `NotFound`."""
    version = find_version(conn, number)
    if version is None:
        raise NotFound(
            f"There is no version {version_name(number)}: `versions` lists those that exist."
        )
    return version


def load_versions(conn: sa.Connection, limit: int = 100) -> list[Version]:
    """Return the newest versions, newest first."""
    rows = conn.execute(_joined.order_by(_versions.c.number.desc()).limit(limit))
    return [_version(row) for row in rows]


def load_hashes(conn: sa.Connection) -> list[str]:
    """Return the artifact hashes of all versions, each once."""
    return list(conn.execute(sa.select(_versions.c.artifact_hash).distinct()).scalars())


def count_versions(conn: sa.Connection) -> int:
    """Return the number of registered versions."""
    return conn.execute(sa.select(sa.func.count()).select_from(_versions)).scalar_one()


def sum_gate_alpha(conn: sa.Connection, since: datetime) -> float:
    """Return the chance of a false promotion that the gates have spent on versions registered after
    `since`, according to their reports."""
    query = sa.select(_versions.c.report).where(_versions.c.created_at > since)
    return sum(report.get("gate_alpha") or 0.0 for report in conn.execute(query).scalars())


def count_comparisons(conn: sa.Connection, since: datetime, until: datetime) -> int:
    """Return how many gates compared their version with the champion in (since, until]."""
    made_at = _versions.c.created_at
    query = sa.select(_versions.c.report).where(made_at > since, made_at <= until)
    return sum(report.get("gate_alpha") is not None for report in conn.execute(query).scalars())


def load_versions_without_run(conn: sa.Connection) -> list[Version]:
    """Return the versions without an MLflow run, oldest first."""
    rows = conn.execute(_joined.where(_runs.c.run_id.is_(None)).order_by(_versions.c.number))
    return [_version(row) for row in rows]


def load_run_ids(conn: sa.Connection) -> list[str]:
    """Return the ids of all MLflow runs of versions."""
    return list(conn.execute(sa.select(_runs.c.run_id).order_by(_runs.c.version)).scalars())


def forget_runs(conn: sa.Connection, run_ids: Sequence[str]) -> None:
    """Forget runs that are gone in MLflow, and that it has the notes of their versions."""
    gone = sa.select(_runs.c.version).where(_runs.c.run_id.in_(run_ids))
    conn.execute(_notes.update().where(_notes.c.version.in_(gone)).values(mirrored_at=None))
    conn.execute(_runs.delete().where(_runs.c.run_id.in_(run_ids)))


def _version(row: Any) -> Version:
    return Version(
        number=row.number,
        snapshot_id=row.snapshot_id,
        run_id=row.run_id,
        artifact_hash=row.artifact_hash,
        report=msgspec.convert(row.report, TrainingReport),
        created_at=row.created_at,
        created_by=row.created_by,
    )


_notes = schema.notes
_noted_runs = schema.runs


def append_note(conn: sa.Connection, note: Note) -> None:
    """Append a note on a version."""
    conn.execute(
        _notes.insert().values(
            version=note.version, kind=note.kind.value, text=note.text, at=note.at, by=note.by
        )
    )


def load_notes(conn: sa.Connection, versions: Sequence[int]) -> dict[int, list[Note]]:
    """Return the notes on some versions, oldest first; versions without a note are left out."""
    query = sa.select(_notes).where(_notes.c.version.in_(versions)).order_by(_notes.c.id)
    found: dict[int, list[Note]] = {}
    for row in conn.execute(query):
        found.setdefault(row.version, []).append(_note(row))
    return found


def load_waiting(conn: sa.Connection) -> dict[int, str]:
    """Return the MLflow runs, by version, that lack some notes of their version."""
    query = (
        sa.select(_notes.c.version, _noted_runs.c.run_id)
        .join(_noted_runs, _noted_runs.c.version == _notes.c.version)
        .where(_notes.c.mirrored_at.is_(None))
        .distinct()
    )
    return {row.version: row.run_id for row in conn.execute(query.order_by(_notes.c.version))}


def mark_mirrored(conn: sa.Connection, version: int, n_notes: int, now: datetime) -> None:
    """Record that MLflow has the first `n_notes` notes of a version."""
    first = sa.select(_notes.c.id).where(_notes.c.version == version)
    first = first.order_by(_notes.c.id).limit(n_notes)
    conn.execute(
        _notes.update()
        .where(_notes.c.id.in_(first), _notes.c.mirrored_at.is_(None))
        .values(mirrored_at=now)
    )


def _note(row: Any) -> Note:
    return Note(row.version, NoteKind(row.kind), row.text, row.at, row.by)
