"""Every source is collected whatever the others do, and each failure is said once."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from core.data.collect_all import gather, gather_tables, refuse_failures
from core.data.quality.overview import describe_data
from core.data.tables.sync_cursor import Request
from core.domain.source import CollectionOutcome, Source
from core.errors import InvalidInput, NotFound, Refused, Unavailable
from core.settings import parse_settings
from core.store.engine.database import Database
from tests.fakes import make_prediction
from tests.streams import NOON, add_labels, add_predictions

Clock = Callable[[], datetime]


def make_source(name: str, outcome: CollectionOutcome, message: str = "", n_new: int = 0) -> Source:
    return Source(
        name, {}, 1, NOON, finished_at=NOON, outcome=outcome, message=message, n_new=n_new
    )


def gather_now(db: Database, home: Path, **values: str) -> list[Source]:
    settings = parse_settings({"PLUMBLINE_HOME": str(home), **values})
    return gather(
        db, settings, Request(), by="ada", now=lambda: NOON, progress=lambda share, text: None
    )


def test_feedback_is_a_source_that_needs_no_setting(db: Database, home: Path) -> None:
    add_predictions(db, [make_prediction("a")])
    add_labels(db, [("a", 74.0)])
    (source,) = gather_now(db, home)
    assert (source.name, source.n_new) == ("feedback", 1)
    summary = describe_data(db)
    assert summary.quality is not None, "new rows are checked"
    assert [status.name for status in summary.sources] == ["feedback"]


def test_without_any_source_it_says_what_to_set(db: Database, home: Path) -> None:
    with pytest.raises(InvalidInput, match=r"No source is configured: set .*WATCH_FOLDER"):
        gather_now(db, home)


def test_a_source_that_fails_keeps_no_other_from_being_collected(
    db: Database, home: Path, tmp_path: Path
) -> None:
    add_predictions(db, [make_prediction("a")])
    add_labels(db, [("a", 74.0)])
    found = gather_now(
        db,
        home,
        PLUMBLINE_WATCH_FOLDER=str(tmp_path / "nowhere"),
        PLUMBLINE_SUPABASE_URL="https://x.supabase.co",  # and no key
    )
    assert [(source.name, source.outcome) for source in found] == [
        ("feedback", CollectionOutcome.COLLECTED),
        ("folder", CollectionOutcome.FAILED),
        ("supabase", CollectionOutcome.FAILED),
    ]
    with pytest.raises(Unavailable, match="2 of 3 sources failed; the others brought 1 new rows"):
        refuse_failures(found)


def test_only_the_project_can_be_asked_for_and_then_it_has_to_be_there(
    db: Database, home: Path
) -> None:
    settings = parse_settings({"PLUMBLINE_HOME": str(home)})
    with pytest.raises(InvalidInput, match="No Supabase project is configured"):
        gather_tables(db, settings, Request(), by="ada", now=lambda: NOON, progress=lambda *_: None)


def test_each_reason_for_a_failure_is_said_once() -> None:
    found = [
        make_source("a", CollectionOutcome.FAILED, "It does not answer."),
        make_source("b", CollectionOutcome.FAILED, "It does not answer."),
        make_source("c", CollectionOutcome.COLLECTED, n_new=12),
    ]
    with pytest.raises(Unavailable) as caught:
        refuse_failures(found)
    assert str(caught.value) == (
        "2 of 3 sources failed; the others brought 12 new rows. It does not answer."
    )


def test_no_table_at_all_is_a_failure() -> None:
    with pytest.raises(NotFound, match=r"none of the tables that are looked for \(a, b\)"):
        refuse_failures(
            [make_source(f"supabase:{name}", CollectionOutcome.MISSING) for name in "ab"]
        )


def test_no_visible_row_at_all_is_a_failure() -> None:
    found = [
        make_source("a", CollectionOutcome.MISSING),
        make_source("b", CollectionOutcome.EMPTY, "No rows of 'b'."),
    ]
    with pytest.raises(Refused, match="No rows of 'b'"):
        refuse_failures(found)


def test_a_missing_table_beside_one_that_is_there_is_no_failure() -> None:
    refuse_failures(
        [make_source("a", CollectionOutcome.MISSING), make_source("b", CollectionOutcome.COLLECTED)]
    )
