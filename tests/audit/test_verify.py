"""What was changed past the program is found: entries, and rows that decide something."""

from collections.abc import Callable
from datetime import datetime

import pytest
import sqlalchemy as sa

from core.artifacts.signing import SigningKey
from core.audit.attempt import attempt
from core.audit.verify import verify_audit
from core.domain.actor import Act, Actor, Decider, Role
from core.domain.installation import SettingChange
from core.store.engine.database import Database
from core.store.installation import setting_changes

BEN = Actor("ben", Role.ADMIN, "login 2", "127.0.0.1")
Now = Callable[[], datetime]


@pytest.fixture(autouse=True)
def changes(db: Database, now: Now) -> None:
    db.seal = SigningKey("k" * 32, None).seal  # type: ignore[arg-type]
    for value in ("4", "5", "6"):
        with (
            attempt(db, BEN, Act.SETTING, "tolerance", now=now(), reason="why") as act,
            act.write() as conn,
        ):
            row = SettingChange("tolerance", value, now(), "ben", "why")
            act.seal(Decider.SETTING_CHANGES, setting_changes.append_change(conn, row))


def run(db: Database, statement: str) -> None:
    with db.write() as conn:
        conn.execute(sa.text(statement))


def test_nothing_is_found_where_nothing_was_changed(db: Database) -> None:
    found = verify_audit(db)
    assert (found.n_entries, found.n_rows, found.findings) == (4, 3, ())
    assert verify_audit(db, found.end).findings == ()


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE setting_changes SET value = '9' WHERE id = 2", "Row 2 of setting_changes was ch"),
        ("DELETE FROM setting_changes WHERE id = 3", "Row 3 of setting_changes was deleted."),
        (
            'INSERT INTO setting_changes (name, value, at, "by", reason) '
            "VALUES ('tolerance', '7', 0, 'ben', '')",
            "Row 4 of setting_changes was added past the program.",
        ),
        ("UPDATE audit SET \"by\" = 'eve' WHERE id = 2", "Entry 2 of the audit"),
        ("UPDATE audit SET reason = 'eve' WHERE id = 4", "Entry 4 of the audit"),
        ("UPDATE audit SET at = at + 1 WHERE id = 3", "Entry 3 of the audit"),
        ("DELETE FROM audit WHERE id = 2", "Entries 2 to 2 of the audit are missing."),
    ],
)
def test_each_change_past_the_program_is_found(db: Database, statement: str, finding: str) -> None:
    run(db, statement)
    assert any(said.startswith(finding) for said in verify_audit(db).findings)


def test_a_row_that_is_changed_with_its_entry_is_found_without_the_key(
    db: Database, now: Now
) -> None:
    run(db, "UPDATE setting_changes SET value = '9' WHERE id = 3")
    run(db, "DELETE FROM audit WHERE id = 4")
    own = db.seal
    db.seal = SigningKey("e" * 32, None).seal  # type: ignore[arg-type]
    with attempt(db, BEN, Act.SETTING, "tolerance", now=now()) as act, act.write():
        act.seal(Decider.SETTING_CHANGES, 3)
    db.seal = own
    assert any("Entry 4" in said for said in verify_audit(db).findings)


def test_entries_that_were_cut_off_are_found_by_an_end_that_was_kept(db: Database) -> None:
    end = verify_audit(db).end
    run(db, "DELETE FROM audit WHERE id = 4")
    run(db, "DELETE FROM setting_changes WHERE id = 3")
    assert verify_audit(db).findings == ()
    assert "the end of the chain" in verify_audit(db, end).findings[0].lower()


def test_rows_that_are_older_than_the_audit_are_in_it(db: Database, now: Now) -> None:
    run(db, "DELETE FROM audit")
    with attempt(db, BEN, Act.NOTE, "v1", now=now()):
        pass
    assert verify_audit(db).findings == ()
    run(db, "UPDATE setting_changes SET value = '9' WHERE id = 1")
    assert verify_audit(db).findings == ("Row 1 of setting_changes was changed past the program.",)
