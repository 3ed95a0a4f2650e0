"""One delivery in a process of its own, to be killed: `deliver_once HOME ADDRESS`."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from core.alerts.channels import open_channels
from core.alerts.delivery import Manners, deliver
from core.store.engine.database import open_database

if __name__ == "__main__":
    now = datetime.now(UTC)
    db = open_database("", Path(sys.argv[1]), "process", now)
    deliver(db, open_channels([sys.argv[2]]), Manners((), None, "http://127.0.0.1:8501"), now)
