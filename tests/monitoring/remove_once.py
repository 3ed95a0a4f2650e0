"""One run of the retention as a process of its own that kills itself with the n-th statement:
`remove_once HOME N`."""

import sys
from datetime import timedelta
from pathlib import Path

from core.monitoring.retention import remove_old
from core.store.engine.database import open_database
from tests.data.collect_and_die import die_with
from tests.streams import NOON

if __name__ == "__main__":
    home, n_statements = sys.argv[1:]
    db = open_database("", Path(home), "process", NOON)
    die_with(db, int(n_statements))
    remove_old(db, keep=timedelta(days=90), now=NOON, piece_rows=20)
