"""What people say of a version is kept, and reaches tracking when that answers."""

from collections.abc import Callable
from datetime import datetime

import pytest

from core.domain.version import NoteKind
from core.errors import NotFound, Refused
from core.store.engine.database import Database
from core.store.models import versions
from core.training.notes import add_note, sync_notes
from tests.fakes import FakeRegistry, add_version
from tests.people import person
from tests.training.worlds import FakeTracking

Now = Callable[[], datetime]


@pytest.fixture(autouse=True)
def first_version(db: Database) -> None:
    add_version(db, FakeRegistry())


def say(db: Database, now: Now, kind: NoteKind, text: str, number: int = 1) -> None:
    add_note(db, number, kind, text, by=person("ana"), now=now())


def test_a_version_that_does_not_exist_takes_no_note(db: Database, now: Now) -> None:
    with pytest.raises(NotFound, match="no version v9"):
        say(db, now, NoteKind.NOTE, "Good.", number=9)


def test_a_tag_is_given_once_and_only_taken_away_where_it_is(db: Database, now: Now) -> None:
    with pytest.raises(Refused, match=r"v1 has no tag 'gold': it has none\."):
        say(db, now, NoteKind.UNTAG, "gold")
    say(db, now, NoteKind.TAG, "Candidate")
    with pytest.raises(Refused, match=r"v1 has the tag 'candidate' already\."):
        say(db, now, NoteKind.TAG, "candidate")
    with pytest.raises(Refused, match=r"v1 has no tag 'gold': it has candidate\."):
        say(db, now, NoteKind.UNTAG, "gold")
    with db.read() as conn:
        assert [note.text for note in versions.load_notes(conn, [1])[1]] == ["candidate"]


def test_notes_reach_tracking_once_it_answers_and_only_once(
    db: Database, registry: FakeTracking, now: Now
) -> None:
    say(db, now, NoteKind.NOTE, "Errs on go.")
    say(db, now, NoteKind.TAG, "candidate")
    with db.write() as conn:
        versions.append_run(conn, 1, "run-1", now())
    registry.down = True
    assert sync_notes(db, registry, now(), lambda: 0.0) == 0
    assert registry.retries.reasons == ["notes of v1: MLflow does not answer."]
    registry.down = False
    assert sync_notes(db, registry, now(), lambda: 59.0) == 0
    assert sync_notes(db, registry, now(), lambda: 60.0) == 1
    assert registry.retries.reasons == []
    assert registry.said == {"run-1": ("2026-03-02 12:00 UTC, ana: Errs on go.", ("candidate",))}
    assert sync_notes(db, registry, now()) == 0
    say(db, now, NoteKind.UNTAG, "candidate")
    assert sync_notes(db, registry, now()) == 1
    assert registry.said["run-1"][1] == ()
