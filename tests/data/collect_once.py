"""Collects the table of the tests once, as a process of its own that a test may kill."""

import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from core.data.context import CollectContext
from core.data.tables.collect_table import WantedTable, collect_table
from core.data.tables.supabase import Project
from core.data.tables.sync_cursor import Request
from core.settings import Scale
from core.store.engine.database import open_database
from tests.data.tables.test_collect_table import MAPPING, NOON

if __name__ == "__main__":
    url, key, home = sys.argv[1:]
    with (
        closing(open_database("", Path(home), "process", NOON)) as db,
        closing(Project(url, key)) as project,
    ):
        source = collect_table(
            CollectContext(db, Scale(0.0, 100.0), "ada", lambda: NOON, lambda share, text: None),
            project,
            WantedTable(MAPPING),
            Request(),
            overlap=timedelta(hours=24),
        )
    print(source.message)
