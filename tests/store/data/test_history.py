"""What the store says of a history is what training saw, whatever came in which order."""

import math
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.domain.dataset import IdKind
from core.domain.history import Maker, find_maker
from core.domain.sample import Provenance, Sample
from core.features.history import summarize_totals
from core.store.data import erasures, samples
from core.store.data.history import find_totals
from core.store.engine import schema
from core.store.engine.database import Connection, Database
from tests.features.histories import START, Work, histories, recall, trace

MAKER = Maker(False, "a", "m")
HISTORY_TABLES = (
    schema.history_rows,
    schema.history_sums,
    schema.history_changes,
    schema.makers,
)


def collect(
    conn: Connection, rows: list[Sample], *, replaced: samples.Replaced | None = None
) -> int:
    """Bring rows in as one finished collection."""
    number = samples.start_collection(conn, "test", {}, "ana", START)
    n_new = samples.append_samples(conn, number, rows)
    samples.finish_collection(
        conn,
        number,
        n_received=len(rows),
        n_new=n_new,
        n_duplicate=len(rows) - n_new,
        rejected=[],
        n_rejected=0,
        now=START,
        replaced=replaced,
    )
    return number


def sample(work: Work, number: int | str, **changes: object) -> Sample:
    """The row that a source would bring."""
    values: dict[str, object] = {
        "source": "test",
        "provenance": Provenance.REAL,
        "features": work.features,
        "target": work.quality,
        "at": work.at,
        "external_id": str(number),
        "labelled_at": None if work.at is None else work.at + timedelta(hours=work.late_hours),
    }
    return Sample(**(values | changes))  # type: ignore[arg-type]


def mean_quality(db: Database, at: datetime, maker: Maker = MAKER) -> float:
    with db.read() as conn:
        return summarize_totals(find_totals(conn, maker, at))["__mean_quality__"]


def clear(db: Database) -> None:
    with db.write() as conn:
        for table in (
            *HISTORY_TABLES,
            schema.samples,
            schema.collections,
        ):
            conn.execute(sa.delete(table))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=histories, n_pieces=st.integers(1, 4), seed=st.randoms(use_true_random=False))
def test_training_and_serving_agree_on_every_row(
    db: Database, rows: list[Work], n_pieces: int, seed: object
) -> None:
    clear(db)
    order = list(range(len(rows)))
    seed.shuffle(order)  # type: ignore[attr-defined]
    with db.write() as conn:
        for piece in range(n_pieces):
            collect(conn, [sample(rows[i], i) for i in order[piece::n_pieces]])
    assert_serving_agrees(db, rows)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=histories,
    n_open=st.integers(1, 3),
    at_once=st.integers(1, 4),
    seed=st.randoms(use_true_random=False),
)
def test_collections_that_are_open_together_leave_the_same_whichever_ends_first(
    db: Database, rows: list[Work], n_open: int, at_once: int, seed: random.Random
) -> None:
    """Each brings its rows in pieces, in any order; the first of them dies, and all that it
    brought comes again."""
    clear(db)
    order = list(range(len(rows)))
    seed.shuffle(order)
    pieces = [order[start : start + at_once] for start in range(0, len(order), at_once)]
    n_new = dict.fromkeys(open_collections(db, n_open), 0)
    dead, *others = n_new
    of_dead: list[int] = []
    for piece in pieces:
        number = seed.choice(list(n_new))
        of_dead += piece if number == dead else []
        n_new[number] += append(db, number, [sample(rows[i], i) for i in piece])
    seed.shuffle(others)
    for number in others:
        finish(db, number, n_new[number])
    (again,) = open_collections(db, 1)
    finish(db, again, append(db, again, [sample(rows[i], i) for i in of_dead]))
    assert_serving_agrees(db, rows)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=histories,
    hours_between=st.sampled_from([0.25, 7, 100]),
    hours_before=st.sampled_from([0, 500_000]),  # then some times are before 1970
    seed=st.randoms(use_true_random=False),
)
def test_at_any_moment_the_store_says_what_the_definition_says(
    db: Database,
    rows: list[Work],
    hours_between: float,
    hours_before: int,
    seed: random.Random,
) -> None:
    """Rows come late, in collections that are finished, stay open or are erased later."""
    clear(db)
    works = [
        row if row.hour is None else replace(row, hour=row.hour * hours_between - hours_before)
        for row in rows
    ]
    order = list(enumerate(works))
    seed.shuffle(order)
    known: list[Work] = []
    while order:
        piece, order = order[:4], order[4:]
        (number,) = open_collections(db, 1)
        n_new = append(db, number, [sample(work, i) for i, work in piece])
        fate = seed.choice(["finished", "finished", "open", "erased"])
        if fate != "open":
            finish(db, number, n_new)
        if fate == "finished":
            known += [work for _, work in piece]
        if fate == "erased":
            with db.write() as conn:
                for i, _ in piece:
                    erasures.delete_rows(conn, IdKind.ID, str(i))
    for _ in range(10):
        hour = seed.uniform(-3, 40) * hours_between - hours_before
        moment = Work(hour, 0, seed.choice("ab"), seed.choice("m4n"), 0.0, None)
        assert moment.at is not None
        maker = Maker(False, moment.provider, moment.model)
        with db.read() as conn:
            found = summarize_totals(find_totals(conn, maker, moment.at))
        expected = recall([*known, moment], len(known))
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


def test_a_late_row_changes_the_sums_of_its_own_hour_day_and_month_only(db: Database) -> None:
    def load_sums() -> set[tuple[Any, ...]]:
        with db.read() as conn:
            return {tuple(row) for row in conn.execute(sa.select(schema.history_sums))}

    with db.write() as conn:
        collect(conn, [sample(Work(i * 9, 0, "a", "m", float(i), None), i) for i in range(300)])
    before = load_sums()
    with db.write() as conn:
        collect(conn, [sample(Work(50, 0, "a", "m", 99.0, None), "late")])
    after = load_sums()
    assert len(before - after) <= 3
    assert len(after - before) == 3


def test_a_failed_collection_leaves_nothing_that_waits(db: Database) -> None:
    (number,) = open_collections(db, 1)
    append(db, number, [sample(Work(0, 0, "a", "m", 10.0, None), 0)])
    with db.write() as conn:
        samples.fail_collection(conn, number, "the project did not answer")
        for table in HISTORY_TABLES:
            assert conn.execute(sa.select(table)).all() == []


def open_collections(db: Database, n: int) -> list[int]:
    with db.write() as conn:
        return [samples.start_collection(conn, "test", {}, "ana", START) for _ in range(n)]


def append(db: Database, number: int, rows: list[Sample]) -> int:
    with db.write() as conn:
        return samples.append_samples(conn, number, rows)


def finish(db: Database, number: int, n_new: int) -> None:
    with db.write() as conn:
        samples.finish_collection(
            conn,
            number,
            n_received=n_new,
            n_new=n_new,
            n_duplicate=0,
            rejected=[],
            n_rejected=0,
            now=START,
        )


def assert_serving_agrees(db: Database, rows: list[Work]) -> None:
    found = trace(rows)
    with db.read() as conn:
        for place, row in enumerate(rows):
            maker = find_maker(row.features, synthetic=False)
            totals = None if maker is None or row.at is None else find_totals(conn, maker, row.at)
            for name, value in summarize_totals(totals).items():
                expected = found[name][place]
                assert value == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True), name


def test_differences_too_small_to_be_squared_are_no_error(db: Database) -> None:
    with db.write() as conn:
        qualities = (0.0, 1e-200, 0.0)
        collect(conn, [sample(Work(i, 0, "a", "m", q, None), i) for i, q in enumerate(qualities)])
        totals = find_totals(conn, MAKER, START + timedelta(hours=9))
    assert summarize_totals(totals)["__consistency__"] == 1.0


def test_a_correction_takes_the_place_of_what_it_corrects(db: Database) -> None:
    rows = [Work(i, 0, "a", "m", 50.0, None) for i in range(3)]
    later = START + timedelta(hours=9)
    with db.write() as conn:
        collect(conn, [sample(row, i) for i, row in enumerate(rows)])
    assert mean_quality(db, later) == 50.0
    with db.write() as conn:
        collect(conn, [sample(Work(0, 0, "a", "m", 80.0, None), 0)])
    assert mean_quality(db, later) == 60.0
    with db.write() as conn:
        collect(conn, [sample(rows[0], 0)])  # and back again
    assert mean_quality(db, later) == 50.0


def test_a_collection_that_replaces_another_takes_its_rows_out(db: Database) -> None:
    later = START + timedelta(hours=9)
    with db.write() as conn:
        first = collect(conn, [sample(Work(0, 0, "a", "m", 10.0, None), "x")])
        kept = samples.find_standing(conn, [first], [sample(Work(0, 0, "a", "m", 10.0, None), "x")])
        extra = collect(conn, [sample(Work(1, 0, "a", "m", 90.0, None), "y")])
        replaced = samples.Replaced([first, extra], kept)
        collect(conn, [sample(Work(2, 0, "a", "m", 30.0, None), "z")], replaced=replaced)
    assert mean_quality(db, later) == 20.0  # of 10 and 30


def test_a_collection_that_is_not_finished_is_in_no_history(db: Database) -> None:
    with db.write() as conn:
        number = samples.start_collection(conn, "test", {}, "ana", START)
        samples.append_samples(conn, number, [sample(Work(0, 0, "a", "m", 10.0, None), 0)])
    assert math.isnan(mean_quality(db, START + timedelta(hours=9)))


def test_generated_rows_have_a_history_of_their_own(db: Database) -> None:
    with db.write() as conn:
        collect(conn, [sample(Work(0, 0, "a", "m", 10.0, None), 0)])
        made_up = sample(Work(0, 0, "a", "m", 90.0, None), 1, provenance=Provenance.SYNTHETIC)
        collect(conn, [made_up])
    later = START + timedelta(hours=9)
    assert mean_quality(db, later) == 10.0
    assert mean_quality(db, later, Maker(True, "a", "m")) == 90.0


def test_a_look_back_reads_an_index_and_no_other_row(db: Database) -> None:
    """However long the history: the plan of what serving asks names the index, and no sort."""
    asked: list[tuple[str, Any]] = []

    def note(*said: Any) -> None:
        asked.append((said[2], said[3]))

    with db.write() as conn:
        collect(conn, [sample(Work(i % 30, 0, "a", "m", float(i), None), i) for i in range(200)])
        if conn.dialect.name == "postgresql":
            for table in HISTORY_TABLES:
                conn.exec_driver_sql(f"ANALYZE {table.name}")
            conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN" if conn.dialect.name == "sqlite" else "EXPLAIN"
        sa.event.listen(conn, "before_cursor_execute", note)
        assert find_totals(conn, MAKER, START + timedelta(hours=9)) is not None
        sa.event.remove(conn, "before_cursor_execute", note)
        ((statement, values),) = asked
        plan = conn.exec_driver_sql(f"{explain} {statement}", values).all()
    text = " ".join(str(row) for row in plan)
    assert "SCAN history" not in text  # SQLite's word for all of a table, and PostgreSQL's
    assert "Seq Scan" not in text
    assert "Sort" not in text
    assert "TEMP B-TREE" not in text
