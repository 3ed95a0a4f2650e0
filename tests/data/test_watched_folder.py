"""Files that are put into the watched folder are imported once, when they are finished."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from core.data import watched_folder as folder_source
from core.data.context import CollectContext
from core.data.watched_folder import collect_folder, find_finished
from core.domain.source import CollectionOutcome, Source
from core.errors import Cancelled
from core.file_access import open_folder
from core.store.data import samples, watched_files
from core.store.engine.database import Database
from tests.data.conftest import NOON, PERCENT, Importer

ROWS = "depth,size,score\n" + "".join(f"{n},{n % 7},{n % 100}\n" for n in range(60))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    return made


def collect(db: Database, folder: Path, **changes: object) -> Source:
    values = {"wait": lambda seconds: None, "progress": lambda share, text: None, **changes}
    progress = values.pop("progress")
    return collect_folder(
        CollectContext(db, PERCENT, "ada", lambda: NOON, progress),  # type: ignore[arg-type]
        folder,
        uploads=folder.parent / "uploads",
        limit_bytes=1_000_000,
        **values,  # type: ignore[arg-type]
    )


def count(db: Database) -> dict[str, int]:
    with db.read() as conn:
        return {each.source: each.n_rows for each in samples.count_samples(conn)}


def test_a_file_is_imported_once(db: Database, folder: Path) -> None:
    (folder / "a.csv").write_text(ROWS)
    first = collect(db, folder)
    assert (first.outcome, first.n_new) == (CollectionOutcome.COLLECTED, 60)
    assert first.message == "1 new files, 60 new rows."
    again = collect(db, folder)
    assert (again.outcome, again.n_received, again.message) == (
        CollectionOutcome.COLLECTED,
        0,
        "No new file.",
    )
    assert count(db) == {"file:a.csv": 60}


def test_the_same_content_under_another_name_is_not_imported_again(
    db: Database, folder: Path
) -> None:
    (folder / "a.csv").write_text(ROWS)
    collect(db, folder)
    (folder / "b.csv").write_text(ROWS)
    os.utime(folder / "a.csv", ns=(1, 1))  # touched, not changed
    assert collect(db, folder).n_received == 0
    assert count(db) == {"file:a.csv": 60}


def test_a_file_that_grew_brings_its_new_rows(db: Database, folder: Path) -> None:
    (folder / "a.csv").write_text(ROWS)
    collect(db, folder)
    (folder / "a.csv").write_text(ROWS + "777,1,50\n")
    source = collect(db, folder)
    assert (source.n_received, source.n_new) == (61, 1)


def test_a_file_that_is_being_written_waits_for_the_next_time(db: Database, folder: Path) -> None:
    path = folder / "a.csv"
    path.write_text(ROWS)

    def write_on(seconds: float) -> None:
        path.write_text(ROWS + "777,1,50\n")

    assert collect(db, folder, wait=write_on).message == "No new file."
    assert collect(db, folder).n_new == 61


@pytest.mark.parametrize("name", ["a.csv.part", "a.csv.tmp", ".a.csv", "~a.csv", "a.crdownload"])
def test_what_is_not_finished_by_its_name_is_left_alone(folder: Path, name: str) -> None:
    (folder / name).write_text(ROWS)
    with open_folder(folder, folder) as opened:
        assert find_finished(opened, folder, {}, lambda seconds: None) == []


def test_a_file_that_cannot_be_read_is_named_and_blocks_no_other(
    db: Database, folder: Path
) -> None:
    (folder / "a.csv").write_bytes(b"PK\x03\x04 and so on")
    (folder / "b.csv").write_text(ROWS)
    source = collect(db, folder)
    assert source.outcome is CollectionOutcome.FAILED
    assert source.message == (
        "1 new files, 60 new rows. 1 cannot be read: 'a.csv' is not text but a zip or a "
        "spreadsheet: give it the ending .xlsx or .ods, or unpack it."
    )
    still = collect(db, folder)
    assert still.outcome is CollectionOutcome.FAILED
    assert still.message is not None
    assert "'a.csv' is not text" in still.message
    (folder / "a.csv").write_text(ROWS.replace("depth", "width"))
    assert collect(db, folder).outcome is CollectionOutcome.COLLECTED


def test_a_bad_file_that_was_taken_away_is_no_failure_any_more(db: Database, folder: Path) -> None:
    (folder / "a.csv").write_bytes(b"")
    assert collect(db, folder).outcome is CollectionOutcome.FAILED
    (folder / "a.csv").unlink()
    assert collect(db, folder).outcome is CollectionOutcome.COLLECTED


def test_a_folder_that_is_not_there_is_a_sentence(db: Database, folder: Path) -> None:
    source = collect(db, folder / "gone")
    assert source.outcome is CollectionOutcome.FAILED
    assert source.message is not None
    assert "does not exist: make it, or correct PLUMBLINE_WATCH_FOLDER." in source.message


def test_columns_that_were_chosen_by_hand_hold_for_the_next_file_of_the_name(
    db: Database, folder: Path, importer: Importer
) -> None:
    path = folder / "a.csv"
    path.write_text(ROWS)
    importer(path, target="depth")
    path.write_text(ROWS + "77,1,50\n")
    assert collect(db, folder).n_new == 1
    assert {sample.target for sample in importer.samples()} == {*map(float, range(60)), 77.0}


def test_what_a_cancelled_collection_had_imported_stays(db: Database, folder: Path) -> None:
    for name in "ab":
        (folder / f"{name}.csv").write_text(ROWS.replace("depth", name))

    def stop(share: float, text: str) -> None:
        if text.startswith("b.csv"):
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        collect(db, folder, progress=stop)
    with db.read() as conn:
        assert set(watched_files.load_files(conn)) == {"a.csv"}
    assert collect(db, folder).n_new == 60
    assert count(db) == {"file:a.csv": 60, "file:b.csv": 60}


def read_and_die(home: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.data.die_reading", home, folder]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.slow
def test_a_file_that_kills_the_process_is_set_aside_and_blocks_no_other(
    db: Database, home: Path, folder: Path
) -> None:
    (folder / "a.csv").write_text(ROWS)
    (folder / "bad.csv").write_text(ROWS + "901,1,1\n")
    (folder / "c.csv").write_text(ROWS + "902,2,2\n")
    killed = [read_and_die(home, folder).returncode for _ in range(3)]
    assert killed == [-signal.SIGKILL] * 3
    assert count(db).keys() == {"file:a.csv", "file:c.csv"}, "it came last the second time"
    said = read_and_die(home, folder)
    assert said.returncode == 0
    assert "'bad.csv' is set aside: reading it ended the process 3 times" in said.stdout
    assert "set aside" in (collect(db, folder).message or ""), "it is named while it lies there"
    (folder / "bad.csv").write_text(ROWS + "903,3,3\n904,3,3\n")
    assert collect(db, folder).outcome is CollectionOutcome.COLLECTED
    assert "file:bad.csv" in count(db)


def test_being_cancelled_is_no_death(db: Database, folder: Path) -> None:
    def cancel(_share: float, _text: str) -> None:
        raise Cancelled("Stopped.")

    (folder / "a.csv").write_text(ROWS)
    for _ in range(4):
        with pytest.raises(Cancelled):
            collect(db, folder, progress=cancel)
    assert collect(db, folder).n_new == 60


# --- What must not be read --------------------------------------------------------------------


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A table that the process may read, and that lies outside of the watched folder."""
    path = tmp_path / "private" / "salaries.csv"
    path.parent.mkdir()
    path.write_text(ROWS.replace("depth", "salary"))
    return path


def test_links_are_not_followed_and_are_said_once(db: Database, folder: Path, secret: Path) -> None:
    (folder / "a.csv").symlink_to(secret)
    (folder / "inner").symlink_to(secret.parent)
    (folder / "gone.csv").symlink_to(secret.parent / "gone.csv")
    source = collect(db, folder)
    assert (source.outcome, source.n_received) == (CollectionOutcome.COLLECTED, 0)
    assert source.message == (
        "No new file. 'a.csv' and 2 more are links, which are not followed: put the files "
        "themselves there."
    )
    assert count(db) == {}


def test_a_link_that_takes_a_files_place_after_the_look_is_not_followed(
    db: Database, folder: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "a.csv"
    path.write_text(secret.read_text())

    keep = folder_source.open_regular

    def swap_and_open(opened: int, name: str) -> BinaryIO:
        path.unlink()
        path.symlink_to(secret)
        return keep(opened, name)

    monkeypatch.setattr(folder_source, "open_regular", swap_and_open)
    swapped = collect(db, folder)
    assert swapped.n_received == 0
    assert "'a.csv' is a link, which is not followed" in (swapped.message or "")
    assert count(db) == {}


def test_what_is_written_into_a_file_during_its_import_is_not_read(
    db: Database, folder: Path
) -> None:
    path = folder / "a.csv"
    path.write_text(ROWS)

    def write_on(_share: float, _text: str) -> None:
        path.write_text(ROWS + "999,9,9\n")

    assert collect(db, folder, progress=write_on).n_new == 60
    assert collect(db, folder).n_new == 1


def test_a_folder_outside_of_the_one_it_may_not_leave_is_not_read(
    db: Database, folder: Path, secret: Path
) -> None:
    (folder / "team").symlink_to(secret.parent)
    for outside in (secret.parent, folder / "team", folder / ".." / "private"):
        source = collect(db, outside, below=folder)
        assert source.outcome is CollectionOutcome.FAILED
        assert "leads out of" in (source.message or "")
    assert count(db) == {}


@pytest.mark.parametrize("name", ["pipe.csv", "socket.csv", "folder.csv"])
def test_what_is_no_file_is_left_alone(db: Database, folder: Path, name: str) -> None:
    if name == "pipe.csv":
        os.mkfifo(folder / name)
    elif name == "folder.csv":
        (folder / name).mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(os.path.relpath(folder / name))
    assert collect(db, folder).message == "No new file."


@pytest.mark.parametrize("name", ["a\nb.csv", "`x`.csv", "ä" * 120 + ".csv", "A.CSV", "=a.csv"])
def test_odd_names_are_names(db: Database, folder: Path, name: str) -> None:
    (folder / name).write_text(ROWS)
    assert collect(db, folder).n_new == 60


def test_a_name_that_is_not_text_blocks_no_other(db: Database, folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff.csv")).write_text(ROWS)
    (folder / "good.csv").write_text(ROWS)
    source = collect(db, folder)
    assert source.n_new == 60
    assert "1 have a name that is not UTF-8" in (source.message or "")


def test_the_limit_holds_for_a_file_whose_name_is_known(db: Database, folder: Path) -> None:
    (folder / "a.csv").write_text(ROWS)
    assert collect(db, folder).n_new == 60
    (folder / "a.csv").write_text(ROWS + "".join(f"{n},1,50\n" for n in range(1000, 300_000)))
    source = collect(db, folder)
    assert source.outcome is CollectionOutcome.FAILED
    assert "'a.csv' has 3 MB and the limit is 1 MB" in (source.message or "")
    assert count(db) == {"file:a.csv": 60}


@pytest.mark.parametrize("ending", [".txt", ".csv", ".json", ".jsonl", ".parquet"])
@pytest.mark.parametrize(
    "content",
    ["SECRET_KEY=geheim-4711\nB=2\n", "geheim-4711\n", "4711 1\n", "4711,1\n1,2\n", "geheim-4711"],
)
def test_no_sentence_quotes_what_is_no_table(
    db: Database, folder: Path, ending: str, content: str
) -> None:
    (folder / f"a{ending}").write_text(content)
    source = collect(db, folder)
    assert source.outcome is CollectionOutcome.FAILED
    assert "4711" not in (source.message or "")


def test_no_copy_stays(db: Database, folder: Path) -> None:
    (folder / "a.csv").write_text(ROWS)
    (folder / "b.csv").write_text("nothing")
    collect(db, folder)
    assert list((folder.parent / "uploads").iterdir()) == []
