"""Migrations: the schema that queries see is the one that is there, and steps are whole or not."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from core.domain.history import Maker
from core.domain.sample import Provenance, Sample
from core.errors import Unavailable
from core.store.data.history import find_totals
from core.store.data.samples import append_samples, start_collection, stream_pieces
from core.store.engine import migrations, schema
from core.store.engine.database import Database, open_database
from core.store.engine.types import to_micros
from tests.conftest import NOON
from tests.store.keys import sample_key

Clock = Callable[[], datetime]

TABLES = sorted(schema.metadata.tables)


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


def test_every_column_is_as_queries_see_it(db: Database) -> None:
    inspector = sa.inspect(db.engine)
    for name, table in schema.metadata.tables.items():
        created = {
            column["name"]: (_kind(column["type"], db), column["nullable"])
            for column in inspector.get_columns(name)
        }
        for column in _counted_by_sqlite(table, db):
            created[column] = (created[column][0], False)
        expected = {
            column.name: (_kind(column.type, db), column.nullable) for column in table.columns
        }
        assert created == expected, name


def test_every_primary_key_is_as_queries_see_it(db: Database) -> None:
    inspector = sa.inspect(db.engine)
    for name, table in schema.metadata.tables.items():
        key = inspector.get_pk_constraint(name)["constrained_columns"]
        assert key == [column.name for column in table.primary_key], name


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
        ("runs", "version", "versions"),
        ("samples", "collection_id", "collections"),
        ("trial_verdicts", "revision", "deployments"),
        ("versions", "snapshot_id", "snapshots"),
    }
    assert unique == {
        ("api_keys", "key_hash"),
        ("batches", "key"),
        ("deliveries", "event_id", "channel"),
        ("history_makers", "synthetic", "provider", "model", "collection_id"),
        ("predictions", "id"),
        ("samples", "key"),
        ("sessions", "token_hash"),
        ("snapshots", "content_hash"),
    }


def _counted_by_sqlite(table: sa.Table, db: Database) -> list[str]:
    """The ids that SQLite hands out: it calls them nullable, and never leaves one empty."""
    return [
        column.name
        for column in table.primary_key
        if db.engine.dialect.name == "sqlite" and column.type is schema.Id
    ]


def _kind(kind: sa.types.TypeEngine[object], db: Database) -> str:
    """How this database writes a type; SQLite calls every number with a fraction REAL."""
    name = kind.compile(db.engine.dialect)
    return "REAL" if db.engine.dialect.name == "sqlite" and name == "DOUBLE" else name


# --- The steps ------------------------------------------------------------------------------


def test_every_migration_is_recorded_with_its_time(db: Database, now: Clock) -> None:
    with db.read() as conn:
        rows = conn.execute(sa.select(schema.migrations).order_by(schema.migrations.c.number)).all()
    assert [row.number for row in rows] == list(range(1, len(migrations.MIGRATIONS) + 1))
    assert [row.name for row in rows] == [
        step.__name__.lstrip("_") for step in migrations.MIGRATIONS
    ]
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
        assert migrations.read_number(conn) == len(migrations.MIGRATIONS)
    assert "colour" in {column["name"] for column in sa.inspect(new_db.engine).get_columns("jobs")}


def test_a_migration_that_fails_leaves_the_older_store_as_it_was(
    new_db: Database, now: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(migrations.MIGRATIONS)
    steps = (*migrations.MIGRATIONS, add_colour, fail_half_way)
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    with pytest.raises(RuntimeError, match="power cut"), new_db.write() as conn:
        migrations.migrate(conn, now())
    with new_db.read() as conn:
        assert migrations.read_number(conn) == before
    inspector = sa.inspect(new_db.engine)
    assert not inspector.has_table("half_there")
    assert "colour" not in {column["name"] for column in inspector.get_columns("jobs")}


def test_a_first_migration_that_fails_leaves_nothing_at_all(
    new_url: str, home: Path, now: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, fail_half_way))
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
    assert numbers == [len(migrations.MIGRATIONS)] * 8


# --- Stores that are not ours to touch ------------------------------------------------------


def test_a_store_of_a_newer_program_is_refused_and_left_alone(
    new_db: Database, new_url: str, home: Path, now: Clock
) -> None:
    newer = schema.migrations.insert().values(number=999, name="from_tomorrow", applied_at=now())
    with new_db.write() as conn:
        conn.execute(newer)
    known = len(migrations.MIGRATIONS)
    with pytest.raises(Unavailable, match=rf"schema 999 .* knows {known}.* newer Plumbline.*HOME"):
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


# --- Stores of older programs, with rows in them --------------------------------------------


OLD_ROW = Sample(
    "file:a.csv",
    Provenance.REAL,
    {"provider": "openai", "model": "m", "length": 3.0},
    61.5,
    at=NOON,
    text="é",
    group="g",
    external_id="k",
)
UNDATED = Sample("file:a.csv", Provenance.REAL, {"length": 1.0}, 4.0)


def fill_old_store(conn: sa.Connection, number: int) -> dict[str, int]:
    """Put one row into each table as it is there, and two samples; how many each has then."""
    inspector = sa.inspect(conn)
    names = set(inspector.get_table_names()) - {"migrations", "samples", "sqlite_sequence"}
    first = [name for name in _PARENTS if name in names]
    for name in (*first, *sorted(names - set(first))):
        columns = inspector.get_columns(name)
        _insert_raw(conn, name, {column["name"]: _old_value(column) for column in columns})
    for row in (OLD_ROW, UNDATED):
        _insert_raw(
            conn,
            "samples",
            {
                "key": _old_key(row, number),
                "collection_id": 99,
                "source": row.source,
                "provenance": "real",
                "external_id": row.external_id,
                "at": None if row.at is None else to_micros(row.at),
                "group_key": row.group,
                "target": row.target,
                "features": msgspec.json.encode(row.features).decode(),
                "text": row.text,
            },
        )
    return dict.fromkeys(names, 1) | {"samples": 2}


_PARENTS = ("snapshots", "versions", "incidents", "incident_events", "jobs")
_NUMBERS = {"BIGINT", "INTEGER", "DOUBLE", "REAL", "DOUBLE_PRECISION", "FLOAT"}


def _old_value(column: Any) -> object:
    """A number that no sequence has come to, or a text that is JSON as well."""
    return 99 if str(column["type"]).split()[0] in _NUMBERS else "{}"


def _old_key(row: Sample, number: int) -> str:
    """As a store of this schema has it: at first the time did not stand before the key."""
    steps = [step.__name__ for step in migrations.MIGRATIONS[:number]]
    if "_put_times_before_keys" not in steps:
        return sample_key(row)
    time = "0" * 16 if row.at is None else f"{to_micros(row.at) + 2**62:016x}"
    return time + sample_key(row)


def _insert_raw(conn: sa.Connection, table: str, values: dict[str, object]) -> None:
    columns = [sa.column(name) for name in values]
    conn.execute(sa.table(table, *columns).insert().values(values))


def test_incidents_of_before_keep_their_cause_under_its_new_name(
    new_url: str, home: Path, now: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = migrations.MIGRATIONS.index(migrations._rename_accuracy_causes)
    causes = ("accuracy", "accuracy_level", "latency")
    with monkeypatch.context() as older:
        older.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:number])
        old = open_database(new_url, home, "process", now())
    with closing(old), old.write() as conn:
        for cause in causes:
            _insert_raw(conn, "incidents", {"cause": cause, "opened_at": 0})
    with closing(open_database(new_url, home, "process", now())) as db, db.read() as conn:
        renamed = (
            conn.execute(sa.select(schema.incidents.c.cause).order_by(schema.incidents.c.id))
            .scalars()
            .all()
        )
    assert renamed == ["error_growth", "accuracy", "latency"]


_OLDER = range(1, len(migrations.MIGRATIONS))


@pytest.mark.parametrize(
    ("dialect", "number"),
    [("sqlite", number) for number in _OLDER]
    + [pytest.param("postgresql", number, marks=pytest.mark.slow) for number in _OLDER],
)
def test_a_store_of_every_older_program_is_brought_up_to_date_with_its_rows(
    new_url: str, home: Path, now: Clock, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with monkeypatch.context() as older:
        older.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:number])
        older.setattr(migrations, "_FILLS", {})
        old = open_database(new_url, home, "process", now())
    with closing(old), old.write() as conn:
        n_rows = fill_old_store(conn, number)
    with closing(open_database(new_url, home, "process", now())) as db:
        with db.read() as conn:
            assert migrations.read_number(conn) == len(migrations.MIGRATIONS)
            for table, n in n_rows.items():
                if table != "history" and table in schema.metadata.tables:
                    rows = conn.execute(sa.select(schema.metadata.tables[table])).all()
                    assert len(rows) == n, table
            pieces = list(stream_pieces(conn))
            totals = find_totals(conn, Maker(False, "openai", "m"), NOON + timedelta(1))
        assert [row for piece in pieces for row in piece] == [
            (sample_key(row), row) for row in (UNDATED, OLD_ROW)
        ]
        if "history" not in n_rows:
            assert totals is not None
            assert totals.n == 1
        with db.write() as conn:
            again = start_collection(conn, "file:a.csv", {}, "ada", now())
            assert append_samples(conn, again, [OLD_ROW, UNDATED]) == 0, "the rows are known"
