"""A file of labels that wait to be sent."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

_MAX_SENT_AT_ONCE = 100


class Spool:
    """A queue of labels in an SQLite file, which several processes may share and which survives a
    crash. A file that cannot be opened counts as empty."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def append(self, content: str) -> bool:
        """Add the JSON of a label; return False if the file cannot be written."""
        created = self._execute(
            "CREATE TABLE IF NOT EXISTS labels "
            "(number INTEGER PRIMARY KEY AUTOINCREMENT, content TEXT NOT NULL)"
        )
        added = self._execute("INSERT INTO labels (content) VALUES (?)", content)
        return created is not None and added is not None

    def load(self) -> list[tuple[int, str]]:
        """Return the oldest labels, at most a hundred, each with its number."""
        query = "SELECT number, content FROM labels ORDER BY number LIMIT ?"
        return self._read(query, _MAX_SENT_AT_ONCE)

    def remove(self, number: int) -> None:
        """Delete a label."""
        self._execute("DELETE FROM labels WHERE number = ?", number)

    def count(self) -> int:
        """Return the number of labels."""
        rows = self._read("SELECT count(*) FROM labels")
        return int(rows[0][0]) if rows else 0

    def _read(self, query: str, *values: object) -> list[Any]:
        return self._execute(query, *values) or [] if self._path.exists() else []

    def _execute(self, statement: str, *values: object) -> list[Any] | None:
        try:
            with (
                self._lock,
                closing(sqlite3.connect(self._path, timeout=1.0)) as conn,
                conn,
            ):
                return conn.execute(statement, values).fetchall()
        except sqlite3.Error:
            return None
