"""What came of each watched file is kept, and the newest of a name counts."""

from core.domain.watched_file import Look, WatchedFile
from core.store import watched_files
from core.store.database import Database
from tests.streams import NOON

BAD = WatchedFile(Look("a.csv", 10, 1), "one", NOON, 0, 0, "'a.csv' is empty.")
GOOD = WatchedFile(Look("a.csv", 20, 2), "two", NOON, 9, 8, None)
OTHER = WatchedFile(Look("b.csv", 20, 3), "two", NOON, 0, 0, None)


def test_the_newest_of_a_name_counts_and_content_is_found_by_its_first_import(
    db: Database,
) -> None:
    with db.write() as conn:
        for file in (BAD, GOOD, OTHER):
            watched_files.append_file(conn, file)
        assert watched_files.load_files(conn) == {"a.csv": GOOD, "b.csv": OTHER}
        assert watched_files.find_import(conn, "two") == GOOD
        assert watched_files.find_import(conn, "one") is None
