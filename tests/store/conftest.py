"""The store's tests run on both databases: here `db` is SQLite, then PostgreSQL."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.store.engine import schema
from core.store.engine.database import Database, open_database
from tests.postgres import Server, run_postgres

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One PostgreSQL server for the whole run."""
    with run_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_store(
    postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """One store in it, which `postgres_db` empties for each test: a fresh one takes far longer."""
    with postgres.database() as url:
        store = open_database(url, tmp_path_factory.mktemp("home"), "process", NOON)
        yield store
        store.close()


@pytest.fixture
def postgres_db(postgres_store: Database) -> Database:
    """An empty store in PostgreSQL, for what only it does."""
    tables = [name for name in schema.metadata.tables if name != "migrations"]
    probes = (f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in tables)
    with postgres_store.write() as conn:
        filled = conn.exec_driver_sql(" UNION ALL ".join(probes)).scalars().all()
        if filled:  # an empty table is not truncated: it would take as long as a full one
            conn.exec_driver_sql(f"TRUNCATE {', '.join(filled)} CASCADE")
        conn.exec_driver_sql(
            "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"
        )
    return postgres_store


@pytest.fixture
def sqlite_db(home: Path, empty_store: Path) -> Iterator[Database]:
    """An empty store in SQLite, for what only it does."""
    shutil.copy(empty_store, home)
    store = open_database("", home, "process", NOON)
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """The kind of database; a test that asks for any of the following runs on each."""
    return str(request.param)


@pytest.fixture
def db(dialect: str, request: pytest.FixtureRequest) -> Database:
    """An empty store, its schema up to date."""
    store = "sqlite_db" if dialect == "sqlite" else "postgres_db"
    return request.getfixturevalue(store)  # type: ignore[no-any-return]


@pytest.fixture
def new_url(dialect: str, home: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a new database with nothing in it."""
    if dialect == "sqlite":
        yield f"sqlite:///{home / 'plumbline.db'}"
    else:
        server: Server = request.getfixturevalue("postgres")
        with server.database() as url:
            yield url


@pytest.fixture
def new_db(new_url: str, home: Path) -> Iterator[Database]:
    """A store at `new_url`, for a test that opens it twice or changes its schema."""
    store = open_database(new_url, home, "process", NOON)
    yield store
    store.close()
