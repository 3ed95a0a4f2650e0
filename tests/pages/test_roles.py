"""Buttons follow roles, and whoever presses one all the same is refused by the core."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

from core import bootstrap
from core.bootstrap import App
from core.domain.actor import Act, AuditOutcome, Role
from core.store.installation import audit
from tests.conftest import NOON
from tests.markup import undo_escapes
from tests.pages.conftest import Tracking
from tests.ui.test_context import SECRETS
from ui.common import context

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["overview", "data", "training", "experiments", "deployments", "monitoring", "system"]
READS = {  # what changes nothing, and is for everybody
    "explain",
    "keys_login",
    "logout",
    "nearest",
    "rehearse",
    "rehearse_setting",
    "runs_back",
    "runs_further",
    "together",
    "download_audit",
    "verify_audit",
}
OpenPage = Callable[..., AppTest]
LogIn = Callable[[Role | None], App]


@pytest.fixture
def log_in(
    full: App, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LogIn]:
    """Logs in as ada with a role, or where nobody has one, and returns the app that the pages then
    have."""
    built: list[App] = []

    def log_in_(role: Role | None) -> App:
        values = {
            "PLUMBLINE_HOME": str(home),
            "PLUMBLINE_ALLOWED_EMAILS": "ada@a.org",
            "PLUMBLINE_ROLES": f"ada@a.org={role}" if role else "",
            "PLUMBLINE_WATCH_FOLDER": str(tmp_path),
            "PLUMBLINE_NOTIFY": "json://127.0.0.1:9/",
        }
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        app = bootstrap.build_app(values, lambda: NOON)
        built.append(app)
        monkeypatch.setattr(context, "build_app", lambda: replace(app, registry=Tracking(home)))
        (tmp_path / ".streamlit").mkdir()
        (tmp_path / ".streamlit" / "secrets.toml").write_text(SECRETS)
        monkeypatch.chdir(tmp_path)
        st.cache_resource.clear()
        context.load_rules.cache_clear()
        token = context.load_login_sessions().start(
            "ada@a.org", authenticated_at=NOON, place="127.0.0.1"
        )
        monkeypatch.setattr(context, "_read_token", lambda: token)
        return app

    yield log_in_
    st.cache_resource.clear()
    context.load_rules.cache_clear()
    for app in built:
        app.close()


def fill_in(page: AppTest) -> AppTest:
    """The page with everything filled in that its buttons ask for."""
    for text in page.text_input:
        if (text.key or "").startswith("value_"):
            text.set_value("0.79")
        elif text.key == "erase_name":
            text.set_value(f"{0:032x}")
        elif text.key in ("key_name", "note_text") or (text.key or "").endswith("_reason"):
            text.set_value("because")
    for box in page.checkbox:
        box.check()
    for choice in page.multiselect:
        if choice.key == "key_scopes":
            choice.set_value(choice.options[:1])
    return page


def find_enabled(page: AppTest) -> set[str | None]:
    """What a person can press on a page, apart from what only reads."""
    pressed = {button.key for button in page.button if not button.disabled}
    opened = {
        block.proto.popover.label
        for block in walk(page)
        if block.type == "popover" and not block.proto.popover.disabled
    }
    uploads = {upload.key for upload in page.file_uploader if not upload.disabled}
    return (pressed | opened | uploads) - READS


def walk(page: AppTest) -> Iterator[Block]:
    """Every block of a page."""
    waiting: list[Block] = [page.main, page.sidebar]
    while waiting:
        block = waiting.pop()
        yield block
        waiting += [child for child in block.children.values() if isinstance(child, Block)]


@pytest.mark.parametrize("name", PAGES)
def test_a_viewer_finds_nothing_to_press(log_in: LogIn, open_page: OpenPage, name: str) -> None:
    log_in(Role.VIEWER)
    page = open_page(name)
    assert not page.exception
    assert find_enabled(fill_in(page).run()) == set()
    told = {undo_escapes(button.help) for button in page.button if button.disabled and button.help}
    assert all("you are viewer" in help or "you are" not in help for help in told)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_the_audit_is_for_operators(log_in: LogIn, open_page: OpenPage, role: Role) -> None:
    log_in(role)
    page = open_page("system")
    shown = {button.key for button in page.button} & {"verify_audit"}
    assert shown == ({"verify_audit"} if role is Role.OPERATOR else set())
    said = {undo_escapes(caption.value) for caption in page.caption}
    assert ("Needs the role operator; you are viewer." in said) == (role is Role.VIEWER)


@pytest.mark.parametrize("name", PAGES)
def test_an_operator_finds_no_keys_settings_and_deletions_to_press(
    log_in: LogIn, open_page: OpenPage, name: str
) -> None:
    log_in(Role.OPERATOR)
    page = fill_in(open_page(name)).run()
    for_admins = ("key", "setting", "erase")
    assert [key for key in find_enabled(page) if any(w in str(key) for w in for_admins)] == []
    if name in ("deployments", "training", "monitoring"):
        assert find_enabled(page)


def test_the_help_of_a_button_says_which_role_it_needs(log_in: LogIn, open_page: OpenPage) -> None:
    log_in(Role.LABELLER)
    page = open_page("deployments")
    assert page.get_by_key("rollback_popover_0").proto.popover.help == (
        "Needs the role operator; you are labeller."
    )


@pytest.mark.slow  # each button of each page
@pytest.mark.parametrize("name", PAGES)
def test_a_screen_that_forgets_the_role_is_refused_and_the_audit_has_it(
    log_in: LogIn, open_page: OpenPage, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streamlit itself drops the click on a disabled button; the core does not count on it."""
    app = log_in(Role.VIEWER)
    closed = {button.key for button in fill_in(open_page(name)).run().button if button.disabled}
    monkeypatch.setattr(context, "find_refusal", lambda act: None)
    for key in sorted(closed - {*READS, "rollback_none"}):
        before = len(load_refused(app))
        page = fill_in(fill_in(open_page(name)).run())
        page.button(key=key).click().run()
        assert not page.exception, key
        said = [undo_escapes(message.value) for message in page.error]
        assert any("needs the role" in message for message in said), (key, said)
        assert len(load_refused(app)) == before + 1, key
    assert {entry.by for entry in load_refused(app)} <= {"ada@a.org"}
    assert load_done(app) == {Act.ADOPT, Act.LOGIN}


def load_refused(app: App) -> list[audit.AuditEntry]:
    with app.db.read() as conn:
        found = audit.search_entries(conn, "")
    return [entry for entry in found if entry.outcome is AuditOutcome.REFUSED]


def load_done(app: App) -> set[Act]:
    with app.db.read() as conn:
        found = audit.search_entries(conn, "")
    return {entry.act for entry in found if entry.outcome is AuditOutcome.DONE}


def test_a_form_is_sent_by_the_buttons_that_follow_roles() -> None:
    for path in [*(ROOT / "ui").rglob("*.py"), *(ROOT / "pages").glob("*.py")]:
        if path == ROOT / "ui" / "common" / "actions.py" or path == ROOT / "ui" / "st.py":
            continue
        calls = [
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
        ]
        names = {ast.unparse(call.func) for call in calls}
        assert not names & {"st.form_submit_button", "actions.run", "actions.attempt"}, path
