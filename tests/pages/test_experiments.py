"""The experiments page says why one version and not another, and what everybody said of them."""

from collections.abc import Callable
from dataclasses import replace

from streamlit.testing.v1 import AppTest

from core.bootstrap import App
from core.domain.training_report import SearchAttempt
from core.domain.version import NoteKind
from core.registry import RunSummary
from core.store.engine import schema
from core.store.models import versions
from core.training.notes import add_note
from tests.people import person

OpenPage = Callable[..., AppTest]
Read = Callable[[AppTest], str]


def test_one_screen_says_why_what_changed_and_what_serves(
    full: App, open_page: OpenPage, read: Read
) -> None:
    page = open_page("experiments", compare="2,1")
    said = read(page)
    assert "v2 errs least on the same 100 held-out rows" in said
    assert "v1 serves now, and passed its gate." in said
    assert "Changes from v1 to v2" in said
    assert "- **parameters**: recipe was baseline and is advanced." in said
    assert {tab.label for tab in page.tabs} >= {"Learning curves", "Residuals", "Search"}


def test_a_search_that_was_kept_is_listed_and_one_that_was_not_says_so(
    full: App, open_page: OpenPage, read: Read
) -> None:
    with full.db.write() as conn:
        report = versions.get_version(conn, 2).report
        tried = tuple(SearchAttempt({"max_depth": n}, 5.0 + n, 5) for n in (2, 4))
        changed = schema.versions.update().where(schema.versions.c.number == 2)
        conn.execute(changed.values(report=replace(report, attempts=tried)))
    page = open_page("experiments", compare="2,1")
    assert not page.exception
    said = read(page)
    assert "2 combinations; the loss is the mean over the folds" in said
    assert "The least loss was not chosen" in said  # a depth of 4 was
    (table,) = [table.value for table in page.dataframe if "loss" in table.value]
    assert table[["chosen", "loss", "max_depth"]].values.tolist() == [["", 7.0, 2], ["✓", 9.0, 4]]
    assert "No combinations in its report" in said


def test_scoring_on_the_same_rows_says_why_it_cannot(
    full: App, open_page: OpenPage, read: Read
) -> None:
    page = open_page("experiments", compare="2,1")
    page.button(key="together").click().run()
    assert not page.exception
    assert "are gone" in read(page)


def test_a_note_and_a_tag_are_kept_with_who_said_it(
    full: App, open_page: OpenPage, read: Read
) -> None:
    page = open_page("experiments")
    page.selectbox(key="note_version").set_value(2)
    page.text_input(key="note_text").set_value("Errs on go.")
    page.button(key="note_confirm").click().run()
    assert "v2 has a new note." in read(page)
    with full.db.read() as conn:
        (note,) = versions.load_notes(conn, [2])[2]
    assert (note.text, note.by, note.kind) == ("Errs on go.", "ada", NoteKind.NOTE)
    (table,) = [table.value for table in page.dataframe if "text" in table.value]
    assert table[["version", "what", "text", "by"]].values.tolist() == [
        ["v2", "note", "Errs on go.", "ada"]
    ]
    assert page.text_input(key="note_text").value == ""


def test_a_note_without_words_is_refused_with_a_sentence(
    full: App, open_page: OpenPage, read: Read
) -> None:
    page = open_page("experiments")
    page.button(key="note_confirm").click().run()
    assert "A note has 1 to 2,000 characters" in read(page)


def test_tags_stand_beside_their_version(full: App, open_page: OpenPage) -> None:
    add_note(full.db, 3, NoteKind.TAG, "candidate", by=person("ada"), now=full.now())
    (table,) = [
        table.value for table in open_page("experiments").dataframe if "tags" in table.value
    ]
    assert table["tags"].tolist() == ["candidate", "", ""]


def test_versions_that_tracking_lacks_are_named_until_it_has_them(
    full: App, open_page: OpenPage, read: Read
) -> None:
    assert "MLflow has no run of v3, v2, v1 yet" in read(open_page("experiments"))
    with full.db.write() as conn:
        for number in (1, 2, 3):
            versions.append_run(conn, number, f"run-{number}", full.now())
    assert "MLflow has no run" not in read(open_page("experiments"))


def test_runs_come_in_pages_and_another_order_begins_at_the_start(
    full: App, open_page: OpenPage, read: Read
) -> None:
    tracking = full.registry
    run = RunSummary("5f2e" * 8, 2, "advanced", "FINISHED", full.now(), 4.0, True, {}, {})
    tracking.runs = [replace(run, run_id=f"{n:032d}") for n in range(120)]  # type: ignore[attr-defined]
    page = open_page("experiments")
    assert "Runs 1 to 50" in read(page)
    page.button(key="runs_further").click().run()
    page.button(key="runs_further").click().run()
    assert "Runs 101 to 120" in read(page)
    assert page.button(key="runs_further").disabled
    page.button(key="runs_back").click().run()
    assert "Runs 51 to 100" in read(page)
    page.selectbox(key="runs_sort").set_value("mae").run()
    assert "Runs 1 to 50, by MAE, smallest first" in read(page)
    assert tracking.asked[-1] == ("mae", False, None)  # type: ignore[attr-defined]
    (table,) = [table.value for table in page.dataframe if "in MLflow" in table.value]
    assert table["in MLflow"][0] == f"http://127.0.0.1:5000/#/experiments/7/runs/{0:032d}"
