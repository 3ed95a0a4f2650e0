"""The store's tests run on both databases: here `db` is SQLite, then PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.store.database import Database, open_database
from tests.postgres import Server, run_postgres

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One PostgreSQL server for the whole run."""
    with run_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_store(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database with the schema in it, to be copied."""
    with postgres.database() as name:
        open_database(postgres.url(name), tmp_path_factory.mktemp("home"), "process", NOON).close()
        yield name


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """The kind of database; a test that asks for any of the following runs on each."""
    return str(request.param)


@pytest.fixture
def empty_url(dialect: str, home: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database with nothing in it."""
    if dialect == "sqlite":
        yield f"sqlite:///{home / 'plumbline.db'}"
    else:
        server: Server = request.getfixturevalue("postgres")
        with server.database() as name:
            yield server.url(name)


@pytest.fixture
def database_url(dialect: str, home: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a fresh store."""
    if dialect == "sqlite":
        yield f"sqlite:///{home / 'plumbline.db'}"
    else:
        server: Server = request.getfixturevalue("postgres")
        with server.database(request.getfixturevalue("postgres_store")) as name:
            yield server.url(name)


@pytest.fixture
def db(database_url: str, home: Path) -> Iterator[Database]:
    """A fresh store, its schema up to date."""
    database = open_database(database_url, home, "process", NOON)
    yield database
    database.close()
