"""The guard: who may see a page, and what they are told when nobody can."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import bootstrap
from core.bootstrap import App
from core.errors import InvalidInput, Refused, Unavailable
from tests.conftest import PATIENCE_SECONDS
from tests.markup import undo_escapes
from ui import context

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "pages").glob("*.py"))
LOGIN = {
    "redirect_uri": "http://localhost:8501/oauth2callback",
    "cookie_secret": "x" * 32,
    "client_id": "id",
    "client_secret": "secret",
    "server_metadata_url": "https://id.example/.well-known/openid-configuration",
}

Visit = Callable[..., AppTest]


@pytest.fixture
def visit(
    home: Path, monkeypatch: pytest.MonkeyPatch, now: Callable[[], object], quick_pages: None
) -> Iterator[Visit]:
    """Opens the dashboard as somebody, with or without a login set up."""
    built: list[App] = []

    def build(allowed: str) -> App:
        values = {"PLUMBLINE_HOME": str(home), "PLUMBLINE_USER": "ada"}
        built.append(
            bootstrap.build_app({**values, "PLUMBLINE_ALLOWED_EMAILS": allowed}, now)  # type: ignore[arg-type]
        )
        return built[-1]

    def visit_(
        path: str = "ui/navigation.py",
        *,
        login: bool = True,
        allowed: str = "ada@example.com",
        user: dict[str, object] | None = None,
    ) -> AppTest:
        st.cache_resource.clear()
        monkeypatch.setattr(context, "build_app", lambda: build(allowed))
        page = AppTest.from_file(str(ROOT / path), default_timeout=PATIENCE_SECONDS)
        if login:
            page.secrets["auth"] = LOGIN
        if user is not None:
            page.user = user
        return page.run()

    yield visit_
    st.cache_resource.clear()
    for app in built:
        app.close()


def test_without_login_the_local_user_acts(visit: Visit) -> None:
    page = visit(login=False, allowed="")
    assert not page.exception
    assert page.title[0].value == "Overview"
    assert any("ada" in caption.value for caption in page.sidebar.caption)


def test_somebody_who_is_not_logged_in_sees_a_login_and_nothing_else(visit: Visit) -> None:
    page = visit(user={"is_logged_in": False})
    assert [button.label for button in page.button] == ["Log in"]
    assert [title.value for title in page.title] == ["Plumbline"]


def test_an_allowed_person_is_who_acts(visit: Visit) -> None:
    page = visit(user={"is_logged_in": True, "email": "Ada@example.com"})
    assert page.title[0].value == "Overview"
    assert any("Ada@example.com" in undo_escapes(one.value) for one in page.sidebar.caption)


@pytest.mark.parametrize(
    "user",
    [
        {"is_logged_in": True, "email": "eve@example.com"},
        {"is_logged_in": True, "email": "ada@example.com", "email_verified": False},
        {"is_logged_in": True},
    ],
)
def test_anybody_else_is_refused(visit: Visit, user: dict[str, object]) -> None:
    page = visit(user=user)
    assert "may not see this dashboard" in page.error[0].value
    assert not page.title


def test_a_login_that_allows_nobody_lets_nobody_in(visit: Visit) -> None:
    page = visit(allowed="", user={"is_logged_in": True, "email": "ada@example.com"})
    assert "may not see this dashboard" in page.error[0].value


def test_a_list_of_people_without_a_login_is_no_open_door(visit: Visit) -> None:
    page = visit(login=False)
    assert "login is not" in page.error[0].value
    assert not page.title


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_guards_itself_however_it_is_reached(visit: Visit, path: Path) -> None:
    page = visit(f"pages/{path.name}", user={"is_logged_in": False})
    assert not page.exception
    assert [title.value for title in page.title] == ["Plumbline"]
    assert not page.metric
    assert not page.dataframe


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_begins_with_the_guard(path: Path) -> None:
    statements = ast.parse(path.read_text()).body
    code = [one for one in statements if not isinstance(one, ast.Import | ast.ImportFrom)]
    assert ast.unparse(code[1]) == "app = context.get_app()"  # after the docstring


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("The database is of a newer program: install that one."),
        InvalidInput("PLUMBLINE_SCALE: 'x' is not two numbers LOW:HIGH, such as 0:100."),
    ],
)
def test_a_store_that_cannot_be_used_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, quick_pages: None, error: Exception
) -> None:
    def fail() -> App:
        raise error

    st.cache_resource.clear()
    monkeypatch.setattr(context, "build_app", fail)
    page = AppTest.from_file(str(ROOT / "ui/navigation.py"), default_timeout=PATIENCE_SECONDS).run()
    assert not page.exception
    assert [undo_escapes(message.value) for message in page.error] == [str(error)]


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.4", "::", None, ""])
def test_the_server_refuses_to_listen_to_others_without_a_login(address: str | None) -> None:
    with pytest.raises(Refused, match="without a login"):
        context.check_address(address, ("ada@example.com",))


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1"])
def test_the_server_listens_to_this_machine(address: str) -> None:
    context.check_address(address, ())


def test_only_errors_with_a_sentence_are_shown_as_one() -> None:
    assert not context.show_problem(KeyError("a bug"))
