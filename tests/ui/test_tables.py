"""A table that is looked at can be downloaded, so that no cell of it is a formula."""

from datetime import UTC, datetime

import pandas as pd
from streamlit.testing.v1 import AppTest


def _show_hostile_rows() -> None:
    from ui.common import tables

    tables.show(
        [
            {
                '=HYPERLINK("http://127.0.0.1/")': "=1+1",
                "@name": "@SUM(1)",
                "change": "-0.5 points",
                "n": -5,
                "parts": ["=1+1", "a"],
            }
        ],
        key="t",
        alt="",
        columns={"@name": tables.wide()},
    )


def test_no_cell_and_no_name_of_a_column_is_a_formula() -> None:
    shown = AppTest.from_function(_show_hostile_rows).run().dataframe[0]
    assert list(shown.value.columns) == [
        '\'=HYPERLINK("http://127.0.0.1/")',
        "'@name",
        "change",
        "n",
        "parts",
    ]
    first, *others, parts = shown.value.iloc[0].tolist()
    assert (first, others, list(parts)) == (
        "'=1+1",
        ["'@SUM(1)", "-0.5 points", -5],
        ["'=1+1", "a"],
    )
    assert '"\'@name"' in shown.proto.columns, "its settings go with its name"


def _show_a_time() -> None:
    from datetime import UTC, datetime

    from ui.common import tables

    tables.show([{"when (UTC)": datetime(2026, 3, 2, 12, tzinfo=UTC)}], key="t", alt="")


def test_a_time_is_shown_in_utc() -> None:
    shown = AppTest.from_function(_show_a_time).run().dataframe[0]
    at = datetime(2026, 3, 2, 12, tzinfo=UTC).replace(tzinfo=None)
    assert shown.value["when (UTC)"].tolist() == [pd.Timestamp(at)]
