"""What is said of a version is kept in its order, and what tracking lacks is found."""

from datetime import timedelta

from core.domain.version import Note, NoteKind
from core.store.engine.database import Database
from core.store.models import versions
from tests.store.models.test_versions import Now, append


def say(db: Database, now: Now, number: int, *said: tuple[NoteKind, str]) -> list[Note]:
    found = [Note(number, kind, text, now(), "ana") for kind, text in said]
    with db.write() as conn:
        for note in found:
            versions.append_note(conn, note)
    return found


def test_notes_come_back_by_version_in_their_order(db: Database, now: Now) -> None:
    for _ in range(3):
        append(db, now)
    first = say(db, now, 1, (NoteKind.NOTE, "Errs on gö."), (NoteKind.TAG, "candidate"))
    say(db, now, 2, (NoteKind.NOTE, "Another."))
    with db.read() as conn:
        assert versions.load_notes(conn, [1, 3]) == {1: first}
        assert versions.load_notes(conn, []) == {}


def test_what_tracking_lacks_waits_until_it_has_the_run_and_the_notes(
    db: Database, now: Now
) -> None:
    append(db, now)
    say(db, now, 1, (NoteKind.NOTE, "One."))
    with db.write() as conn:
        assert versions.load_waiting(conn) == {}  # there is no run to write to yet
        versions.append_run(conn, 1, "run-1", now())
        assert versions.load_waiting(conn) == {1: "run-1"}
    say(db, now, 1, (NoteKind.NOTE, "Two, while the first was on its way."))
    with db.write() as conn:
        versions.mark_mirrored(conn, 1, 1, now() + timedelta(minutes=1))
        assert versions.load_waiting(conn) == {1: "run-1"}
        versions.mark_mirrored(conn, 1, 2, now() + timedelta(minutes=2))
        assert versions.load_waiting(conn) == {}
