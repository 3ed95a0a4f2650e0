"""Draining: batches that wait become rows of the log, each exactly once, whoever does it."""

from core.store.engine.database import Database
from core.store.predictions import batches, predictions


def drain_batches(db: Database) -> int:
    """Move every batch that waits now into the log, oldest first; how many rows. Whatever must see
    all that was answered asks for this first.

    One batch is one transaction: a process that dies leaves it waiting or moved, and of several
    that want the same one moves it."""
    n_rows = number = 0
    with db.read() as conn:
        last = batches.find_last_number(conn)
    while number < last:
        with db.read() as conn:
            found = batches.find_next_batch(conn, number, last)
        if found is None:
            break
        number, batch = found
        rows = predictions.list_batch_values(batch)  # before the lock is taken: answers wait for it
        with db.write() as conn:
            if batches.remove_batch(conn, number):
                predictions.append_rows(conn, rows)
                n_rows += len(rows)
    return n_rows
