"""Predictions written at once: on a connection that waits for nothing, or not at all."""

import sqlite3
from collections.abc import Sequence

from core.domain.prediction import Prediction
from core.store.predictions import INSERT_ONE, list_values

_NOT_NOW = (sqlite3.Error, OverflowError, TypeError, ValueError)  # the journal says what it is


class DirectLog:
    """Appends predictions to a SQLite file from one thread; made by `Database.open_direct`."""

    # It never copies the write-ahead log back, which takes a while: other connections do.

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def append(self, predictions: Sequence[Prediction]) -> bool:
        """Log attempts in a transaction of their own; False where that cannot be done at once, and
        then none of them is logged."""
        conn = self._connection
        try:
            rows = list_values(predictions)
            conn.execute("BEGIN IMMEDIATE")
            conn.executemany(INSERT_ONE, rows)
            conn.execute("COMMIT")
        except _NOT_NOW:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            return False
        return True

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
