"""What came of each watched file is kept, and the newest of a name counts."""

from core.domain.source import Look, WatchedFile
from core.store.data import watched_files
from core.store.engine.database import Database
from tests.streams import NOON

BAD = WatchedFile(Look("a.csv", 10, 1), "one", NOON, 0, 0, "'a.csv' is empty.")
GOOD = WatchedFile(Look("a.csv", 20, 2), "two", NOON, 9, 8, None)
OTHER = WatchedFile(Look("b.csv", 20, 3), "two", NOON, 0, 0, None)


def test_attempts_are_noted_by_how_a_file_looks_until_they_end(db: Database) -> None:
    with db.write() as conn:
        watched_files.begin_attempt(conn, BAD.look, 1)
        watched_files.begin_attempt(conn, BAD.look, 2)
        watched_files.begin_attempt(conn, OTHER.look, 1)
        assert watched_files.load_attempts(conn) == {BAD.look: 2, OTHER.look: 1}
        watched_files.append_file(conn, BAD)
        assert watched_files.load_attempts(conn) == {OTHER.look: 1}
        watched_files.end_attempt(conn, "b.csv")
        assert watched_files.load_attempts(conn) == {}


def test_the_newest_of_a_name_counts_and_content_is_found_by_its_first_import(
    db: Database,
) -> None:
    with db.write() as conn:
        for file in (BAD, GOOD, OTHER):
            watched_files.append_file(conn, file)
        assert watched_files.load_files(conn) == {"a.csv": GOOD, "b.csv": OTHER}
        assert watched_files.find_import(conn, "two") == GOOD
        assert watched_files.find_import(conn, "one") is None
