"""Group commit: all entries that wait while a transaction is written share the next one."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from core.errors import Unavailable

Entry = TypeVar("Entry")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class CommitReceipt(Generic[Result]):
    """The future of a shared write, and the index of this entry among its results."""

    written: "Future[list[Result]]"
    place: int
    abandon: Callable[[], bool]
    """Give up the whole write, unless it has the store already: False then. What is given up is
    never written, so that the log says what callers got."""

    def result(self, timeout_seconds: float | None = None) -> Result:
        """Wait until the entry is on disk and return its result; raises the error of the write."""
        return self.written.result(timeout_seconds)[self.place]


@dataclass(slots=True)
class _Batch(Generic[Entry]):
    entries: list[Entry] = field(default_factory=list)
    n_rows: int = 0
    is_claimed: bool = False  # by the writer, who has the store now
    is_abandoned: bool = False


class Journal(Generic[Entry, Result]):
    """A thread that writes entries in order; those that arrive during a write go into the next one.

    `write` takes the entries of a batch and a function that it calls once it has the store's lock,
    which raises `Unavailable` if the batch was abandoned; it returns a result for each entry. If it
    raises, every entry of the batch gets the error, and the next batch is written as usual."""

    def __init__(
        self,
        write: Callable[[Sequence[Entry], Callable[[], None]], list[Result]],
        *,
        max_batch_rows: int = 2_000,  # so that a transaction stays short for other writers
        max_waiting_rows: int = 20_000,
    ) -> None:
        self._write = write
        self._max_batch_rows = max_batch_rows
        self._max_waiting_rows = max_waiting_rows
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._lock = threading.Lock()
        self._open = _Batch[Entry]()  # takes entries until it is written or full
        self._written: Future[list[Result]] | None = None  # the future of the open batch
        self._n_waiting = 0

    @property
    def n_waiting(self) -> int:
        """The number of rows that are not on disk yet."""
        return self._n_waiting

    def append(self, entry: Entry, n_rows: int = 1) -> CommitReceipt[Result]:
        """Queue an entry of `n_rows` rows; raises `Unavailable` if too many wait already, or after
        `close`."""
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
            place, abandon = len(self._open.entries) - 1, partial(self._abandon, self._open)
            return CommitReceipt(self._written, place, abandon)

    def close(self) -> None:
        """Write all waiting entries, then refuse further ones."""
        self._writer.shutdown(wait=True)

    def _abandon(self, batch: _Batch[Entry]) -> bool:
        with self._lock:
            if batch.is_claimed:
                return False
            batch.is_abandoned = True
            if self._open is batch:  # nobody joins it any more
                self._written = None
            return True

    def _claim(self, batch: _Batch[Entry]) -> None:
        with self._lock:
            if batch.is_abandoned:
                why = "It was not written, since nobody waited for it any more."
                raise Unavailable(why, public=why)
            batch.is_claimed = True

    def _schedule(self, batch: _Batch[Entry]) -> "Future[list[Result]]":
        try:
            return self._writer.submit(self._write_batch, batch)
        except RuntimeError:  # raised after the executor's shutdown
            why = "The service is stopping: ask again in a moment."
            raise Unavailable(why, public=why) from None

    def _write_batch(self, batch: _Batch[Entry]) -> list[Result]:
        with self._lock:
            if self._open is batch:
                self._written = None
        try:
            return self._write(batch.entries, lambda: self._claim(batch))
        finally:
            with self._lock:
                self._n_waiting -= batch.n_rows
