"""One run of the retention in a process of its own, to be killed: `remove_once HOME`."""

import sys
from datetime import timedelta
from pathlib import Path

from core.monitoring.retention import remove_old
from core.store.database import open_database
from tests.streams import NOON

if __name__ == "__main__":
    db = open_database("", Path(sys.argv[1]), "process", NOON)
    print("ready", flush=True)
    remove_old(db, keep=timedelta(days=90), now=NOON, piece_rows=20)
