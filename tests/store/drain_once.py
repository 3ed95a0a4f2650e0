"""One draining as a process of its own that kills itself with the n-th statement:
`drain_once HOME N`."""

import sys
from pathlib import Path

from core.store.engine.database import open_database
from core.store.predictions.predictions import move_batches
from tests.conftest import NOON
from tests.data.collect_and_die import die_with

if __name__ == "__main__":
    home, n_statements = sys.argv[1:]
    db = open_database("", Path(home), "process", NOON)
    die_with(db, int(n_statements))
    move_batches(db)
