"""Whatever text stands in the store, no page makes markup of it, and none loses it."""

import json
from collections.abc import Callable, Iterator

import pytest
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

from core.bootstrap import App
from core.errors import Refused
from tests.pages import poison
from tests.people import person
from ui.common import actions, context

OpenPage = Callable[..., AppTest]

STATES: tuple[tuple[str, dict[str, str]], ...] = (
    ("overview", {}),
    ("data", {}),
    ("training", {}),
    ("training", {"version": "1"}),
    ("experiments", {}),
    ("experiments", {"compare": "3,2,1"}),
    ("deployments", {"version": "2"}),
    ("deployments", {"prediction": f"{0:032x}"}),
    ("deployments", {"prediction": "f" * 32}),
    ("decisions", {}),
    ("monitoring", {}),
    ("system", {}),
)
_AS_IT_IS = {
    "alt",
    "code_text",
    "default",
    "form_id",
    "id",
    "options",  # of a selectbox; those of a segmented control are messages of their own
    "placeholder",
    "raw_values",
    "selected_values",
    "spec",  # of a chart: looked at by itself
    "url",
    "user_key",
    "value",
}
"""Fields that Streamlit's browser side shows as they are, or does not show."""


def walk(message: Message) -> Iterator[tuple[str, str | bytes]]:
    """Every string in a message with the name of its field."""
    for field, value in message.ListFields():
        parts = value if field.is_repeated else [value]
        for part in parts:
            if isinstance(part, Message):
                yield from walk(part)
            elif isinstance(part, str | bytes):
                yield field.name, part


def read_all(page: AppTest) -> list[tuple[str, str | bytes]]:
    """Every string that a page sends to the browser, the sidebar's too."""
    found: list[tuple[str, str | bytes]] = []
    for node in [*page.main, *page.sidebar]:
        proto = getattr(node, "proto", None)
        if isinstance(proto, Message):
            found += walk(proto)
    return found


@pytest.fixture
def poisoned(full: App) -> App:
    """A full store with a marker in every column that holds text of others."""
    poison.poison(full)
    return full


def find_markup(found: list[tuple[str, str | bytes]]) -> list[str]:
    """What a browser would read as markup."""
    wrong = []
    for name, text in found:
        if isinstance(text, bytes):
            continue
        if name == "spec":
            spec = json.dumps(json.loads(text), ensure_ascii=False)
            wrong += [f"{name}: {spec[:200]}"] if "<b>*b*" in spec else []
        elif name not in _AS_IT_IS:
            bare = text.replace(r"!\[", "").replace(r"\:red\[", "").replace(r"\$", "")
            marks = [mark for mark in ("![", ":red[r", "$x", "<b>*") if mark in bare]
            wrong += [f"{name}: {text[:300]}"] if marks else []
    return wrong


def test_every_column_that_holds_text_is_poisoned_or_says_why_not() -> None:
    listed = {table: set(columns) for table, columns in poison.COLUMNS.items()}
    assert listed == poison.list_text_columns(), "say of the new column in tests/pages/poison.py"


@pytest.mark.parametrize(("name", "query"), STATES)
def test_no_page_makes_markup_of_a_text_in_the_store(
    poisoned: App, open_page: OpenPage, name: str, query: dict[str, str]
) -> None:
    page = open_page(name, **query)
    assert not page.exception
    assert find_markup(read_all(page)) == []


def test_no_text_in_the_store_is_lost(poisoned: App, open_page: OpenPage) -> None:
    said = ""
    for name, query in STATES:
        for _, text in read_all(open_page(name, **query)):
            said += text.decode(errors="replace") if isinstance(text, bytes) else text
    missing = [where for where in poison.list_shown() if where not in said]
    assert missing == []


def test_what_an_action_says_is_no_markup(
    poisoned: App, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = poison.build_marker("outcome")
    page = open_page("data")
    page.session_state[actions._OUTCOMES] = [
        actions.ActionOutcome(marker, done=done) for done in (True, False)
    ]
    page.run()
    found = read_all(page)
    assert find_markup(found) == []
    assert sum(r"\[outcome\]" in str(text) for _, text in found) == 2


def test_a_store_that_cannot_be_used_is_told_without_markup(
    app: App, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> App:
        raise Refused(poison.build_marker("refused"))

    monkeypatch.setattr(context, "load_app", refuse)
    page = open_page("overview")
    found = read_all(page)
    assert find_markup(found) == []
    assert any("refused" in str(text) for _, text in found)


def test_a_user_s_name_is_no_markup(
    full: App, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "get_actor", lambda: person(poison.build_marker("user")))
    found = read_all(open_page("training"))
    assert find_markup(found) == []
    assert any("user" in str(text) for _, text in found)
