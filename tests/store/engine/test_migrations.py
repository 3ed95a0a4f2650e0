"""Migrations: a new store has the whole schema, an older one gets it in steps, each whole or not,
and a store that was written before is read as it is."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.domain.history import Maker, Totals
from core.errors import Unavailable
from core.features.history import summarize_totals
from core.store.data.history import find_totals
from core.store.data.samples import append_samples, start_collection, stream_pieces
from core.store.engine import migrations, schema
from core.store.engine.database import Database, open_database
from core.store.models import deployments, versions
from core.store.predictions.batches import build_values
from core.store.predictions.predictions import append_predictions, get_prediction, move_batches
from tests.architecture import ROOT
from tests.fakes import make_batch, make_prediction
from tests.features.histories import START, Work
from tests.store.data.test_history import collect, sample

Clock = Callable[[], datetime]

TABLES = sorted(schema.metadata.tables)
NEWEST = migrations.FIRST + len(migrations.MIGRATIONS)
GOLDEN = ROOT / "tests" / "golden" / "store_24.sql"


def raw_engine(url: str) -> sa.Engine:
    """The database as another program would open it."""
    return sa.create_engine(
        url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.pool.NullPool
    )


def fail_half_way(conn: sa.Connection) -> None:
    conn.exec_driver_sql("CREATE TABLE half_there (id INTEGER)")
    raise RuntimeError("power cut")


def add_colour(conn: sa.Connection) -> None:
    conn.exec_driver_sql("ALTER TABLE jobs ADD COLUMN colour TEXT")


# --- The schema -----------------------------------------------------------------------------


def test_every_table_that_queries_know_is_there_and_no_other(db: Database) -> None:
    found = sa.inspect(db.engine).get_table_names()
    assert sorted(name for name in found if not name.startswith("sqlite_")) == TABLES


def test_both_databases_hold_the_same_rules(db: Database) -> None:
    inspector = sa.inspect(db.engine)
    foreign_keys = {
        (name, *key["constrained_columns"], key["referred_table"])
        for name in TABLES
        for key in inspector.get_foreign_keys(name)
    }
    unique = {
        (name, *constraint["column_names"])
        for name in TABLES
        for constraint in inspector.get_unique_constraints(name)
    }
    assert foreign_keys == {
        ("deliveries", "event_id", "incident_events"),
        ("incident_events", "incident_id", "incidents"),
        ("job_lines", "job_id", "jobs"),
        ("notes", "version", "versions"),
        ("policy_changes", "policy_id", "policies"),
        ("runs", "version", "versions"),
        ("samples", "collection_id", "collections"),
        ("trial_verdicts", "revision", "deployments"),
        ("versions", "snapshot_id", "snapshots"),
    }
    assert unique == {
        ("api_keys", "key_hash"),
        ("batches", "key"),
        ("decisions", "id"),
        ("deliveries", "event_id", "channel"),
        ("history_rows", "sample_id"),
        ("makers", "synthetic", "provider", "model"),
        ("predictions", "id"),
        ("samples", "key"),
        ("sessions", "token_hash"),
        ("snapshots", "content_hash"),
    }


# --- The steps ------------------------------------------------------------------------------


def test_a_new_store_is_recorded_with_its_schema_and_time(db: Database, now: Clock) -> None:
    with db.read() as conn:
        rows = conn.execute(sa.select(schema.migrations)).all()
    assert [(row.number, row.name) for row in rows] == [(NEWEST, "create_tables")]
    assert {row.applied_at for row in rows} == {now()}


def test_a_store_that_is_up_to_date_is_left_as_it_is(db: Database, now: Clock) -> None:
    with db.write() as conn:
        assert migrations.migrate(conn, now()) == 0


def test_a_new_migration_is_applied_once_to_an_older_store(
    new_db: Database, now: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, add_colour))
    with new_db.write() as conn:
        assert migrations.migrate(conn, now()) == 1
        assert migrations.migrate(conn, now()) == 0
        assert migrations.read_number(conn) == NEWEST + 1
    assert "colour" in {column["name"] for column in sa.inspect(new_db.engine).get_columns("jobs")}


def test_a_migration_that_fails_leaves_the_older_store_as_it_was(
    new_db: Database, now: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (*migrations.MIGRATIONS, add_colour, fail_half_way)
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    with pytest.raises(RuntimeError, match="power cut"), new_db.write() as conn:
        migrations.migrate(conn, now())
    with new_db.read() as conn:
        assert migrations.read_number(conn) == NEWEST
    inspector = sa.inspect(new_db.engine)
    assert not inspector.has_table("half_there")
    assert "colour" not in {column["name"] for column in inspector.get_columns("jobs")}


def test_a_new_store_that_cannot_be_made_is_left_with_nothing_at_all(
    new_url: str, home: Path, now: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_create_tables", fail_half_way)
    with pytest.raises(RuntimeError, match="power cut"):
        open_database(new_url, home, "process", now())
    assert sa.inspect(raw_engine(new_url)).get_table_names() == []


def test_processes_that_open_a_new_store_at_once_all_get_it(
    new_url: str, home: Path, now: Clock
) -> None:
    def open_and_count(_: int) -> int:
        store = open_database(new_url, home, "process", now())
        with closing(store), store.read() as conn:
            return migrations.read_number(conn)

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(open_and_count, range(8)))
    assert numbers == [NEWEST] * 8


# --- Stores that are not ours to touch ------------------------------------------------------


def test_a_store_of_a_newer_program_is_refused_and_left_alone(
    new_db: Database, new_url: str, home: Path, now: Clock
) -> None:
    newer = schema.migrations.insert().values(number=999, name="from_tomorrow", applied_at=now())
    with new_db.write() as conn:
        conn.execute(newer)
    with pytest.raises(Unavailable, match=rf"schema 999 .* knows {NEWEST}.* newer Plumbline.*HOME"):
        open_database(new_url, home, "process", now())
    with new_db.read() as conn:
        assert migrations.read_number(conn) == 999


def test_another_programs_database_is_refused_and_left_alone(
    new_url: str, home: Path, now: Clock
) -> None:
    theirs = raw_engine(new_url)
    with theirs.begin() as conn:
        conn.exec_driver_sql("CREATE TABLE migrations (name TEXT)")
    with pytest.raises(Unavailable, match="is a Plumbline database"):
        open_database(new_url, home, "process", now())
    assert sa.inspect(theirs).get_table_names() == ["migrations"]


# --- Stores of older programs ---------------------------------------------------------------


@pytest.fixture
def golden(home: Path) -> str:
    """The address of a store that the last program with steps from the beginning wrote."""
    path = home / "plumbline.db"
    with closing(sqlite3.connect(path)) as conn:
        conn.executescript(GOLDEN.read_text(encoding="utf-8"))
    return f"sqlite:///{path}"


def describe(url: str) -> dict[str, object]:
    """All that a store promises: columns, keys, rules and indices of each table."""
    inspector = sa.inspect(raw_engine(url))
    return {
        name: (
            sorted(
                # SQLite calls a key that it counts up nullable unless told, and leaves none empty
                (one["name"], one["type"].python_type, one["nullable"] and not one["primary_key"])
                for one in inspector.get_columns(name)
            ),
            inspector.get_pk_constraint(name)["constrained_columns"],
            sorted(one["column_names"] for one in inspector.get_unique_constraints(name)),
            sorted(
                (one["constrained_columns"], one["referred_table"], one["referred_columns"])
                for one in inspector.get_foreign_keys(name)
            ),
            sorted((one["name"], one["column_names"]) for one in inspector.get_indexes(name)),
        )
        for name in inspector.get_table_names()
    }


def test_a_store_written_before_has_every_rule_of_a_new_one(
    golden: str, tmp_path: Path, now: Clock
) -> None:
    new = f"sqlite:///{tmp_path / 'new.db'}"
    for url in (golden, new):
        open_database(url, tmp_path, "process", now()).close()
    assert describe(golden) == describe(new)


def test_a_store_written_before_is_read_with_its_rows_and_versions(
    golden: str, home: Path, now: Clock
) -> None:
    with closing(open_database(golden, home, "process", now())) as db, db.read() as conn:
        assert migrations.read_number(conn) == NEWEST
        assert sum(len(piece) for piece in stream_pieces(conn)) == 20
        version = versions.get_version(conn, 1)
        served = deployments.find_current(conn)
    assert version.report.recipe == "baseline"
    assert served is not None
    assert (served.plan.champion, served.by, served.reason) == (1, "ada", "first")


def test_a_store_that_is_too_old_is_refused_with_what_to_do_and_left_alone(
    new_db: Database, new_url: str, home: Path, now: Clock
) -> None:
    with new_db.write() as conn:
        conn.execute(schema.migrations.update().values(number=migrations.FIRST - 1))
    sentence = rf"schema {migrations.FIRST - 1} .* start the last Plumbline of schema 24 on it once"
    with pytest.raises(Unavailable, match=sentence):
        open_database(new_url, home, "process", now())
    with new_db.read() as conn:
        assert migrations.read_number(conn) == migrations.FIRST - 1


def test_incidents_of_before_keep_their_cause_under_its_new_name(
    golden: str, home: Path, now: Clock
) -> None:
    with raw_engine(golden).begin() as conn:
        for cause in ("accuracy", "accuracy_level", "latency"):
            conn.exec_driver_sql(f"INSERT INTO incidents (cause, opened_at) VALUES ('{cause}', 0)")
    with closing(open_database(golden, home, "process", now())) as db, db.read() as conn:
        causes = conn.execute(sa.select(schema.incidents.c.cause).order_by(schema.incidents.c.id))
        assert list(causes.scalars())[-3:] == ["error_growth", "accuracy", "latency"]


def test_predictions_and_labels_of_before_have_no_key_and_batches_that_waited_are_drained(
    golden: str, home: Path, now: Clock
) -> None:
    values = build_values(make_batch(3))
    del values["key_id"]
    with raw_engine(golden).begin() as conn:
        conn.execute(
            sa.text(
                f"INSERT INTO batches ({', '.join(values)}) "
                f"VALUES ({', '.join(':' + name for name in values)})"
            ),
            values,
        )
        conn.exec_driver_sql(
            "INSERT INTO labels (prediction_id, actual, observed_at, given_by, received_at) "
            "VALUES ('a', 1.0, 0, 'ada', 0)"
        )
    with closing(open_database(golden, home, "process", now())) as db:
        assert move_batches(db) == 3
        with db.read() as conn:
            for table in (schema.predictions, schema.labels):
                assert set(conn.execute(sa.select(table.c.key_id)).scalars()) == {None}


def test_callers_are_added_in_either_database(new_db: Database) -> None:
    tables = ("predictions", "batches", "labels")
    with new_db.write() as conn:
        for table in tables:
            conn.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN key_id")
        migrations.MIGRATIONS[29 - migrations.FIRST](conn)
        append_predictions(conn, [make_prediction("a", key_id=3)])
    for table in tables:
        [column] = [
            one for one in sa.inspect(new_db.engine).get_columns(table) if one["name"] == "key_id"
        ]
        assert column["nullable"]


def test_decisions_are_added_in_either_database(new_db: Database) -> None:
    names = ("policy_changes", "policies", "decisions")
    with new_db.write() as conn:
        conn.exec_driver_sql("DROP INDEX predictions_decision")
        for table in names:
            conn.exec_driver_sql(f"DROP TABLE {table}")
        for column in ("decision_id", "candidate_id"):
            conn.exec_driver_sql(f"ALTER TABLE predictions DROP COLUMN {column}")
        conn.exec_driver_sql("ALTER TABLE labels DROP COLUMN chosen_by")
        migrations.MIGRATIONS[33 - migrations.FIRST](conn)
        append_predictions(conn, [make_prediction("a", decision_id="d", candidate_id="best")])
    assert set(names) <= set(sa.inspect(new_db.engine).get_table_names())
    with new_db.read() as conn:
        found = get_prediction(conn, "a")
    assert (found.decision_id, found.candidate_id) == ("d", "best")


def test_histories_of_before_are_summed_by_hour_in_either_database(
    new_db: Database,
) -> None:
    rows = [sample(Work(i * 9.7, i % 3, "a", "mn"[i % 2], 50.0 + i, 0.1), i) for i in range(200)]
    moments = [START + timedelta(hours=hour) for hour in (1, 30, 500.5, 900, 3000)]

    def look() -> list[Totals | None]:
        with new_db.read() as conn:
            return [find_totals(conn, Maker(False, "a", m), at) for m in "mn" for at in moments]

    with new_db.write() as conn:
        collect(conn, rows)
        waiting = start_collection(conn, "test", {}, "ana", START)
        append_samples(conn, waiting, [sample(Work(5, 0, "a", "m", 0.0, None), "waiting")])
    before = [summarize_totals(totals) for totals in look()]
    with new_db.write() as conn:
        for statement in HISTORY_OF_27.split(";"):
            conn.exec_driver_sql(statement)
        migrations.MIGRATIONS[27 - migrations.FIRST](conn)
    assert [summarize_totals(totals) for totals in look()] == [
        pytest.approx(one, rel=1e-9, nan_ok=True) for one in before
    ]


HISTORY_OF_27 = """
CREATE TABLE history_makers (
    id BIGINT, synthetic INTEGER, provider TEXT, model TEXT, collection_id BIGINT);
INSERT INTO history_makers SELECT id, synthetic, provider, model, 0 FROM makers;
INSERT INTO history_makers
    SELECT 1000 + id, synthetic, provider, model, 2 FROM makers WHERE model = 'm';
CREATE TABLE history (
    sample_id BIGINT, maker_id BIGINT, at BIGINT, known_at BIGINT, quality DOUBLE PRECISION,
    csat DOUBLE PRECISION);
INSERT INTO history
    SELECT sample_id, CASE collection_id WHEN 2 THEN 1000 + maker_id ELSE maker_id END, at,
        known_at, origin + difference, csat
    FROM history_rows JOIN makers ON makers.id = maker_id;
DROP TABLE history_rows; DROP TABLE history_sums; DROP TABLE history_changes; DROP TABLE makers
"""
"""What schema 27 had, but for the sums, which are made anew."""
