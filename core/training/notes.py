"""Notes and tags of versions, and the signature of an artifact by a person."""

from collections.abc import Callable
from datetime import datetime

from core.audit.attempt import attempt
from core.clock import steady_seconds
from core.domain.actor import Act, Actor
from core.domain.version import Note, NoteKind, Version, list_tags, parse_note, version_name
from core.errors import InvalidInput, Refused, Unavailable
from core.registry import Registry
from core.store.engine.database import Database
from core.store.models import versions


def add_note(
    db: Database, number: int, kind: NoteKind, text: str, *, by: Actor, now: datetime
) -> Note:
    """Add a note to a version, or add or remove a tag. Raises `NotFound` for an unknown version,
    `InvalidInput` for an unsuitable text, `Refused` if the tag is there already, or missing."""
    note = Note(number, kind, parse_note(kind, text), now, by.name)
    target = version_name(number)
    with attempt(db, by, Act.NOTE, target, now=now) as act, act.write() as conn:
        act.note(after={kind.value: note.text})
        version = versions.get_version(conn, number)
        tags = list_tags(versions.load_notes(conn, [number]).get(number, []))
        if kind is NoteKind.TAG and note.text in tags:
            raise Refused(f"{version.name} has the tag '{note.text}' already.")
        if kind is NoteKind.UNTAG and note.text not in tags:
            has = f"it has {', '.join(tags)}" if tags else "it has none"
            raise Refused(f"{version.name} has no tag '{note.text}': {has}.")
        versions.append_note(conn, note)
    return note


def sync_notes(
    db: Database,
    registry: Registry,
    now: datetime,
    steady: Callable[[], float] = steady_seconds,
) -> int:
    """Copy new notes to the MLflow runs; return the number of versions updated. One that fails
    keeps no other from it, and is tried again after pauses that grow."""
    with db.read() as conn:
        waiting = versions.load_waiting(conn)
        said = versions.load_notes(conn, list(waiting))
    n_mirrored = 0
    for number, run_id in waiting.items():
        found = said[number]
        lines = [
            f"{note.at:%Y-%m-%d %H:%M} UTC, {note.by}: {note.text}"
            for note in found
            if note.kind is NoteKind.NOTE
        ]
        key = f"notes of {version_name(number)}"
        if not registry.retries.is_due(key, steady()):
            continue
        try:
            registry.mirror_notes(run_id, "\n\n".join(lines), list_tags(found))
        except Unavailable as error:
            registry.retries.fail(key, f"{key}: {error}", steady())
            continue
        registry.retries.succeed(key)
        n_mirrored += 1
        with db.write() as conn:
            versions.mark_mirrored(conn, number, len(found), now)
    return n_mirrored


def sign_version(
    db: Database, registry: Registry, number: int, *, by: Actor, reason: str, now: datetime
) -> Version:
    """Sign the artifact of a version, with a note on who vouches for it and why; return the
    version. Raises `InvalidInput` without a reason, `NotFound` for an unknown version, and the
    errors of `Registry.sign_artifact`."""
    if not reason.strip():
        raise InvalidInput("A signature needs a reason: say how you know who wrote the version.")
    text = parse_note(NoteKind.NOTE, f"Signed: {reason.strip()}")
    with db.read() as conn:
        version = versions.get_version(conn, number)
    with attempt(db, by, Act.SIGN, version.name, now=now, reason=reason.strip()) as act:
        registry.sign_artifact(version.artifact_hash)
        with act.write() as conn:
            versions.append_note(conn, Note(number, NoteKind.NOTE, text, now, by.name))
            act.note(after={"artifact_hash": version.artifact_hash})
    return version
