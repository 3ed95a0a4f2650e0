"""Collects a folder as a process of its own that is killed while it reads `bad.csv`, as the system
does to one that takes all memory."""

import os
import signal
import sys
from contextlib import closing
from pathlib import Path

from core.data.sources.folder import collect_folder
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
            db,
            Path(folder),
            uploads=Path(home) / "uploads",
            scale=Scale(0.0, 100.0),
            limit_bytes=10**9,
            by="ada",
            now=lambda: NOON,
            progress=die_at_bad,
            wait=lambda seconds: None,
        )
    print(source.message)
