"""The prediction log: predictions, labels and shadow scores, on disk before anyone is told."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from core.domain.decisions.decision import DecidedRequest
from core.domain.prediction import Batch, Label, Prediction, was_removed
from core.domain.trial import ShadowScore
from core.errors import InvalidInput, OpsError, Unavailable
from core.log import get_logger
from core.serving.log.group_commit import CommitReceipt, Journal
from core.serving.scoring import MODEL_ERRORS, clean_error
from core.store.engine.database import DRIVER_ERRORS, Connection, Database
from core.store.models import trials
from core.store.predictions import batches, decisions, labels, predictions, removals
from core.store.predictions.direct import DirectLog, open_direct

_MAX_ENTRY_ROWS = 2_000
_TROUBLE_SECONDS = 5.0
_MAX_DIRECT_ROWS = 100  # a group commit writes larger ones, and single rows do not wait
_MAX_DIRECT_WRITES = 256  # in a row; then one group commit, so that a copy back can happen
_SLOW_WRITE_SECONDS = 0.02  # a slower direct write is the last one for a while
_DIRECT_PAUSE = 25.0  # times the duration of the slow write
_COPIED_ROWS = 1_000  # between copies: the first write after each copy waits for the disk
_BATCH_WAIT_MS = 100  # for other writers, in the batch's own thread

_MAX_STORED_ROWS = 1_000_000  # in waiting batches; with more, batches are logged by rows

Row = TypeVar("Row")

log = get_logger(__name__)


class LabelOutcome(StrEnum):
    """The outcome of storing a label."""

    NEW = "new"
    SAME = "same"  # it repeats the newest label of the prediction
    UNKNOWN = "unknown"  # kept; joined when the prediction is logged
    REMOVED = "removed"  # kept and counted, but its prediction was removed for its age


@dataclass(frozen=True, slots=True)
class _GivenLabel:
    label: Label
    observed_at_given: bool


@dataclass(frozen=True, slots=True)
class _Shadowed:
    scores: Sequence[ShadowScore]


Kept = CommitReceipt[LabelOutcome | str | None]
"""The receipt of a write; for a label its result is the outcome, for a decision on a group that was
decided before, of which nothing is written, the id of the earlier decision."""

_Entry = Sequence[Prediction] | Batch | _GivenLabel | _Shadowed | DecidedRequest


class Logbook:
    """Writes predictions, batches, labels and shadow scores in order: directly if nothing waits,
    else by a group commit."""

    def __init__(self, db: Database, *, timer: Callable[[], float], max_waiting_rows: int) -> None:
        self._db = db
        self._timer = timer
        self._direct: DirectLog | None = None
        self._direct_batches: DirectLog | None = None
        self._batch_lock = threading.Lock()
        self._direct_at = float("-inf")  # when the next direct write may be tried
        self._n_direct = 0
        self._n_stored = 0  # rows in batches that wait for the log, at the last count
        self._n_uncopied = 0  # rows since the last copy, about: several threads count
        self._trouble = ""
        self._trouble_at = float("-inf")
        self._journal: Journal[_Entry, LabelOutcome | str | None] = Journal(
            self._write, max_batch_rows=_MAX_ENTRY_ROWS, max_waiting_rows=max_waiting_rows
        )

    @property
    def n_waiting(self) -> int:
        """The number of rows that are not on disk yet."""
        return self._journal.n_waiting

    def open(self) -> None:
        """Allow direct writes if the store has them."""
        self._direct = open_direct(self._db)
        self._direct_batches = open_direct(self._db, _BATCH_WAIT_MS)

    def close(self) -> None:
        """Write all waiting entries, then refuse further ones."""
        self._journal.close()
        with self._batch_lock:
            for direct in (self._direct, self._direct_batches):
                if direct is not None:
                    direct.close()
            self._direct = self._direct_batches = None

    def append(self, answers: Sequence[Prediction]) -> list[Kept]:
        """Queue predictions for the disk; raises `Unavailable` if too many rows wait."""
        self._n_direct = 0
        return [self._journal.append(part, len(part)) for part in _split(answers)]

    def append_batch(self, batch: Batch) -> Kept | None:
        """Write a batch whole. Return None if it is on disk, else the receipt of the queued write.
        Any thread may call this but the one that calls `append_at_once`. Raises as `append`
        does."""
        self._n_stored += batch.n_rows
        if not self._journal.n_waiting and self._n_direct < _MAX_DIRECT_WRITES:
            with self._batch_lock:
                direct = self._direct_batches
                if direct is not None and direct.append_batch(batch):
                    self._n_direct += 1
                    self._n_uncopied += batch.n_rows
                    self._trouble = ""
                    return None
        self._n_direct = 0
        return self._journal.append(batch, batch.n_rows)

    def has_room(self, n_rows: int) -> bool:
        """Return False if a batch of `n_rows` rows has to be logged row by row."""
        return self._n_stored + n_rows <= _MAX_STORED_ROWS

    def count_stored(self) -> None:
        """Update the count of rows in batches that were not moved into the log yet."""
        with self._db.read() as conn:
            self._n_stored = batches.count_rows(conn)

    def append_at_once(self, answers: Sequence[Prediction]) -> bool:
        """Write predictions in the calling thread, always the same one. Return False if the write
        would have to wait, so that `append` has to be called."""
        return self._write_at_once(len(answers), lambda direct: direct.append(answers))

    def _write_at_once(self, n_rows: int, write: Callable[[DirectLog], bool]) -> bool:
        direct = self._direct
        if (
            direct is None
            or n_rows > _MAX_DIRECT_ROWS
            or self._n_direct >= _MAX_DIRECT_WRITES
            or self._journal.n_waiting
        ):
            return False
        started = self._timer()
        if started < self._direct_at or not write(direct):
            return False
        taken = self._timer() - started
        if taken > _SLOW_WRITE_SECONDS:
            self._direct_at = started + _DIRECT_PAUSE * taken
        self._n_direct += 1
        self._n_uncopied += n_rows
        self._trouble = ""
        return True

    def append_decided(self, request: DecidedRequest) -> Kept:
        """Queue a decision with its predictions for the disk, in one transaction; see `append`."""
        self._n_direct = 0
        return self._journal.append(request, 1 + len(request.predictions))

    def append_decided_at_once(self, request: DecidedRequest) -> bool:
        """Write a decision with its predictions; see `append_at_once`."""
        n_rows = 1 + len(request.predictions)
        return self._write_at_once(n_rows, lambda direct: direct.append_decided(request))

    def append_label(self, label: Label, *, observed_at_given: bool) -> Kept:
        """Queue a label for the disk; raises as `append` does."""
        return self._journal.append(_GivenLabel(label, observed_at_given))

    def append_shadow_scores(self, scores: Sequence[ShadowScore]) -> None:
        """Queue shadow scores for the disk; raises as `append` does."""
        for part in _split(scores):
            self._journal.append(_Shadowed(part), len(part))

    def copy_back(self) -> None:
        """Copy SQLite's write-ahead log back if enough rows were written since the last copy. A
        long log would slow a write down, and the first write after each copy waits for the disk."""
        if self._n_uncopied >= _COPIED_ROWS:
            self._n_uncopied = 0
            self._db.copy_log_back()

    def find_trouble(self) -> str | None:
        """Return the error of the last write if it was seconds ago and no write has succeeded
        since; else None."""
        if self._trouble and self._timer() - self._trouble_at < _TROUBLE_SECONDS:
            return self._trouble
        return None

    def check(self, timeout_seconds: float) -> str | None:
        """Return the reason why nothing can be written; None if writing works. It queues an empty
        entry and takes the store's write lock."""
        try:
            self._journal.append((), 0).result(timeout_seconds)
        except TimeoutError:
            return f"The log did not take anything within {timeout_seconds:g} s."
        except OpsError as error:
            return str(error)
        return None

    def _write(
        self, entries: Sequence[_Entry], claim: Callable[[], None]
    ) -> list[LabelOutcome | str | None]:
        """Write entries and return their outcomes; raises `Unavailable` if none of them is on disk.
        After a bug, or one bad value among several entries, every caller has to try again."""
        try:
            return self._write_together(entries, claim)
        except Unavailable as error:
            self._report_trouble(str(error), len(entries), is_bug=False)
            raise
        except (*DRIVER_ERRORS, *MODEL_ERRORS) as error:
            if isinstance(error, InvalidInput) and len(entries) == 1:
                raise
            why = (
                f"The log could not be written ({type(error).__name__}: {clean_error(error)}): "
                "nothing of what came together was kept, and it was recorded. Try again."
            )
            self._report_trouble(why, len(entries), is_bug=True)
            public = (
                "The log could not be written: nothing of what came together was kept, and why was "
                "recorded. Try again."
            )
            raise Unavailable(why, public=public) from error

    def _report_trouble(self, why: str, n_entries: int, *, is_bug: bool) -> None:
        self._trouble, self._trouble_at = why, self._timer()
        log.warning("log_not_written", n_entries=n_entries, error=why, exc_info=is_bug)

    def _write_together(
        self, entries: Sequence[_Entry], claim: Callable[[], None]
    ) -> list[LabelOutcome | str | None]:
        rows = [row for entry in entries if isinstance(entry, Sequence) for row in entry]
        beside = [row for entry in entries if isinstance(entry, _Shadowed) for row in entry.scores]
        given = [entry for entry in entries if isinstance(entry, _GivenLabel)]
        whole = [entry for entry in entries if isinstance(entry, Batch)]
        asked = [entry for entry in entries if isinstance(entry, DecidedRequest)]
        with self._db.write() as conn:
            claim()
            decided, earlier = _split_decided(conn, asked)
            rows += [row for request in decided for row in request.predictions]
            predictions.append_predictions(conn, rows)
            decisions.append_decisions(conn, [request.decision for request in decided])
            batches.append_batches(conn, whole)
            trials.append_shadow_scores(conn, beside)
            are_new = labels.append_labels(
                conn, [(entry.label, entry.observed_at_given) for entry in given]
            )
            known = predictions.find_known(conn, [entry.label.prediction_id for entry in given])
            kept_from = removals.find_kept_from(conn) if len(known) < len(given) else None
        self._n_uncopied += (
            len(rows) + len(decided) + len(given) + sum(batch.n_rows for batch in whole)
        )
        self._trouble = ""
        judged = (
            _judge_label(is_new, entry.label.prediction_id, known, kept_from)
            for entry, is_new in zip(given, are_new, strict=True)
        )
        return [
            next(judged)
            if isinstance(entry, _GivenLabel)
            else earlier.get(entry.decision.id)
            if isinstance(entry, DecidedRequest)
            else None
            for entry in entries
        ]


def _split_decided(
    conn: Connection, requests: Sequence[DecidedRequest]
) -> tuple[list[DecidedRequest], dict[str, str]]:
    """Return the requests whose group was not decided before, and of each other the id of the
    earlier decision by its own."""
    named = [one.decision.group_id for one in requests if one.decision.group_id is not None]
    known = decisions.find_decided_groups(conn, named) if named else {}
    new, earlier = [], {}
    for request in requests:
        decision = request.decision
        if decision.group_id is not None:
            first = known.setdefault(decision.group_id, decision.id)
            if first != decision.id:
                earlier[decision.id] = first
                continue
        new.append(request)
    return new, earlier


def _split(rows: Sequence[Row]) -> list[Sequence[Row]]:
    """Split rows into parts that fit into one transaction."""
    return [rows[start : start + _MAX_ENTRY_ROWS] for start in range(0, len(rows), _MAX_ENTRY_ROWS)]


def _judge_label(
    is_new: bool, prediction_id: str, known: set[str], kept_from: datetime | None
) -> LabelOutcome:
    if prediction_id not in known:
        removed = was_removed(prediction_id, kept_from)
        return LabelOutcome.REMOVED if removed else LabelOutcome.UNKNOWN
    return LabelOutcome.NEW if is_new else LabelOutcome.SAME
