"""The time machine on the deployments page."""

from collections.abc import Callable
from datetime import UTC, datetime

from streamlit.testing.v1 import AppTest

from core.bootstrap import App

OpenPage = Callable[..., AppTest]
Read = Callable[[AppTest], str]


def table_with(page: AppTest, column: str) -> list[list[object]]:
    found = [table.value for table in page.dataframe if column in table.value]
    rows: list[list[object]] = found[0].values.tolist()
    return rows


def test_the_timeline_lists_what_happened(full: App, open_page: OpenPage) -> None:
    page = open_page("deployments")
    assert not page.exception
    names = [row[2] for row in table_with(page, "detail")]
    assert {"v1", "deployed v1", "v3 trained", "90 rows", "latency, warning"} <= set(names)


def test_a_prediction_is_looked_up_by_its_id_from_the_address(
    full: App, open_page: OpenPage
) -> None:
    page = open_page("deployments", prediction=f"{3:032x}")
    assert not page.exception
    said = {str(row[0]): str(row[1]) for row in table_with(page, "value")}
    assert said["version"] == "v1"
    assert said["deployed by"] == "grace"
    assert said["label"].startswith("55, given by reviewer, received")


def test_an_unknown_prediction_is_said(full: App, open_page: OpenPage) -> None:
    page = open_page("deployments", prediction="nope")
    assert page.error[0].value == "There is no prediction nope."


def test_what_served_at_a_moment_is_said(full: App, open_page: OpenPage, read: Read) -> None:
    page = open_page("deployments")
    assert "by grace (revision 2): first model." in read(page)
    page.datetime_input(key="at").set_value(datetime(2026, 2, 1, 12, tzinfo=UTC)).run()
    assert "Nothing was deployed: the heuristic answered." in read(page)
