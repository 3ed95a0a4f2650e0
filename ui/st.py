"""Streamlit as the pages use it: every text that it shows is plain unless it is `Markdown`.

Nothing else in `ui` or `pages` imports Streamlit, so that no name from outside can become markup.
Where a text ought to be Markdown and is not, its stars are seen; the other way round is a hole."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, cast

import streamlit
from streamlit.delta_generator import DeltaGenerator as DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile as UploadedFile

from core.safety.plain_text import show_hidden
from ui.common import charts
from ui.markup import Markdown, escape

Call = TypeVar("Call", bound=Callable[..., Any])

_TEXTS = ("body", "label", "text", "title")
"""Parameters that Streamlit renders as Markdown, whichever function has them; and `help`."""


def _plain(function: Call, *others: str) -> Call:
    """The function with its texts escaped; of what is too long, its tooltip shows the whole."""
    signature = inspect.signature(function)
    names = [name for name in (*_TEXTS, *others) if name in signature.parameters]
    has_help = "help" in signature.parameters

    @functools.wraps(function)
    def call(*args: object, **options: object) -> object:
        given = signature.bind(*args, **options)
        whole: list[str] = []
        for name in names:
            text = given.arguments.get(name)
            if isinstance(text, str):
                shown = escape(text, shorten=has_help)
                given.arguments[name] = shown
                whole += shown.whole
        if has_help:
            help = given.arguments.get("help")
            told = [help] if isinstance(help, str) else []
            told += [text for text in whole if text not in told]
            if told:
                lines = [escape(text, shorten=False) for text in told]
                given.arguments["help"] = Markdown("\n\n").join(lines)
        return function(*given.args, **given.kwargs)

    return cast(Call, call)


def _choice(function: Call, write: Callable[[str], str]) -> Call:
    """A widget with options, each written by `write`, and its own texts escaped."""
    plain = _plain(function)

    @functools.wraps(function)
    def call(label: str, options: Any, **others: Any) -> object:
        name = others.pop("format_func", None) or str
        return plain(label, options, format_func=lambda option: write(name(option)), **others)

    return cast(Call, call)


# What shows text.
title = _plain(streamlit.title)
subheader = _plain(streamlit.subheader)
markdown = _plain(streamlit.markdown)
caption = _plain(streamlit.caption)
error = _plain(streamlit.error)
warning = _plain(streamlit.warning)
info = _plain(streamlit.info)
success = _plain(streamlit.success)
metric = _plain(streamlit.metric, "value", "delta", "delta_description")
progress = _plain(streamlit.progress)
spinner = _plain(streamlit.spinner)

# What is clicked and filled in.
button = _plain(streamlit.button)
link_button = _plain(streamlit.link_button)
form_submit_button = _plain(streamlit.form_submit_button)
download_button = _plain(streamlit.download_button)
page_link = _plain(streamlit.page_link)
checkbox = _plain(streamlit.checkbox)
toggle = _plain(streamlit.toggle)
text_input = _plain(streamlit.text_input)
number_input = _plain(streamlit.number_input)
slider = _plain(streamlit.slider)
datetime_input = _plain(streamlit.datetime_input)
file_uploader = _plain(streamlit.file_uploader)
selectbox = _choice(streamlit.selectbox, show_hidden)
multiselect = _choice(streamlit.multiselect, show_hidden)
segmented_control = _choice(streamlit.segmented_control, escape)

# What holds other things.
expander = _plain(streamlit.expander)
popover = _plain(streamlit.popover)
container = streamlit.container
form = streamlit.form
grid = streamlit.grid
sidebar = streamlit.sidebar
skeleton = streamlit.skeleton


def tabs(labels: Sequence[str], *, key: str | None = None) -> Sequence[DeltaGenerator]:
    """Tabs with plain labels."""
    return streamlit.tabs([escape(label, shorten=False) for label in labels], key=key)


def table(rows: Sequence[Mapping[str, str]], **options: Any) -> None:
    """A small table, whose cells may be Markdown."""
    streamlit.table(
        [{escape(name): escape(text) for name, text in row.items()} for row in rows], **options
    )


def dataframe(
    rows: Sequence[Mapping[str, object]], *, column_config: Mapping[str, Any], **options: Any
) -> object:
    """A table of values, which Streamlit draws as they are; `column_config` says how. What comes
    back is Streamlit's, with the selection where `options` ask for one."""
    return streamlit.dataframe(
        [{show_hidden(name): _show_cell(value) for name, value in row.items()} for row in rows],
        column_config={show_hidden(name): column for name, column in column_config.items()},
        **options,
    )


def code(lines: Sequence[str], *, height: int | Literal["content"]) -> None:
    """Lines of a log, as they are."""
    streamlit.code("\n".join(map(show_hidden, lines)), language=None, height=height)


def plotly_chart(
    figure: charts.Figure, *, key: str, alt: str, config: Mapping[str, object]
) -> None:
    """A chart, which escapes its own texts; `alt` says what it shows to those who cannot see it."""
    streamlit.plotly_chart(figure, key=key, config=dict(config), alt=show_hidden(alt))


def _show_cell(value: object) -> object:
    return show_hidden(value) if isinstance(value, str) else value


class column_config:  # as Streamlit names it
    """The formats of a table's columns."""

    TextColumn = _plain(streamlit.column_config.TextColumn)
    NumberColumn = _plain(streamlit.column_config.NumberColumn)
    DatetimeColumn = _plain(streamlit.column_config.DatetimeColumn)
    ProgressColumn = _plain(streamlit.column_config.ProgressColumn)
    BarChartColumn = _plain(streamlit.column_config.BarChartColumn)
    LinkColumn = _plain(streamlit.column_config.LinkColumn)


# What shows no text of ours, or is told none that comes from outside.
Page = streamlit.Page
cache_resource = streamlit.cache_resource
fragment = streamlit.fragment
logo = streamlit.logo
navigation = streamlit.navigation
query_params = streamlit.query_params
rerun = streamlit.rerun
cache_data = streamlit.cache_data
session_state = streamlit.session_state
set_page_config = streamlit.set_page_config
stop = streamlit.stop
