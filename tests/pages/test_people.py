"""People on the System page: who you are, what waits for a second person, keys and the audit."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from core.bootstrap import App
from core.domain.actor import Act, ApprovalState, Role
from core.domain.installation import Scope
from core.serving.keys import create_key, rotate_key
from core.store.engine import schema
from core.store.installation import api_keys, approvals, sessions
from tests.markup import undo_escapes
from tests.pages.test_roles import LogIn, log_in
from tests.people import ask_approval, person

__all__ = ["log_in"]

OpenPage = Callable[..., AppTest]
Read = Callable[[AppTest], str]


def ask(app: App, by: str, act: Act = Act.DEPLOY) -> int:
    """A request that waits."""
    with app.db.write() as conn:
        return approvals.append_request(
            conn, act=act, target="v7", digest="d", reason="errs less", asked_by=by, now=app.now()
        )


def make_key(app: App, name: str = "web") -> int:
    scopes = frozenset({Scope.PREDICT})
    return create_key(app.db, name, scopes, by=person("ada"), now=app.now())[0].id


# --- People and approvals -------------------------------------------------------------------


def test_the_page_says_who_you_are_and_your_role(
    log_in: LogIn, open_page: OpenPage, read: Read
) -> None:
    log_in(Role.LABELLER)
    said = read(open_page("system"))
    assert "You are **ada@a.org**, labeller." in said
    assert "Roles are given in PLUMBLINE_ROLES." in said


def test_a_login_without_roles_is_warned_of(log_in: LogIn, open_page: OpenPage, read: Read) -> None:
    log_in(None)
    assert "Everybody who may log in is admin: set PLUMBLINE_ROLES." in read(open_page("system"))


def test_an_admin_ends_a_login_and_others_do_not_see_them(
    log_in: LogIn, open_page: OpenPage
) -> None:
    app = log_in(Role.ADMIN)
    page = open_page("system")
    assert any("login" in table.value for table in page.dataframe)
    page.button(key="end_login_confirm").click().run()
    with app.db.read() as conn:
        assert sessions.get_session(conn, 1).ended_at == app.now()


def test_logins_are_for_admins(log_in: LogIn, open_page: OpenPage) -> None:
    log_in(Role.OPERATOR)
    assert not any("login" in table.value for table in open_page("system").dataframe)


@pytest.mark.parametrize(
    ("button", "state"), [("approve", ApprovalState.APPROVED), ("decline", ApprovalState.DECLINED)]
)
def test_a_request_is_decided_with_a_reason(
    log_in: LogIn, open_page: OpenPage, read: Read, button: str, state: ApprovalState
) -> None:
    app = log_in(Role.OPERATOR)
    number = ask(app, "grace@a.org")
    page = open_page("system")
    assert f"Request {number} by grace@a.org" in read(page)
    assert "Reason: errs less" in read(page)
    page.text_input(key=f"{button}_{number}_reason").set_value("looked at it")
    page.button(key=f"{button}_{number}_confirm").click().run()
    assert not page.exception
    with app.db.read() as conn:
        decided = approvals.get_approval(conn, number)
    assert (decided.state, decided.decided_by) == (state, "ada@a.org")


def test_nobody_can_press_approve_for_their_own_request_or_beyond_their_role(
    log_in: LogIn, open_page: OpenPage
) -> None:
    app = log_in(Role.OPERATOR)
    own, setting = ask(app, "ada@a.org"), ask(app, "grace@a.org", Act.SETTING)
    page = open_page("system")
    helps = [
        page.get_by_key(f"approve_{number}_popover_0").proto.popover.help
        for number in (own, setting)
    ]
    assert helps == [
        "Another person has to decide it.",
        "Needs the role admin; you are operator.",
    ]


def test_a_request_that_is_too_old_waits_no_more(
    full: App, open_page: OpenPage, read: Read
) -> None:
    with full.db.write() as conn:
        ask_approval(conn, full.now() - timedelta(hours=24), target="v7", by="grace", reason="old")
    assert "Reason: old" not in read(open_page("system"))


# --- Keys -----------------------------------------------------------------------------------


def test_a_key_says_its_state_and_last_use(full: App, open_page: OpenPage) -> None:
    for name in ("live", "rotated"):
        make_key(full, name)
    rotate_key(full.db, 2, overlap=timedelta(hours=24), by=person("ada"), now=full.now())
    with full.db.write() as conn:
        api_keys.set_used(conn, [1], full.now())
    (table,) = [t.value for t in open_page("system").dataframe if "scopes" in t.value]
    assert table["state"].tolist() == ["live", "rotated, ends 2026-03-03 12:00 UTC", "live"]
    assert table["last used (UTC)"].notna().tolist() == [True, False, False]


def test_a_key_is_rotated_with_an_overlap_of_a_day(full: App, open_page: OpenPage) -> None:
    number = make_key(full)
    page = open_page("system")
    page.button(key="rotate_key_confirm").click().run()
    assert not page.exception
    with full.db.read() as conn:
        old, new = api_keys.load_keys(conn)
    assert (old.id, old.replaced_by) == (number, new.id)
    assert old.expires_at == full.now() + timedelta(hours=24)
    assert new.prefix in page.success[0].value


# --- The audit ------------------------------------------------------------------------------


def find_audit(page: AppTest) -> list[str]:
    """The targets in the table of the audit."""
    return [
        str(target)
        for table in page.dataframe
        if "outcome" in table.value and "target" in table.value
        for target in table.value["target"]
    ]


def test_the_audit_is_searched_and_filtered(full: App, open_page: OpenPage) -> None:
    make_key(full)
    page = open_page("system")
    assert find_audit(page)[0] == "key 1 web"
    page.text_input(key="audit_search").set_value("no such thing").run()
    assert find_audit(page) == []
    page.text_input(key="audit_search").set_value("web").run()
    assert find_audit(page) == ["key 1 web"]
    page.toggle(key="audit_refused").set_value(True).run()
    assert find_audit(page) == []


def test_verifying_says_what_was_changed_past_the_program(
    full: App, open_page: OpenPage, read: Read
) -> None:
    make_key(full)
    page = open_page("system")
    page.button(key="verify_audit").click().run()
    assert "are as they were written" in page.success[0].value
    with full.db.write() as conn:
        conn.execute(sa.update(schema.api_keys).values(name="other"))
    page.button(key="verify_audit").click().run()
    assert "1 finding in" in page.error[0].value
    assert "Row 1 of api_keys was changed past the program." in read(page)


def test_the_downloaded_audit_is_json_lines_without_formulas(
    full: App, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[bytes] = []
    monkeypatch.setattr("ui.st.download_button", lambda _, data, **__: taken.append(data))
    number = ask(full, "grace")
    page = open_page("system")
    page.text_input(key=f"decline_{number}_reason").set_value("=1+1")
    page.button(key=f"decline_{number}_confirm").click().run()
    page.text_input(key="audit_search").set_value("request").run()
    (entry,) = [json.loads(line) for line in taken[-1].splitlines()]
    assert (entry["reason"], entry["by"]) == ("'=1+1", "ada")


def test_the_selected_entry_says_before_and_after(
    full: App, monkeypatch: pytest.MonkeyPatch, open_page: OpenPage
) -> None:
    make_key(full)
    monkeypatch.setattr("ui.system.audit.tables.choose", lambda *_, **__: 0)
    shown = [undo_escapes(code.value) for code in open_page("system").code]
    assert "nothing kept" in shown
    assert any('"scopes": [' in text for text in shown)
