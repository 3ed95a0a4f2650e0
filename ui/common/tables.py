"""Tables: rows of plain values, a name for every column, times in UTC, shares as percentages."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from core import text
from core.safety.formulas import defuse
from ui import st

Row = Mapping[str, object]

_ROW_PIXELS = 35


def show(
    rows: Sequence[Row],
    *,
    key: str,
    alt: str,
    limit: int = 10,
    columns: Mapping[str, Any] | None = None,
) -> None:
    """Show rows as a table of at most `limit` rows' height; `columns` has the formats of columns
    that are not plain text. A reader may download the table, so cells and names that a spreadsheet
    would run are defused."""
    _draw(rows, key=key, alt=alt, limit=limit, columns=columns)


def choose(
    rows: Sequence[Row],
    *,
    key: str,
    alt: str,
    limit: int = 10,
    columns: Mapping[str, Any] | None = None,
) -> int | None:
    """Show rows as `show` does, and return the place of the selected one, or None."""
    chosen: Any = _draw(
        rows,
        key=key,
        alt=alt,
        limit=limit,
        columns=columns,
        on_select="rerun",
        selection_mode="single-row",
    )
    places = chosen.selection.rows
    return places[0] if places and places[0] < len(rows) else None


def time() -> Any:
    """Return a column of times; its name says UTC."""
    return st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm:ss")


def whole() -> Any:
    """Return a column of counts."""
    return st.column_config.NumberColumn(format="localized", width="small")


def wide() -> Any:
    """Return a column of sentences."""
    return st.column_config.TextColumn(width="large")


def figure() -> Any:
    """Return a column of measurements, as precise as needed to distinguish them."""
    return st.column_config.NumberColumn(format="%.4g")


def _draw(
    rows: Sequence[Row],
    *,
    key: str,
    alt: str,
    limit: int,
    columns: Mapping[str, Any] | None,
    **options: object,
) -> object:
    return st.dataframe(
        [{defuse(name): _plain(value) for name, value in row.items()} for row in rows],
        hide_index=True,
        height="content" if len(rows) <= limit else _ROW_PIXELS * (limit + 1),
        placeholder=text.NOTHING,
        column_config={defuse(name): config for name, config in (columns or {}).items()},
        key=key,
        alt=alt,
        **options,
    )


def _plain(value: object) -> object:
    """Return times without their zone, UTC as in the column's name, and texts safe for a
    spreadsheet."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return [defuse(part) for part in value] if isinstance(value, list) else defuse(value)


def bars(help: str) -> Any:
    """Return a column of small bar charts."""
    return st.column_config.BarChartColumn(width="small", y_min=0, help=help)


def progress() -> Any:
    """Return a column of percentages as bars."""
    return st.column_config.ProgressColumn(format="%.1f", min_value=0, max_value=100, width="small")
