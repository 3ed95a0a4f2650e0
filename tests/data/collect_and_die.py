"""Collects one kind of source as a process of its own that kills itself with the n-th statement.

Statements are what a kill can fall between: SQLite keeps a transaction whole whenever else it
comes, and counting them lets a test draw its moments at random and yet see the same run twice."""

import itertools
import json
import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.data.collect import add_rows, import_file
from core.data.context import CollectContext
from core.data.sources.feedback import collect_feedback
from core.data.watched_folder import collect_folder
from core.domain.sample import ColumnMapping
from core.settings import Scale
from core.store.engine.database import Database, open_database
from tests.streams import NOON

NEVER = 0


def die_with(db: Database, n_statements: int) -> None:
    """Kill this process just before its n-th statement, as no handler can see or delay."""
    numbers = itertools.count(1)

    @sa.event.listens_for(db.engine, "before_cursor_execute")
    def _(*_args: Any) -> None:
        if next(numbers) == n_statements:
            os.kill(os.getpid(), signal.SIGKILL)


def collect(db: Database, kind: str, path: Path) -> None:
    """All that is new of one kind; `path` is the file, the folder, or the body that is pushed."""
    shared: dict[str, Any] = {
        "scale": Scale(0.0, 100.0),
        "by": "ada",
        "now": lambda: NOON,
        "progress": lambda share, text: None,
    }
    if kind == "file":
        mapping = ColumnMapping(target="score")
        import_file(CollectContext(db, **shared), path, mapping, name=path.name, limit_bytes=10**9)
    elif kind == "folder":
        collect_folder(
            CollectContext(db, **shared),
            path,
            uploads=path.parent / "uploads",
            limit_bytes=10**9,
            wait=lambda seconds: None,
        )
    elif kind == "pushed":
        rows = json.loads(path.read_text())
        add_rows(db, rows, source="api", by="ada", now=NOON, scale=shared["scale"])
    else:
        collect_feedback(CollectContext(db, **shared))


if __name__ == "__main__":
    kind, home, path, n_statements = sys.argv[1:]
    with closing(open_database("", Path(home), "process", NOON)) as db:
        die_with(db, int(n_statements))
        collect(db, kind, Path(path))
