"""The verbs about people: the audit, requests for a second person, logins and keys."""

import json
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from core.bootstrap import App, build_app
from core.cli import admin, people
from core.cli.main import cli
from core.domain.actor import Act, ApprovalState
from core.domain.installation import Scope
from core.errors import Conflict, InvalidInput, NotFound, Refused
from core.login.sessions import LoginSessions
from core.serving.keys import create_key
from core.store.engine import schema
from core.store.installation import api_keys, approvals, sessions
from tests.conftest import NOON
from tests.people import person

run = CliRunner().invoke


@pytest.fixture
def app(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An app that the verbs meet instead of the installation."""
    values = {
        "PLUMBLINE_HOME": str(home),
        "PLUMBLINE_USER": "ada",
        "PLUMBLINE_ALLOWED_EMAILS": "@a.org",
    }
    app = build_app(values, lambda: NOON)
    for module in (admin, people):
        monkeypatch.setattr(module, "build_app", lambda: app)
    yield app
    app.close()


def ask(app: App, by: str = "grace") -> int:
    """A request that waits."""
    with app.db.write() as conn:
        return approvals.append_request(
            conn, act=Act.DEPLOY, target="v1", digest="d", reason="better", asked_by=by, now=NOON
        )


@pytest.mark.usefixtures("app")
def test_a_key_needs_a_scope_and_the_error_names_them() -> None:
    with pytest.raises(InvalidInput, match="predict, feedback, samples, status"):
        run(cli, ["keys", "create", "web"], catch_exceptions=False)


def test_a_key_is_made_with_its_scope_and_expiry_rotated_and_listed(app: App) -> None:
    asked = ["keys", "create", "web", "--scope", "predict", "--expires-days", "30", "--json"]
    made = json.loads(run(cli, asked).stdout)
    assert (made["scopes"], made["expires_at"]) == (["predict"], "2026-04-01T12:00:00Z")
    rotated = json.loads(run(cli, ["keys", "rotate", "1", "--overlap-hours", "2", "--json"]).stdout)
    assert rotated["key"] != made["key"]
    first, second = run(cli, ["keys", "list"]).stdout.splitlines()
    assert first.endswith("web  predict  rotated, ends 2026-03-02 14:00 UTC, never used")
    assert second.endswith("web  predict  expires on 2026-04-01, never used")
    with app.db.read() as conn:
        assert api_keys.get_key(conn, 1).expires_at == NOON + timedelta(hours=2)


def test_the_audit_is_listed_searched_and_exported_into_a_new_private_file(
    app: App, tmp_path: Path
) -> None:
    create_key(app.db, "=1+1", frozenset({Scope.PREDICT}), by=person("ada"), now=NOON)
    said = run(cli, ["audit", "list"]).stdout.splitlines()
    assert "keys  key 1 =1+1  (by ada, admin, command line)" in said[0]
    assert run(cli, ["audit", "list", "--search", "no such"]).stdout == "No entry.\n"
    assert len(json.loads(run(cli, ["audit", "list", "--limit", "1", "--json"]).stdout)) == 1
    path = tmp_path / "audit.jsonl"
    assert run(cli, ["audit", "export", str(path)]).stdout == f"2 entries are in {path}.\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry["act"] for entry in entries] == ["adopt", "keys"]
    with pytest.raises(InvalidInput, match="exists: name a new file"):
        run(cli, ["audit", "export", str(path)], catch_exceptions=False)


def test_an_exported_text_is_no_formula(app: App, tmp_path: Path) -> None:
    with app.db.write() as conn:
        number = approvals.append_request(
            conn, act=Act.DEPLOY, target="v1", digest="d", reason="", asked_by="grace", now=NOON
        )
    run(cli, ["approvals", "decline", str(number), "--reason", "=cmd|' /C calc'!A0"])
    path = tmp_path / "audit.jsonl"
    run(cli, ["audit", "export", str(path)])
    last = json.loads(path.read_text().splitlines()[-1])
    assert last["reason"] == "'=cmd|' /C calc'!A0"


def test_verifying_ends_with_1_where_something_was_changed_past_the_program(app: App) -> None:
    create_key(app.db, "web", frozenset({Scope.PREDICT}), by=person("ada"), now=NOON)
    good = run(cli, ["audit", "verify"])
    assert (good.exit_code, good.stdout.startswith("All 2 entries")) == (0, True)
    end = json.loads(run(cli, ["audit", "verify", "--json"]).stdout)["end"]
    assert run(cli, ["audit", "verify", "--expect", end]).exit_code == 0
    assert run(cli, ["audit", "verify", "--expect", "0" * 64]).exit_code == 1
    with app.db.write() as conn:
        conn.execute(sa.update(schema.api_keys).values(scopes=["samples"]))
    bad = run(cli, ["audit", "verify"])
    assert bad.exit_code == 1
    assert "Row 1 of api_keys was changed past the program." in bad.stdout


def test_a_request_is_listed_approved_and_declined(app: App) -> None:
    first, second = ask(app), ask(app)
    assert "waiting   deploy  v1  (asked for by grace" in run(cli, ["approvals", "list"]).stdout
    run(cli, ["approvals", "approve", str(first)], catch_exceptions=False)
    assert "decided by ada" in run(cli, ["approvals", "list"]).stdout
    assert run(cli, ["approvals", "decline", str(second)]).exit_code == 2  # without a reason
    run(cli, ["approvals", "decline", str(second), "--reason", "no"], catch_exceptions=False)
    with app.db.read() as conn:
        states = [one.state for one in approvals.load_newest(conn)]
    assert states == [ApprovalState.DECLINED, ApprovalState.APPROVED]


def test_nobody_approves_what_they_asked_for(app: App) -> None:
    number = ask(app, by="ada")
    with pytest.raises(Refused, match="is your own"):
        run(cli, ["approvals", "approve", str(number)], catch_exceptions=False)


def test_all_logins_of_a_person_or_of_everybody_end_by_one_command(app: App) -> None:
    logins = LoginSessions(app.db, app.settings, app.now)
    for email in ("eve@a.org", "eve@a.org", "bob@a.org"):
        logins.start(email, authenticated_at=NOON, place="10.0.0.7")
    for wrong in ([], ["1", "--all"], ["--all", "--email", "eve@a.org"]):
        assert "Name one" in run(cli, ["sessions", "end", *wrong]).output
    theirs = run(cli, ["sessions", "end", "--email", "eve@a.org"]).stdout
    assert theirs == "2 logins of eve@a.org ended.\n"
    assert json.loads(run(cli, ["sessions", "end", "--all", "--json"]).stdout) == {
        "n_ended": 1,
        "email": None,
    }
    told = run(cli, ["audit", "list"]).stdout
    assert "session  all logins of eve@a.org  (by ada" in told
    assert "session  all logins  (by ada" in told


def test_a_login_is_listed_and_ended_and_the_audit_has_it(app: App) -> None:
    logins = LoginSessions(app.db, app.settings, app.now)
    token = logins.start("eve@a.org", authenticated_at=NOON, place="10.0.0.7")
    assert "eve@a.org  from 10.0.0.7" in run(cli, ["sessions", "list"]).stdout
    assert run(cli, ["sessions", "end", "1"]).stdout == "Login 1 of eve@a.org has ended.\n"
    assert LoginSessions(app.db, app.settings, app.now).find(token) is None
    assert run(cli, ["sessions", "list"]).stdout == "Nobody is logged in.\n"
    assert "session  login 1 of eve@a.org  (by ada" in run(cli, ["audit", "list"]).stdout
    with pytest.raises(Conflict, match="has ended already"):
        run(cli, ["sessions", "end", "1"], catch_exceptions=False)
    with pytest.raises(NotFound, match="`sessions list`"):
        run(cli, ["sessions", "end", "9"], catch_exceptions=False)
    with app.db.read() as conn:
        assert sessions.get_session(conn, 1).ended_at == NOON
