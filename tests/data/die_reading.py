"""Collects a folder as a process of its own that is killed while it reads `bad.csv`, as the system
does to one that takes all memory."""

import os
import signal
import sys
from contextlib import closing
from pathlib import Path

from core.data.context import CollectContext
from core.data.watched_folder import collect_folder
from core.settings import Scale
from core.store.engine.database import open_database
from tests.streams import NOON


def die_at_bad(_share: float, text: str) -> None:
    if text.startswith("bad.csv"):
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    home, folder = sys.argv[1:]
    with closing(open_database("", Path(home), "process", NOON)) as db:
        source = collect_folder(
            CollectContext(db, Scale(0.0, 100.0), "ada", lambda: NOON, die_at_bad),
            Path(folder),
            uploads=Path(home) / "uploads",
            limit_bytes=10**9,
            wait=lambda seconds: None,
        )
    print(source.message)
