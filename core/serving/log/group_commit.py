"""The journal: entries that wait together are written together, and nobody waits for company."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from core.errors import Unavailable

Entry = TypeVar("Entry")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class CommitReceipt(Generic[Result]):
    """The promise of a write that entries share, and the place of this one among its results."""

    written: "Future[list[Result]]"
    place: int

    def result(self, timeout_seconds: float | None = None) -> Result:
        """Wait until it is on disk; raises what the write raised."""
        return self.written.result(timeout_seconds)[self.place]


@dataclass(slots=True)
class _Batch(Generic[Entry]):
    entries: list[Entry] = field(default_factory=list)
    n_rows: int = 0


class Journal(Generic[Entry, Result]):
    """One thread that writes, in order, whatever came while it was writing the last batch.

    `write` takes the entries of a batch and returns a result for each; what it raises, everyone
    in the batch gets, and the next batch is tried again."""

    def __init__(
        self,
        write: Callable[[Sequence[Entry]], list[Result]],
        *,
        max_batch_rows: int = 2_000,  # so that a transaction stays short for other writers
        max_waiting_rows: int = 20_000,
    ) -> None:
        self._write = write
        self._max_batch_rows = max_batch_rows
        self._max_waiting_rows = max_waiting_rows
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._lock = threading.Lock()
        self._open = _Batch[Entry]()  # takes entries until its write begins or it is full
        self._written: Future[list[Result]] | None = None  # the promise of the open batch
        self._n_waiting = 0

    @property
    def n_waiting(self) -> int:
        """The rows that are not on disk yet."""
        return self._n_waiting

    def append(self, entry: Entry, n_rows: int = 1) -> CommitReceipt[Result]:
        """Queue an entry of so many rows; raises `Unavailable` where too many wait already, or
        after `close`."""
        with self._lock:
            if self._n_waiting + n_rows > self._max_waiting_rows:
                why = (
                    f"{self._n_waiting} rows wait to be written: the disk or the database does "
                    "not keep up. Try again in a moment."
                )
                raise Unavailable(why, public=why)
            if self._written is None or self._open.n_rows + n_rows > self._max_batch_rows:
                self._open = _Batch[Entry]()
                self._written = self._schedule(self._open)
            self._open.entries.append(entry)
            self._open.n_rows += n_rows
            self._n_waiting += n_rows
            return CommitReceipt(self._written, len(self._open.entries) - 1)

    def close(self) -> None:
        """Write everything that waits, then take no more."""
        self._writer.shutdown(wait=True)

    def _schedule(self, batch: _Batch[Entry]) -> "Future[list[Result]]":
        try:
            return self._writer.submit(self._write_batch, batch)
        except RuntimeError:  # what an executor says after its shutdown
            why = "The service is stopping: ask again in a moment."
            raise Unavailable(why, public=why) from None

    def _write_batch(self, batch: _Batch[Entry]) -> list[Result]:
        with self._lock:
            if self._open is batch:
                self._written = None
        try:
            return self._write(batch.entries)
        finally:
            with self._lock:
                self._n_waiting -= batch.n_rows
