"""The database: connections on which a write takes its lock before its first read."""

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.errors import InvalidInput, Unavailable
from core.safety.masking import mask
from core.store.engine.migrations import migrate

_BUSY_TIMEOUT_MS = 30_000
_CONNECT_TIMEOUT_SECONDS = 10
_RETRY_SECONDS = 0.5
_CACHE_KB = 65_536  # the indices of a million rows, which each new row falls into at random
_CHECKPOINT_PAGES = 8_000  # 32 MB: a page that many rows fall into is copied back once
_WRITE_LOCK = 7_586_543  # PostgreSQL: one advisory lock for every read-decide-write transaction
_WRITES = "plumbline_writes"

DRIVER_ERRORS = (sa.exc.SQLAlchemyError,)
"""Errors that `read` and `write` pass on unchanged: a broken constraint or a wrong statement."""

Connection = sa.Connection
"""An open transaction: `read` and `write` give it, and every function of the store takes it."""


def hash_plainly(message: bytes) -> str:
    """Return the SHA-256 of a message: the seal of a store that belongs to no installation."""
    return hashlib.sha256(message).hexdigest()


class Database:
    """Opens transactions; `open_database` makes one a process."""

    def __init__(
        self,
        engine: sa.Engine,
        durability: str = "process",
        seal: Callable[[bytes], str] = hash_plainly,
    ) -> None:
        self.engine = engine
        self.seal = seal
        self._durability = durability
        self._patience_seconds = 0.0

    @property
    def address(self) -> str:
        """Return the address without its secrets."""
        return mask(self.engine.url.render_as_string(hide_password=False))

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open a transaction that sees one state throughout and cannot write."""
        with _as_unavailable(self), self._begin(writes=False, waits=True) as conn:
            yield conn

    @contextmanager
    def write(self, *, waits: bool = True) -> Iterator[sa.Connection]:
        """Open a transaction that holds the write lock from start to commit, so that its reads are
        still true when it writes. An exception inside rolls all of it back. One that `waits` is
        begun again while the store is away, for as long as `wait_for_store` allows."""
        with _as_unavailable(self), self._begin(writes=True, waits=waits) as conn:
            yield conn

    @contextmanager
    def wait_for_store(self, seconds: float) -> Iterator[None]:
        """Let transactions wait that long for a store that is away, where long work would be lost
        otherwise; in between they try again, twice a second."""
        before, self._patience_seconds = self._patience_seconds, seconds
        try:
            yield
        finally:
            self._patience_seconds = before

    @contextmanager
    def _begin(self, *, writes: bool, waits: bool) -> Iterator[sa.Connection]:
        """Begin a transaction, and wait for a store that cannot begin one."""
        until = time.monotonic() + (self._patience_seconds if waits else 0.0)
        while True:
            try:
                conn, transaction = self._open(writes)
                break
            except (sa.exc.OperationalError, sa.exc.TimeoutError):
                if time.monotonic() > until:
                    raise
                time.sleep(_RETRY_SECONDS)
        with conn, transaction:
            yield conn

    def _open(self, writes: bool) -> tuple[sa.Connection, sa.RootTransaction]:
        with ExitStack() as undo:
            conn = undo.enter_context(self.engine.connect())
            if writes:
                conn = conn.execution_options(**{_WRITES: True})
            transaction = conn.begin()
            undo.pop_all()  # it is begun: who asked closes both
        return conn, transaction

    def open_direct(self, wait_ms: int) -> sqlite3.Connection | None:
        """Return a log for predictions that waits at most `wait_ms` for other writers; None if each
        commit waits for the disk (durability "power") or for a server."""
        file = self.engine.url.database
        if self.engine.dialect.name != "sqlite" or not file or self._durability == "power":
            return None
        connection = sqlite3.connect(file, check_same_thread=False)
        _set_up(connection, self._durability)
        connection.execute(f"PRAGMA busy_timeout = {wait_ms}")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        return connection

    def empty_log(self) -> bool:
        """Copy the write-ahead log back and empty it, so that no file keeps earlier rows; return
        False if somebody reads all the while. PostgreSQL keeps its own log."""
        return self._copy_log_back("TRUNCATE")

    def copy_log_back(self) -> None:
        """Copy back as much of the write-ahead log as possible without blocking anyone. Frequent
        calls leave little to the commit that finds the log long."""
        self._copy_log_back("PASSIVE")

    def _copy_log_back(self, how: str) -> bool:
        if self.engine.dialect.name != "sqlite":
            return True
        try:
            connection = self.engine.raw_connection()
            try:
                busy = connection.cursor().execute(f"PRAGMA wal_checkpoint({how})").fetchone()[0]
            finally:
                connection.close()
        except (sqlite3.Error, sa.exc.SQLAlchemyError) as error:
            raise Unavailable(
                f"The write-ahead log of {self.address} cannot be copied back ({error}): see that "
                "its disk has room and may be written."
            ) from error
        return not busy

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def open_database(
    url: str,
    home: Path,
    durability: str,
    now: datetime,
    seal: Callable[[bytes], str] = hash_plainly,
) -> Database:
    """Return the database at `url` (SQLite in `home` if it is empty), its schema up to date.

    Raises `Unavailable` where it cannot be reached, read, written, or is of another program."""
    if not url:
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(
                f"The home folder {home} cannot be made ({error.strerror}): set PLUMBLINE_HOME "
                "to a folder that may be written."
            ) from None
        url = f"sqlite:///{home / 'plumbline.db'}"
    db = Database(_create_engine(url, durability), durability, seal)
    with ExitStack() as undo:
        undo.callback(db.close)
        try:
            with db.write() as conn:
                migrate(conn, now)
        except sa.exc.ProgrammingError as error:  # another program's tables, or no right to make it
            raise _unavailable(db, error, 0.0) from error
        undo.pop_all()
    return db


def insert_rows(
    conn: sa.Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    clause: str,
) -> int:
    """Insert rows of values as the driver takes them, each by one statement that ends with
    `clause`; return how many were inserted or, by the clause, updated. SQLAlchemy's own handling of
    each value costs more than the database does."""
    if not rows:
        return 0
    placeholder = "?" if conn.dialect.name == "sqlite" else "%s"
    values = ", ".join([placeholder] * len(columns))
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}) {clause}"
    return conn.exec_driver_sql(statement, list(rows)).rowcount


def _create_engine(url: str, durability: str) -> sa.Engine:
    if url.startswith(("postgres://", "postgresql://")):
        url = "postgresql+psycopg://" + url.partition("://")[2]
    try:
        if url.startswith("sqlite:"):
            engine = sa.create_engine(url)
        else:
            engine = sa.create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED")
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError, ValueError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "psycopg":
            raise Unavailable(
                "PLUMBLINE_DATABASE_URL names a PostgreSQL database, and its driver is not "
                "installed: `pip install 'plumbline[postgres]'`."
            ) from None
        raise Unavailable(
            "PLUMBLINE_DATABASE_URL is not a database address: leave it empty for SQLite, or "
            "write postgresql://user:password@host/name."
        ) from None
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, durability)
    else:
        _prepare_postgresql(engine)
    return engine


def _prepare_sqlite(engine: sa.Engine, durability: str) -> None:
    @sa.event.listens_for(engine, "connect")
    def _(connection: sqlite3.Connection, _record: object) -> None:
        _set_up(connection, durability)

    @sa.event.listens_for(engine, "begin")
    def _(conn: sa.Connection) -> None:
        writes = bool(conn.get_execution_options().get(_WRITES))
        if conn.info.get(_WRITES) != writes:  # the pragma has every statement prepared again
            conn.exec_driver_sql(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")
            conn.info[_WRITES] = writes
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _set_up(connection: sqlite3.Connection, durability: str) -> None:
    connection.isolation_level = None  # transactions are begun by statements, not by the driver
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    _switch_to_wal(connection)
    connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'power' else 'NORMAL'}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Switch a new file to WAL. If several processes open it, SQLite refuses all but one at once,
    regardless of the busy timeout: they try again."""
    deadline = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _prepare_postgresql(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "do_connect")
    def _(_dialect: object, _record: object, _args: object, parameters: dict[str, object]) -> None:
        parameters.setdefault("connect_timeout", _CONNECT_TIMEOUT_SECONDS)

    @sa.event.listens_for(engine, "begin")
    def _(conn: sa.Connection) -> None:
        if conn.get_execution_options().get(_WRITES):
            conn.exec_driver_sql(
                f"SET LOCAL lock_timeout = {_BUSY_TIMEOUT_MS}; "
                f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})"
            )
        else:
            conn.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


@contextmanager
def _as_unavailable(db: Database) -> Iterator[None]:
    """Turn the driver's errors into a sentence that names the database, except for a broken
    constraint or a wrong statement."""
    started = time.monotonic()
    try:
        yield
    except (sa.exc.IntegrityError, sa.exc.ProgrammingError):
        raise
    except (sa.exc.DataError, UnicodeEncodeError) as error:
        raise _not_taken(error) from error
    except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
        raise _unavailable(db, error, time.monotonic() - started) from error
    except sa.exc.StatementError as error:
        if isinstance(error.orig, UnicodeEncodeError):
            raise _not_taken(error.orig) from error
        raise


def _not_taken(error: Exception) -> InvalidInput:
    return InvalidInput(
        f"The database does not take a value: {_detail(error)}.",
        public="A value is none that the store can keep: look for lone surrogates, the character "
        "U+0000 and numbers that are too large.",
    )


def _detail(error: Exception) -> str:
    """Return the first line of the driver's message."""
    text = str(error.orig if isinstance(error, sa.exc.DBAPIError) else error).strip()
    return text.splitlines()[0].rstrip(".") if text else "no detail"


def _unavailable(db: Database, error: sa.exc.SQLAlchemyError, seconds: float) -> Unavailable:
    """Return the error of a store that failed after some seconds."""
    detail = _detail(error)
    if "disk is full" in detail or "No space left" in detail:
        return Unavailable(
            f"The disk of {db.address} is full: free some space; nothing was written.",
            public="The store's disk is full; nothing was written. Tell whoever runs this service.",
        )
    if "locked" in detail or "lock timeout" in detail:
        limit = _BUSY_TIMEOUT_MS / 1000  # SQLite does not always wait that long
        how = f"stayed locked for {limit:g} s" if seconds > 0.9 * limit else "is locked just now"
        return Unavailable(
            f"The database {db.address} {how}: another process holds it; nothing was written. "
            "Try again.",
            public=f"The store {how}: another process holds it; nothing was written. Try again.",
        )
    return Unavailable(
        f"The database {db.address} cannot be used ({detail}): check that it exists, is a "
        "Plumbline database and may be written.",
        public="The store cannot be used just now; nothing was written. Try again in a moment.",
    )
