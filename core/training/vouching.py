"""Vouching for a version whose artifact this installation has not signed."""

from datetime import datetime

from core.domain.version import Note, NoteKind, Version, parse_note
from core.errors import InvalidInput
from core.registry import Registry
from core.store.engine.database import Database
from core.store.models import versions


def sign_version(
    db: Database, registry: Registry, number: int, *, by: str, reason: str, now: datetime
) -> Version:
    """Sign the artifact of a version, with a note that says who vouches for it and why; the
    version. Raises `InvalidInput` without a reason, `NotFound` for an unknown version, and what
    `Registry.sign_artifact` raises."""
    if not reason.strip():
        raise InvalidInput("A signature needs a reason: say how you know who wrote the version.")
    text = parse_note(NoteKind.NOTE, f"Signed: {reason.strip()}")
    with db.read() as conn:
        version = versions.get_version(conn, number)
    registry.sign_artifact(version.artifact_hash)
    with db.write() as conn:
        versions.append_note(conn, Note(number, NoteKind.NOTE, text, now, by))
    return version
