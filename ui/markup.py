"""Text on the screen: what was not written in our source is shown as it is, never as markup."""

import html
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.safety.plain_text import leave_out_middle, show_hidden

_BREAK = ":color[]"
"""An empty element. What Streamlit looks for in the text after escapes were read (addresses, icons,
emoji, arrows) it does not find across one."""

_SYNTAX = re.compile(
    r"""
      (?P<cut> (?<=:)(?=//) | (?<=:)(?=[\w+-]+:|material/)  # http://, :emoji:, :material/icon:
             | (?<=[wW]{3})(?=\.) | (?<=@)(?=[\w-])       # www. and a@b.org
             | (?<=-)(?=[->]) | (?<=<)(?=[-=]) | (?<=>)(?==) | (?<=~)(?==) )  # -> -- <= >= ~=
    | (?P<space> ^[ ] | [ ](?=[ ]|$) )
    | (?P<mark> [\\`*\[\]<>~|\#$&{}] | (?<![A-Za-z0-9])_ | _(?![A-Za-z0-9])
              | :(?![0-9\s/.,;)'"]) | :(?=//) | :(?=[\w+-]+:|material/) | ^[-+=(] )
    """,
    re.VERBOSE | re.ASCII,
)
_NUMBERED = re.compile(r"^([0-9]+)([.)])(?=\s|$)")
_ICON = re.compile(r":material/[a-z0-9_]+:")
_FIELD_IN_CODE = re.compile(r"^[^`]*(`[^`]*`[^`]*)*`[^`{]*\{")


class Markdown(str):
    """Markdown that is written in our source. Whatever is put into it by `format`, `+` or `join` is
    escaped, unless it is Markdown as well; every other operation gives plain text again.

    >>> print(Markdown("**{}** by {}").format("a*b", Markdown("`ada`")))
    **a\\*b** by `ada`
    >>> type(Markdown("**a**").replace("a", "b")).__name__
    'str'
    """

    whole: tuple[str, ...] = ()  # the texts in it whose middle was left out

    def format(self, *args: object, **fields: object) -> "Markdown":
        """Put values into the fields; raises ValueError for a field inside `code`, which cannot be
        escaped there: put `code(value)` into a field outside."""
        if _FIELD_IN_CODE.match(self):
            raise ValueError(f"A field stands in code: {str(self)!r}")
        formatter = _Formatter()
        return _build(formatter.vformat(str(self), args, fields), formatter.whole)

    def join(self, parts: Iterable[str]) -> "Markdown":
        """The parts, escaped, with this between them."""
        found = [escape(part) for part in parts]
        return _build(str.join(self, found), [text for part in found for text in part.whole])

    def __add__(self, other: str) -> "Markdown":
        added = escape(other)
        return _build(str.__add__(self, added), [*self.whole, *added.whole])

    def __radd__(self, other: str) -> "Markdown":
        return escape(other) + self


class _Formatter(string.Formatter):
    """`str.format` that escapes what it puts in, and knows of which only a part is shown."""

    def __init__(self) -> None:
        self.whole: list[str] = []

    def format_field(self, value: Any, format_spec: str) -> str:
        """One value as Markdown."""
        text = value if isinstance(value, Markdown) else format(value, format_spec)
        shown = escape(text)
        self.whole += shown.whole
        return shown

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Look up a value by its name or place; never an attribute of one."""
        if "." in field_name or "[" in field_name:
            raise ValueError(f"A field names a value, not a part of one: {field_name!r}")
        return super().get_field(field_name, args, kwargs)


def escape(text: str, *, shorten: bool = True) -> Markdown:
    r"""Plain text as Markdown that shows each of its characters; Markdown as it is.

    >>> print(escape("a_b, _c and cost in $ [x](http://y)"))
    a_b, \_c and cost in \$ \[x\](http\::color[]//y)
    >>> print(escape("1. x"), escape("right\u202eleft"))
    1\. x right⟨U+202E⟩left
    """
    if isinstance(text, Markdown):
        return text
    shown = show_hidden(text)
    kept = leave_out_middle(shown) if shorten else shown
    escaped = _NUMBERED.sub(r"\1\\\2", _SYNTAX.sub(_escape_match, kept))
    return _build(escaped, [] if kept == shown else [text])


def code(text: str) -> Markdown:
    """Plain text as Markdown in the letters of code.

    >>> print(code("a*b"), code("a`b"))
    `a*b` `` a`b ``
    """
    shown = show_hidden(text)
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest or not shown.strip() else ""
    return _build(f"{fence}{pad}{shown}{pad}{fence}", [])


def badge(word: str, icon: str, color: str, *, ground: bool = True) -> Markdown:
    """A word with an icon on a coloured ground, or without `ground` itself in that colour; both are
    names that Streamlit knows.

    >>> print(badge("Open", ":material/warning:", "red"))
    :red-badge[:material/warning: Open]
    """
    if not (_ICON.fullmatch(icon) and color.isalpha()):
        raise ValueError(f"Neither an icon nor a colour: {icon!r}, {color!r}")
    where = f"{color}-badge" if ground else color
    return Markdown(":{}[{} {}]").format(where, _build(icon, []), word)


def bullets(texts: Iterable[str]) -> Markdown:
    """Texts as a list.

    >>> print(bullets(["a", "b*"]))
    - a
    - b\\*
    """
    return Markdown("\n").join(Markdown("- {}").format(text) for text in texts)


def escape_for_chart(text: str) -> str:
    """Plain text as plotly's pseudo-HTML that shows each of its characters.

    >>> escape_for_chart("<b>5 %{y}</b>")
    '&lt;b&gt;5 &#37;{y}&lt;/b&gt;'
    """
    shown = leave_out_middle(show_hidden(text))
    return html.escape(shown, quote=False).replace("%{", "&#37;{")


def _escape_match(found: re.Match[str]) -> str:
    if found["cut"] is not None:
        return _BREAK
    return "&nbsp;" if found["space"] else f"\\{found[0]}"


def _build(text: str, whole: Iterable[str]) -> Markdown:
    built = Markdown(text)
    built.whole = tuple(whole)
    return built
