"""The database: nothing is lost, nothing is half there, and what is wrong is one sentence."""

import ctypes
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.domain.installation import SettingChange
from core.errors import InvalidInput, Unavailable
from core.store.engine import database, schema
from core.store.engine.database import Database, open_database
from core.store.installation.setting_changes import append_change, load_changes

ROOT = Path(__file__).resolve().parents[3]
COUNTER = Path(__file__).with_name("count_up.py")
NOBODY = 65534

Clock = Callable[[], datetime]


def change(value: str, now: Clock) -> SettingChange:
    return SettingChange("tolerance", value, now(), "ada", "a test")


def count_up(db: Database, now: Clock) -> None:
    """Read, decide by what was read, append: the step that must never be torn."""
    with db.write() as conn:
        newest = load_changes(conn, limit=1)
        append_change(conn, change(str(int(newest[0].value or 0) + 1 if newest else 1), now))


def load_counts(db: Database) -> list[int]:
    with db.read() as conn:
        return sorted(int(found.value or 0) for found in load_changes(conn, limit=10_000))


# --- Writing together -----------------------------------------------------------------------


def test_eight_threads_that_read_then_append_lose_nothing(db: Database, now: Clock) -> None:
    def count_fifty(_: int) -> None:
        for _ in range(50):
            count_up(db, now)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count_fifty, range(8)))
    assert load_counts(db) == list(range(1, 401))


@pytest.mark.slow  # four processes
def test_two_processes_that_read_then_append_lose_nothing(
    new_db: Database, new_url: str, home: Path
) -> None:
    command = [sys.executable, str(COUNTER), new_url, str(home), "100"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert load_counts(new_db) == list(range(1, 201))


def test_an_error_inside_a_write_leaves_nothing(db: Database, now: Clock) -> None:
    def fail_after_writing() -> None:
        with db.write() as conn:
            append_change(conn, change("1", now))
            raise KeyError

    with pytest.raises(KeyError):
        fail_after_writing()
    assert load_counts(db) == []


def test_a_write_is_seen_by_others_only_after_its_commit(db: Database, now: Clock) -> None:
    with db.write() as conn:
        append_change(conn, change("1", now))
        assert load_counts(db) == []
    assert load_counts(db) == [1]


def test_a_read_sees_one_state_throughout(db: Database, now: Clock) -> None:
    with db.read() as conn:
        before = load_changes(conn, limit=9)
        count_up(db, now)
        assert load_changes(conn, limit=9) == before == []


def test_a_read_cannot_write(db: Database, now: Clock) -> None:
    with pytest.raises(Unavailable, match=r"(?i)read.?only"), db.read() as conn:
        append_change(conn, change("1", now))
    count_up(db, now)
    assert load_counts(db) == [1]


# --- What the database itself refuses -------------------------------------------------------


def test_a_row_that_points_nowhere_is_refused(db: Database, now: Clock) -> None:
    line = schema.job_lines.insert().values(job_id=7, at=now(), line="of no job")
    with pytest.raises(sa.exc.IntegrityError), db.write() as conn:
        conn.execute(line)


HALF_A_CHARACTER = "\ud83d"  # of a pair in UTF-16; a JSON file may hold it, UTF-8 cannot


def test_text_that_is_no_text_is_refused_with_a_sentence(db: Database, now: Clock) -> None:
    refused = "The database does not take a value: .*surrogates not allowed"
    with pytest.raises(InvalidInput, match=refused), db.write() as conn:
        append_change(conn, change(HALF_A_CHARACTER, now))
    report = {"at": now(), "n_rows": 1, "issues": [HALF_A_CHARACTER], "columns": []}
    with pytest.raises(InvalidInput, match=refused), db.write() as conn:
        conn.execute(schema.quality_reports.insert().values(**report))


def test_text_with_a_zero_is_refused_where_the_database_cannot_hold_it(
    postgres_db: Database, now: Clock
) -> None:
    with pytest.raises(InvalidInput, match="does not take a value"), postgres_db.write() as conn:
        append_change(conn, change("a\0b", now))


def test_sqlite_keeps_a_log_ahead_and_checks_what_points_where(sqlite_db: Database) -> None:
    with sqlite_db.read() as conn:
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert conn.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert conn.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


def test_the_log_is_copied_back_while_somebody_writes(
    sqlite_db: Database, home: Path, now: Clock
) -> None:
    with sqlite_db.write() as conn:
        append_change(conn, change("0.71", now))
    file = home / "plumbline.db"
    assert b"0.71" not in file.read_bytes()
    with sqlite_db.write() as conn:
        append_change(conn, change("0.72", now))
        sqlite_db.copy_log_back()
        assert b"0.71" in file.read_bytes()
        assert b"0.72" not in file.read_bytes()


def test_a_log_that_cannot_be_copied_back_is_a_sentence(sqlite_db: Database, home: Path) -> None:
    sqlite_db.close()
    (home / "plumbline.db").write_bytes(b"no database" * 1_000)
    with pytest.raises(Unavailable, match=r"The write-ahead log of .* cannot be copied back"):
        sqlite_db.copy_log_back()


@pytest.mark.parametrize(("durability", "level"), [("process", 1), ("power", 2)])
def test_durability_says_whether_a_commit_waits_for_the_disk(
    home: Path, now: Clock, durability: str, level: int
) -> None:
    with closing(open_database("", home, durability, now())) as db, db.write() as conn:
        assert conn.exec_driver_sql("PRAGMA synchronous").scalar() == level


# --- Every trouble is one sentence ----------------------------------------------------------


def test_a_lock_that_is_never_given_back_is_a_sentence(
    new_db: Database, new_url: str, home: Path, now: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_MS", 20)
    with closing(open_database(new_url, home, "process", now())) as waiter:
        refused = pytest.raises(Unavailable, match=r"stayed locked for 0\.02 s.*Try again")
        with new_db.write(), refused:
            count_up(waiter, now)
        count_up(waiter, now)
    assert load_counts(new_db) == [1]


def test_a_lock_that_is_reported_at_once_is_not_said_to_have_lasted(new_db: Database) -> None:
    locked = sa.exc.OperationalError("COMMIT", {}, Exception("database is locked"))
    refused = pytest.raises(Unavailable, match=r"is locked just now: .* nothing was written")
    with refused, new_db.write():
        raise locked


def test_a_process_with_no_connection_left_says_so(db: Database) -> None:
    url = db.engine.url
    small = Database(sa.create_engine(url, pool_size=1, max_overflow=0, pool_timeout=0.01))
    refused = pytest.raises(Unavailable, match="cannot be used")
    with closing(small), small.read(), refused, small.read():
        pass


def test_a_lost_connection_is_a_sentence_and_the_next_one_works(
    postgres_db: Database, now: Clock
) -> None:
    with pytest.raises(Unavailable, match="cannot be used"), postgres_db.write() as conn:
        conn.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
    count_up(postgres_db, now)
    assert load_counts(postgres_db) == [1]


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://user@host/name",
        "postgresql://user:geheim@host:port/name",
        "postgresql://user:geheim@[::1/name",
    ],
)
def test_what_is_not_an_address_is_refused_without_repeating_it(
    url: str, home: Path, now: Clock
) -> None:
    with pytest.raises(Unavailable, match="PLUMBLINE_DATABASE_URL is not") as caught:
        open_database(url, home, "process", now())
    assert "geheim" not in str(caught.value)


def test_without_the_driver_of_postgresql_the_extra_is_named(
    home: Path, now: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Unavailable, match=r"pip install 'plumbline\[postgres\]'"):
        open_database("postgresql://me@127.0.0.1:1/name", home, "process", now())


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:geheim@127.0.0.1:1/name", "postgresql://me@127.0.0.1:1/name?password=geheim"],
)
def test_a_server_that_is_not_there_is_named_without_its_password(
    url: str, home: Path, now: Clock
) -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1/name.* cannot be used") as caught:
        open_database(url, home, "process", now())
    assert "geheim" not in str(caught.value)


@pytest.mark.slow  # two seconds are the shortest wait that the driver knows
def test_a_server_that_never_answers_is_given_up(
    home: Path, now: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_CONNECT_TIMEOUT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"postgresql://me@127.0.0.1:{deaf.getsockname()[1]}/name"
        with pytest.raises(Unavailable, match="cannot be used"):
            open_database(url, home, "process", now())


def test_a_text_file_is_refused_as_a_database(home: Path, now: Clock) -> None:
    (home / "plumbline.db").write_text("at,score\n2026-03-02,71\n" * 100)
    with pytest.raises(Unavailable, match=r"plumbline\.db cannot be used \(file is not a database"):
        open_database("", home, "process", now())


def test_a_home_that_cannot_be_made_is_a_sentence(home: Path, now: Clock) -> None:
    (home / "file").write_text("in the way")
    with pytest.raises(
        Unavailable, match=r"home folder .*file/home cannot be made.*PLUMBLINE_HOME"
    ):
        open_database("", home / "file" / "home", "process", now())


def test_a_home_that_may_not_be_written_is_a_sentence(public_folder: Path, now: Clock) -> None:
    with unwritable(public_folder):
        with pytest.raises(Unavailable, match=r"plumbline\.db cannot be used .*may be written"):
            open_database("", public_folder, "process", now())
        with pytest.raises(Unavailable, match=r"cannot be made \(Permission denied\)"):
            open_database("", public_folder / "home", "process", now())


def test_a_database_that_may_not_be_written_is_a_sentence(public_folder: Path, now: Clock) -> None:
    open_database("", public_folder, "process", now()).close()
    refused = pytest.raises(Unavailable, match=r"plumbline\.db cannot be used .*may be written")
    with unwritable(public_folder), refused:
        open_database("", public_folder, "process", now())


def test_a_full_disk_is_a_sentence_and_writes_nothing(sqlite_db: Database, now: Clock) -> None:
    with sqlite_db.read() as conn:
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar()
        conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    refused = pytest.raises(Unavailable, match=r"disk of .* is full")
    with refused, sqlite_db.write() as conn:
        append_change(conn, change("2" * 100_000, now))
    assert load_counts(sqlite_db) == []


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that another user could reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Inside, this thread may only read the folder, even where the tests run as root."""
    folder.chmod(0o555)
    libc = ctypes.CDLL(None) if os.geteuid() == 0 else None
    if libc is not None:
        libc.setfsuid(NOBODY)
    try:
        yield
    finally:
        if libc is not None:
            libc.setfsuid(0)
        folder.chmod(0o755)


def test_a_copy_of_the_file_alone_loses_rows_and_the_documented_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: Clock
) -> None:
    """What docs/limits.md tells to do, done while the store is open and written to."""
    text = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    code = re.search(r"^python -c \"(.*)\"$", text, re.MULTILINE)
    assert code is not None
    monkeypatch.chdir(tmp_path)
    (tmp_path / "var").mkdir()
    (tmp_path / "copy").mkdir()
    with closing(open_database("", tmp_path / "var", "process", now())) as db:
        for n in range(20):
            with db.write() as conn:
                conn.execute(schema.incidents.insert().values(cause=f"c{n}", opened_at=now()))
        shutil.copy("var/plumbline.db", "copy/alone.db")
        with db.write() as conn:  # a row that is not committed yet
            conn.execute(schema.incidents.insert().values(cause="last", opened_at=now()))
            subprocess.run([sys.executable, "-c", code[1]], check=True)
    assert count_incidents(tmp_path / "copy" / "alone.db") < 20
    assert count_incidents(tmp_path / "copy" / "plumbline.db") == 20


def count_incidents(path: Path) -> int:
    with closing(sqlite3.connect(path)) as conn:
        try:
            return int(conn.execute("SELECT count(*) FROM incidents").fetchone()[0])
        except sqlite3.Error:
            return 0
