"""The database: connections on which a write takes its lock before its first read."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from core.errors import OpsError, Unavailable
from core.store.migrations import migrate

_BUSY_TIMEOUT_MS = 30_000
_WRITE_LOCK = 7_586_543  # PostgreSQL: one advisory lock for every read-decide-write transaction
_WRITES = "plumbline_writes"


class Database:
    """Opens transactions; made once a process by `open_database`."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @property
    def address(self) -> str:
        """Where it is, without its password."""
        return self.engine.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state throughout and writes nothing."""
        with _as_unavailable(self.engine), self.engine.connect() as conn, conn.begin():
            yield conn

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that holds the write lock from its start to its commit, so that what it
        reads is still true when it writes. An error inside rolls all of it back."""
        with (
            _as_unavailable(self.engine),
            self.engine.connect().execution_options(**{_WRITES: True}) as conn,
            conn.begin(),
        ):
            yield conn

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def open_database(url: str, home: Path, durability: str, now: datetime) -> Database:
    """The database at `url` (SQLite in `home` where it is empty), its schema up to date.

    Raises `Unavailable` where it cannot be reached, read, written, or is of a newer program."""
    if not url:
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(
                f"The home folder {home} cannot be made ({error.strerror}): set PLUMBLINE_HOME "
                "to a folder that may be written."
            ) from None
        url = f"sqlite:///{home / 'plumbline.db'}"
    db = Database(_create_engine(url, durability))
    with db.write() as conn:
        migrate(conn, now)
    return db


def _create_engine(url: str, durability: str) -> sa.Engine:
    if url.startswith(("postgres://", "postgresql://")):
        url = "postgresql+psycopg://" + url.partition("://")[2]
    try:
        engine = sa.create_engine(url, pool_pre_ping=url.startswith("postgresql"))
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError):
        raise Unavailable(
            "PLUMBLINE_DATABASE_URL is not a database address: leave it empty for SQLite, or "
            "write postgresql://user:password@host/name."
        ) from None
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, "FULL" if durability == "power" else "NORMAL")
    else:
        _prepare_postgresql(engine)
    return engine


def _prepare_sqlite(engine: sa.Engine, synchronous: str) -> None:
    @sa.event.listens_for(engine, "connect")
    def _(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")

    @sa.event.listens_for(engine, "begin")
    def _(conn: sa.Connection) -> None:
        writes = conn.get_execution_options().get(_WRITES)
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_postgresql(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "begin")
    def _(conn: sa.Connection) -> None:
        if conn.get_execution_options().get(_WRITES):
            conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})")
        else:
            conn.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


@contextmanager
def _as_unavailable(engine: sa.Engine) -> Iterator[None]:
    """Turn the driver's operational errors into a sentence that names the database."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.DatabaseError) as error:
        if isinstance(error, sa.exc.IntegrityError | sa.exc.ProgrammingError):
            raise
        raise _unavailable(engine, str(error.orig).strip()) from error


def _unavailable(engine: sa.Engine, detail: str) -> OpsError:
    place = engine.url.render_as_string(hide_password=True)
    if "disk is full" in detail or "No space left" in detail:
        return Unavailable(f"The disk of {place} is full: free some space; nothing was written.")
    if "locked" in detail:
        return Unavailable(
            f"The database {place} stayed locked for {_BUSY_TIMEOUT_MS // 1000} s: another "
            "process holds it; nothing was written. Try again."
        )
    return Unavailable(
        f"The database {place} cannot be used ({detail.splitlines()[0] if detail else 'no detail'})"
        ": check that it exists, is a Plumbline database and may be written."
    )
