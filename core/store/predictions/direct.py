"""Predictions logged without waiting, or hardly, for other writers."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from core.domain.prediction import Batch, Prediction
from core.store.engine.database import Database
from core.store.predictions.batches import INSERT_BATCH, build_values
from core.store.predictions.predictions import INSERT_ONE, list_values

_NOT_NOW = (sqlite3.Error, OverflowError, TypeError, ValueError)  # the journal says what it is


class DirectLog:
    """Appends predictions to a SQLite file, for one thread at a time; `Database.open_direct` makes
    it."""

    # A lone caller waits 0.19 ms for an answer with it and 0.60 ms for the journal's thread (p50,
    # without sockets); a batch costs a tenth more by the journal. It never copies the write-ahead
    # log back, which takes a while: other connections do.

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def append(self, predictions: Sequence[Prediction]) -> bool:
        """Log predictions in a transaction of their own; return False, with none logged, if that
        has to wait."""
        return self._write(INSERT_ONE, lambda: list_values(predictions))

    def append_batch(self, batch: Batch) -> bool:
        """Log a batch in the same way."""
        return self._write(INSERT_BATCH, lambda: [build_values(batch)])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _write(self, insert: str, build: Callable[[], Sequence[Any]]) -> bool:
        conn = self._connection
        try:
            rows = build()
            conn.execute("BEGIN IMMEDIATE")
            conn.executemany(insert, rows)
            conn.execute("COMMIT")
        except _NOT_NOW:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            return False
        return True


def open_direct(db: Database, wait_ms: int = 0) -> DirectLog | None:
    """Open a way to log predictions without waiting for other writers, or no longer than `wait_ms`;
    None where each commit waits for the disk (durability "power") or for a server."""
    connection = db.open_direct(wait_ms)
    return None if connection is None else DirectLog(connection)
