"""What was not written in our source is escaped; that browsers show it so, `tests.e2e` holds."""

from collections.abc import Callable

import pytest

from core.safety.plain_text import LONGEST_WORD, show_hidden
from tests.markup import HIDDEN, HOSTILE, undo_escapes
from ui.markup import Markdown, badge, bullets, code, escape, escape_for_chart

IMAGE = "![x](http://127.0.0.1:1/x)"
SHOWN = r"!\[x\](http\::color[]//127.0.0.1:1/x)"


@pytest.mark.parametrize("text", HOSTILE)
def test_an_escaped_text_is_read_as_it_was(text: str) -> None:
    assert undo_escapes(escape(text)) == text


@pytest.mark.parametrize(("text", "shown"), HIDDEN)
def test_what_nobody_would_see_is_shown_by_its_number(text: str, shown: str) -> None:
    assert show_hidden(text) == shown
    assert undo_escapes(escape(text)) == shown
    assert undo_escapes(code(text)).strip("`") == shown


@pytest.mark.parametrize(
    "put",
    [
        Markdown("**{}**").format,
        lambda text: Markdown("**") + text + Markdown("**"),
        lambda text: "" + Markdown("**") + text + Markdown("**"),
        lambda text: Markdown("").join(["", Markdown("**"), text, Markdown("**")]),
        lambda text: Markdown("**{x:}**").format(x=text),
    ],
)
def test_whatever_is_put_into_markdown_is_escaped(put: Callable[[str], Markdown]) -> None:
    assert put(IMAGE) == f"**{SHOWN}**"
    assert put(Markdown("`a`")) == "**`a`**"


def test_markdown_that_was_handled_as_text_is_text_again() -> None:
    for text in (f"{Markdown('**a**')}", Markdown("**a**").replace("a", "b"), Markdown("**a**")[:]):
        assert escape(text).startswith(r"\*\*")


def test_no_field_stands_in_code_where_nothing_can_be_escaped() -> None:
    with pytest.raises(ValueError, match="stands in code"):
        Markdown("`x` and `{}`").format("a`b")
    assert Markdown("`x` and {}").format(code("a`b")) == "`x` and `` a`b ``"


def test_no_field_reaches_into_a_value() -> None:
    with pytest.raises(ValueError, match="not a part of one"):
        Markdown("{0.__class__}").format("a")


def test_of_an_overlong_name_the_middle_is_left_out_and_the_whole_is_known() -> None:
    name = "a" * 60 + "*" * 60
    found = Markdown("**{}** is long").format(name)
    assert undo_escapes(found) == f"**{'a' * 40}…{'*' * 39}** is long"
    assert found.whole == (name,)
    assert (bullets([name]) + "!").whole == (name,)
    assert escape("x" * LONGEST_WORD) == "x" * LONGEST_WORD
    assert escape(name, shorten=False).whole == ()


def test_a_badge_takes_icons_and_colours_only() -> None:
    assert badge("a*", ":material/help:", "red") == r":red-badge[:material/help: a\*]"
    with pytest.raises(ValueError, match="icon"):
        badge("a", IMAGE, "red")
    with pytest.raises(ValueError, match="colour"):
        badge("a", ":material/help:", "red[x]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<a href='http://127.0.0.1:1'>x</a>", "&lt;a href='http://127.0.0.1:1'&gt;x&lt;/a&gt;"),
        ("a<br>b", "a&lt;br&gt;b"),
        ("&lt;", "&amp;lt;"),
        ("5 %{y}", "5 &#37;{y}"),
        ("a\nb", "a⟨U+000A⟩b"),
    ],
)
def test_a_chart_reads_no_markup_in_a_text(text: str, shown: str) -> None:
    assert escape_for_chart(text) == shown
