"""The guard: who may see a page, and what they are told when nobody can."""

import ast
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import streamlit as st
from streamlit import net_util
from streamlit.testing.v1 import AppTest

from core import bootstrap
from core.bootstrap import App
from core.domain.sample import Provenance, Sample
from core.errors import InvalidInput, Refused, Unavailable
from core.store.data.samples import append_samples, finish_collection, start_collection
from tests.conftest import NOON, PATIENCE_SECONDS
from tests.markup import undo_escapes
from ui.common import context

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "pages").glob("*.py"))
SECRETS = """
[auth]
redirect_uri = "http://localhost:8501/oauth2callback"
cookie_secret = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
client_id = "id"
client_secret = "hidden4711"
server_metadata_url = "https://id.example/.well-known/openid-configuration"
"""
Visit = Callable[..., AppTest]


@pytest.fixture
def visit(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quick_pages: None,
) -> Iterator[Visit]:
    """Opens the dashboard with or without a login set up, as somebody who logged in some minutes
    ago, or as nobody."""
    built: list[App] = []
    clock = [NOON]

    def build(allowed: str) -> App:
        values = {"PLUMBLINE_HOME": str(home), "PLUMBLINE_USER": "ada"}
        built.append(
            bootstrap.build_app({**values, "PLUMBLINE_ALLOWED_EMAILS": allowed}, lambda: clock[0])
        )
        return built[-1]

    def visit_(
        path: str = "ui/navigation.py",
        *,
        login: bool = True,
        allowed: str = "ada@example.com",
        email: str = "",
        minutes: int = 0,
    ) -> AppTest:
        st.cache_resource.clear()
        context.load_rules.cache_clear()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PLUMBLINE_ALLOWED_EMAILS", allowed)
        secrets = tmp_path / ".streamlit" / "secrets.toml"
        secrets.parent.mkdir(exist_ok=True)
        secrets.write_text(SECRETS if login else "")
        monkeypatch.setattr(context, "build_app", lambda: build(allowed))
        token = None
        if email:
            sessions = context.load_login_sessions()
            token = sessions.start(email, authenticated_at=NOON, place="127.0.0.1")
            clock[0] = NOON + timedelta(minutes=minutes)
        monkeypatch.setattr(context, "_read_token", lambda: token)
        return AppTest.from_file(str(ROOT / path), default_timeout=PATIENCE_SECONDS).run()

    yield visit_
    st.cache_resource.clear()
    context.load_rules.cache_clear()
    for app in built:
        app.close()


def test_without_login_the_local_user_acts(visit: Visit) -> None:
    page = visit(login=False, allowed="")
    assert not page.exception
    assert page.title[0].value == "Overview"
    assert any("ada" in caption.value for caption in page.sidebar.caption)


def test_somebody_who_is_not_logged_in_sees_that_and_nothing_else(visit: Visit) -> None:
    page = visit()
    assert [text.value for text in page.markdown] == ["Your login has ended."]
    assert not page.title
    assert not page.sidebar.caption


def test_an_allowed_person_is_who_acts(visit: Visit) -> None:
    page = visit(email="ada@example.com")
    assert page.title[0].value == "Overview"
    assert any("ada@example.com" in undo_escapes(one.value) for one in page.sidebar.caption)


def test_somebody_who_left_the_list_sees_nothing(visit: Visit) -> None:
    page = visit(email="eve@example.com")
    assert [text.value for text in page.markdown] == ["Your login has ended."]
    assert not page.title


def test_a_login_that_allows_nobody_lets_nobody_in(visit: Visit) -> None:
    assert not visit(allowed="", email="ada@example.com").title


def test_a_list_of_people_without_a_login_is_no_open_door(visit: Visit) -> None:
    page = visit(login=False)
    assert "login is not" in page.error[0].value
    assert not page.title


def test_to_log_out_ends_the_session_and_the_page(visit: Visit) -> None:
    page = visit(email="ada@example.com")
    page.button(key="logout").click().run()
    assert [text.value for text in page.markdown] == ["Your login has ended."]
    assert not page.title


def test_a_click_of_somebody_whose_login_has_ended_does_nothing(visit: Visit) -> None:
    """What a button calls runs before the page, and so before its guard."""
    visit(email="ada@example.com", minutes=121)
    with pytest.raises(Refused, match="Your login has ended"):
        context.get_actor()


def test_the_gate_trusts_the_address_that_is_registered_at_the_provider(visit: Visit) -> None:
    visit(email="ada@example.com")
    trusted = context.load_rules().trusted
    assert trusted.public_origin == "http://localhost:8501"
    trusted.check_host("127.0.0.1:8501")
    with pytest.raises(Refused):
        trusted.check_host("evil.example")


# --- Keys and deletions ---------------------------------------------------------------------


def test_keys_are_made_after_a_login_of_the_last_minutes(visit: Visit) -> None:
    page = visit("pages/system.py", email="ada@example.com", minutes=14)
    assert not page.exception
    assert "create_key_confirm" in {button.key for button in page.button}
    assert context.get_recent_actor().name == "ada@example.com"


def test_keys_need_another_login_after_that(visit: Visit) -> None:
    page = visit("pages/system.py", email="ada@example.com", minutes=15)
    assert not page.exception
    assert {"create_key_confirm", "keys_login"} & {b.key for b in page.button} == {"keys_login"}
    with pytest.raises(Refused, match="needs a login of the last 15 minutes"):
        context.get_recent_actor()


def test_rows_are_deleted_after_a_login_of_the_last_minutes(visit: Visit) -> None:
    def offer(minutes: int) -> set[str | None]:
        page = visit("pages/data.py", email="ada@example.com", minutes=minutes)
        app = context.load_app()
        rows = [Sample("file:a.csv", Provenance.REAL, {"x": 1.0}, 5.0, group="g")]
        with app.db.write() as conn:
            source = start_collection(conn, "file:a.csv", {}, "ada", NOON)
            n_new = append_samples(conn, source, rows)
            finish_collection(
                conn,
                source,
                n_received=1,
                n_new=n_new,
                n_duplicate=1 - n_new,
                rejected=[],
                n_rejected=0,
                now=NOON,
            )
        page.run()
        page.text_input(key="erase_name").input("g")
        page.selectbox(key="erase_kind").select_index(1)
        page.run()
        assert not page.exception
        return {button.key for button in page.button}

    both = {"erase_login", "erase_now_confirm"}
    assert offer(14) & both == {"erase_now_confirm"}
    assert offer(15) & both == {"erase_login"}


def test_without_a_login_keys_need_none(visit: Visit) -> None:
    page = visit("pages/system.py", login=False, allowed="")
    assert "create_key_confirm" in {button.key for button in page.button}
    assert context.get_recent_actor().name == "ada"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_guards_itself_however_it_is_reached(visit: Visit, path: Path) -> None:
    page = visit(f"pages/{path.name}")
    assert not page.exception
    assert not page.title
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


def test_with_a_login_what_is_wrong_with_the_store_is_for_the_log(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> App:
        raise Unavailable("postgresql://host/secret-name does not answer: start it.")

    visit(email="ada@example.com")
    st.cache_resource.clear()
    monkeypatch.setattr(context, "build_app", fail)
    page = AppTest.from_file(str(ROOT / "ui/navigation.py"), default_timeout=PATIENCE_SECONDS).run()
    assert page.title[0].value == "Plumbline cannot start"
    assert [message.value for message in page.error] == ["Its log says why."]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Asks whether the server may start with a login or without, and with settings."""
    monkeypatch.chdir(tmp_path)

    def start_(address: str | None, *, login: bool, **values: str) -> None:
        context.load_rules.cache_clear()
        (tmp_path / ".streamlit").mkdir()
        (tmp_path / ".streamlit" / "secrets.toml").write_text(SECRETS if login else "")
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        context.check_address(address)

    yield start_
    context.load_rules.cache_clear()


Start = Callable[..., None]
ALLOWED = {"PLUMBLINE_ALLOWED_EMAILS": "ada@example.com"}


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.4", "::", None, ""])
def test_the_server_refuses_to_listen_to_others_without_a_login(
    start: Start, address: str | None
) -> None:
    with pytest.raises(Refused, match="without a login"):
        start(address, login=False, **ALLOWED)


def test_the_server_refuses_others_with_a_login_that_lists_nobody(start: Start) -> None:
    with pytest.raises(Refused, match="without a login"):
        start("0.0.0.0", login=True)


def test_the_server_refuses_a_proxy_without_a_login(start: Start) -> None:
    with pytest.raises(Refused, match="passed on by a proxy without a login"):
        start("127.0.0.1", login=False, PLUMBLINE_PROXY="on")


def test_with_a_login_the_server_listens_to_others(start: Start) -> None:
    start("0.0.0.0", login=True, PLUMBLINE_PROXY="on", **ALLOWED)


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1"])
def test_the_server_listens_to_this_machine(start: Start, address: str) -> None:
    start(address, login=False)


def test_streamlit_asks_no_server_for_this_machines_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a call to the internet")

    monkeypatch.setattr(net_util, "_external_ip", None)
    monkeypatch.setattr(net_util, "_make_blocking_http_get", fail)
    context.stay_on_this_machine()
    assert net_util.get_external_ip() == "127.0.0.1"


def test_only_errors_with_a_sentence_are_shown_as_one() -> None:
    assert not context.show_problem(KeyError("a bug"))
