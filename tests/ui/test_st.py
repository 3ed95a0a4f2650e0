"""Everything that shows a text shows it as it is, and only what cannot do harm is passed on."""

import inspect

import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from tests.conftest import PATIENCE_SECONDS
from tests.markup import undo_escapes
from ui import st

IMAGE = "![x](http://127.0.0.1:1/x)"
LONG = "a" * 200


def show_everything(text: str) -> None:
    """A page that shows one text by everything there is."""
    from ui import st

    st.title(text, help=text)
    st.subheader(text)
    st.markdown(text, help=text)
    st.caption(text)
    for tell in (st.error, st.warning, st.info, st.success):
        tell(text)
    st.metric(text, text, text, help=text)
    st.progress(0.5, text)
    st.button(text, help=text, key="button")
    st.link_button(text, "http://127.0.0.1:1", help=text)
    st.checkbox(text, help=text)
    st.toggle(text, help=text)
    st.text_input(text, help=text)
    st.number_input(text, help=text)
    st.datetime_input(text, help=text, value=None)
    st.file_uploader(text, help=text)
    st.selectbox(text, ["a"], help=text)
    st.multiselect(text, ["a"], help=text)
    st.segmented_control(text, [text], help=text, key="control")
    st.expander(text)
    st.popover(text, help=text)
    st.tabs([text])
    st.table([{text: text}])
    with st.form("form"):
        st.form_submit_button(text, help=text)
    with st.spinner(text):
        pass
    st.dataframe([{"a": 1}], column_config={"a": st.column_config.NumberColumn(text, help=text)})


@pytest.fixture(scope="module")
def shown() -> str:
    """What the browser would get."""
    page = AppTest.from_function(
        show_everything, kwargs={"text": IMAGE}, default_timeout=PATIENCE_SECONDS
    ).run()
    assert not page.exception
    return "\n".join(str(getattr(node, "proto", "")) for node in page)


def test_no_text_reaches_the_browser_as_markup(shown: str) -> None:
    assert "![x](http" not in shown
    assert shown.count(r"!\\[x\\](http\\::color[]//127.0.0.1:1/x)") > 40


def test_what_is_too_long_is_whole_in_the_tooltip() -> None:
    page = AppTest.from_string(
        f"from ui import st\nst.caption({LONG!r})\nst.metric({LONG!r}, '1', help='H')"
    ).run(timeout=PATIENCE_SECONDS)
    (caption,), (metric,) = page.caption, page.metric
    assert caption.value == metric.label == "a" * 40 + "…" + "a" * 39
    assert (caption.help, metric.help) == (LONG, f"H\n\n{LONG}")


def test_nothing_that_renders_markdown_is_passed_on_as_it_is() -> None:
    """Streamlit says in its docstrings which parameters are Markdown."""
    for name, thing in vars(st).items():
        original = getattr(streamlit, name, None)
        if original is thing and callable(thing) and name not in RENDERS_OURS:
            assert "Markdown" not in (inspect.getdoc(thing) or ""), name


RENDERS_OURS = {"Page", "navigation"}
"""Whose texts are written in our source: the list of pages."""


def test_options_are_shown_as_they_are() -> None:
    page = AppTest.from_string(
        "from ui import st\n"
        "st.selectbox('a', ['*x*\\u202e'])\n"
        "st.multiselect('b', ['*x*'])\n"
        "st.segmented_control('c', ['*x*'], key='c')\n"
    ).run(timeout=PATIENCE_SECONDS)
    assert not page.exception
    assert page.selectbox[0].options == ["*x*⟨U+202E⟩"]
    assert page.multiselect[0].options == ["*x*"]
    control = next(node for node in page if getattr(node, "key", None) == "c")
    assert [undo_escapes(one.content) for one in control.proto.options] == ["*x*"]
    assert control.proto.options[0].content == r"\*x\*"
