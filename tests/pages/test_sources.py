"""The sources on the data page: how they are, collecting now, and mapping a table."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import bootstrap
from core.bootstrap import App
from core.domain.source import CollectionOutcome, Watermark
from core.jobs.runner import run_job
from core.store.data import sources
from core.store.jobs import jobs
from tests.supastack.stack import Stack
from ui.common import context

OpenPage = Callable[..., AppTest]
Read = Callable[[AppTest], str]


@pytest.fixture
def connected(
    home: Path, now: Callable[[], object], monkeypatch: pytest.MonkeyPatch, request: object
) -> Iterator[Callable[[str, str], App]]:
    """Builds the app of an installation that has a Supabase project."""
    built: list[App] = []

    def build(url: str, key: str) -> App:
        values = {
            "PLUMBLINE_HOME": str(home),
            "PLUMBLINE_USER": "ada",
            "PLUMBLINE_SUPABASE_URL": url,
            "PLUMBLINE_SUPABASE_KEY": key,
        }
        app = bootstrap.build_app(values, now)  # type: ignore[arg-type]
        monkeypatch.setattr(context, "build_app", lambda: app)
        st.cache_resource.clear()
        built.append(app)
        return app

    yield build
    st.cache_resource.clear()
    for app in built:
        app.close()


def test_without_a_project_it_says_what_to_set(app: App, open_page: OpenPage, read: Read) -> None:
    said = read(open_page("data"))
    assert "set PLUMBLINE_SUPABASE_URL" in said
    assert "Collect now" not in said


def test_each_source_says_how_its_last_collection_went(
    connected: Callable[[str, str], App], open_page: OpenPage, read: Read
) -> None:
    app = connected("https://x.supabase.co", "secret-key")
    for name, outcome in (
        ("ratings", CollectionOutcome.FAILED),
        ("others", CollectionOutcome.COLLECTED),
    ):
        with app.db.write() as conn:
            source = sources.begin_attempt(conn, f"supabase:{name}", {}, app.now())
            sources.save_source(
                conn,
                replace(
                    source,
                    outcome=outcome,
                    message=f"What came of {name}.",
                    watermark=Watermark(app.now()),
                    n_received=1_441,
                    n_new=12,
                ),
            )
    page = open_page("data")
    assert not page.exception
    assert [error.value for error in page.error] == [
        r"**supabase\:ratings**: What came of ratings."
    ]
    table = page.dataframe[0].value
    assert list(table["source"]) == ["supabase:ratings", "supabase:others"], "failed first"
    assert list(table["rows read"]) == [1441, 1441]
    assert list(table["outcome"]) == ["failed", "collected"]
    assert "secret-key" not in read(page) + table.to_csv()


def test_collecting_now_is_a_job(connected: Callable[[str, str], App], open_page: OpenPage) -> None:
    app = connected("https://x.supabase.co", "k")
    page = open_page("data").button(key="collect_now").click().run()
    assert page.success[0].value.startswith("Collection")
    with app.db.read() as conn:
        (job,) = jobs.load_jobs(conn, 9)
    assert (job.kind, job.requested_by) == ("collect", "ada")


@pytest.mark.slow
def test_a_table_is_tried_before_it_is_collected(
    stack: Stack, connected: Callable[[str, str], App], open_page: OpenPage, read: Read
) -> None:
    stack.execute(
        "CREATE TABLE ratings (id INT PRIMARY KEY, created_at TIMESTAMPTZ, stars INT, length INT)",
        "INSERT INTO ratings SELECT g, '2026-02-01', g % 6, g FROM generate_series(1, 30) g",
    )
    app = connected(stack.url, stack.service_key)
    page = open_page("data")
    page.text_input(key="map_table_name").set_value("ratings")
    page = page.button(key="map_table_look").click().run()
    assert page.success[0].value == "Supabase answers: 4 columns in 'ratings'."
    page.number_input(key="map_table_low_ratings").set_value(0.0)
    page.number_input(key="map_table_high_ratings").set_value(4.0)
    page = page.run()
    assert "Row 5 would be rejected: id 5: target 'stars': is 5" in page.warning[0].value
    assert list(page.dataframe[0].value["target"])[:4] == [25.0, 50.0, 75.0, 100.0]
    page.text_input(key="map_table_save_reason").set_value("our ratings")
    page = page.button(key="map_table_save_confirm").click().run()
    assert not page.exception
    with app.db.read() as conn:
        (change,) = sources.load_mappings(conn)
    assert (change.table, change.by, change.reason) == ("ratings", "ada", "our ratings")
    assert change.mapping is not None
    assert change.mapping["features"] == ["length"]


@pytest.mark.slow
def test_a_table_that_is_not_there_is_a_sentence(
    stack: Stack, connected: Callable[[str, str], App], open_page: OpenPage
) -> None:
    connected(stack.url, stack.service_key)
    page = open_page("data")
    page.text_input(key="map_table_name").set_value("raitings")
    page = page.button(key="map_table_look").click().run()
    assert "no table 'raitings'" in page.error[0].value


def test_what_a_collection_brought_is_said_source_by_source(
    full: App, open_page: OpenPage, read: Callable[[AppTest], str]
) -> None:
    with full.db.write() as conn:
        waiting = jobs.append_job(conn, "collect", {}, by="ada", reason="r", now=full.now())
        job = jobs.claim_job(conn, waiting.id, full.now())
    run_job(full, job)
    page = open_page("data")
    assert not page.exception
    assert "feedback: " in read(page)
