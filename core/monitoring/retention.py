"""Retention: takes old predictions out of the log, a few at a time, and never what is still needed.

A piece is one transaction: the check, the rows, and the record of it. Wherever it stops, the next
run goes on, and what is counted of the rows that went stays as it was."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.audit.attempt import NeedsApproval, attempt
from core.deployment.trial import find_trial
from core.domain.actor import PROGRAM, Act, ApprovalState
from core.domain.monitoring import EPOCH, MINUTE, Removed, Retention, floor_time
from core.log import get_logger
from core.settings import Settings
from core.store.engine.database import Connection, Database
from core.store.installation import approvals, clock_jumps, sessions
from core.store.models import deployments
from core.store.predictions import removals, rollups
from core.store.predictions.predictions import read_all
from core.store.predictions.unanswered import fold_unanswered
from plumbline.program import name_command

KEEP_ADDRESSES = timedelta(days=2)  # of callers that were refused
_ASKING = replace(PROGRAM, second=frozenset({Act.REMOVE}))
_USUAL = timedelta(days=1)
_USUAL_SHARE = 0.2
LOGINS_KEPT = timedelta(days=90)  # after their end
_PIECE_ROWS = 500  # a transaction's, since predictions wait while one deletes
_MAX_PIECES = 400
_PAUSE_SECONDS = 0.01  # in which those that wait get their turn

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """The rows that a run removed, and the reasons that keep it from more in `waits`."""

    removed: Removed
    until_at: datetime | None  # None where nothing was removed
    waits: str
    asks: bool = False  # a person, before it goes on


def remove_due(db: Database, *, keep: timedelta, now: datetime) -> Run:
    """Remove what is older than `keep`, or ask first where that is more than usual: a clock that
    was set forward, a worker that slept or a shorter `keep` looks like old rows. The request waits
    on the System page for a person, and what it allows goes without another one."""
    with read_all(db) as conn:
        excess = _find_excess(conn, keep, now)
        last = approvals.find_last(conn, Act.REMOVE)
    if excess is None:
        return remove_old(db, keep=keep, now=now)
    target = f"predictions since {excess:%Y-%m-%d %H:%M} UTC"
    if last is not None and last.state is ApprovalState.DECLINED and last.target == target:
        waits = f"request {last.id} was declined by {last.decided_by}: {target} are kept"
        return Run(Removed(), None, waits)
    reason = f"older than {keep.days} days, and far more than usual: is the clock right?"
    details = {"keep_days": keep.days}
    try:
        with attempt(db, _ASKING, Act.REMOVE, target, now=now, reason=reason, details=details):
            pass
    except NeedsApproval as request:
        approve = name_command(f"approvals approve {request.number}")
        waits = (
            f"Retention would remove far more than usual, {target} up to "
            f"{now - keep:%Y-%m-%d %H:%M} UTC, and asks first: see that the clock is right, and "
            f"approve or decline request {request.number} on the System page or with `{approve}`. "
            "Until then nothing is removed."
        )
        return Run(Removed(), None, waits, asks=True)
    return remove_old(db, keep=keep, now=now)


def is_unusual(
    oldest_at: datetime, newest_at: datetime, until_at: datetime, *, clock_was_set: bool
) -> bool:
    """Return whether a log would lose more than it usually does by the removal of all before
    `until_at`. A worker that runs removes the few minutes that became old since its last look; more
    than a day of them is unusual where it is a fifth of the log, or the clock was set lately.

    >>> day, noon = timedelta(days=1), datetime(2026, 3, 2, 12)
    >>> def ask(first, until, was_set=False):
    ...     return is_unusual(noon - first * day, noon, noon - until * day, clock_was_set=was_set)
    >>> ask(90.01, 90), ask(97, 90), ask(90, 0), ask(90, 30), ask(97, 90, True)
    (False, False, True, True, True)
    """
    overdue, span = until_at - oldest_at, newest_at - oldest_at
    return overdue > _USUAL and (clock_was_set or overdue > _USUAL_SHARE * span)


def _find_excess(conn: Connection, keep: timedelta, now: datetime) -> datetime | None:
    """Return when the oldest prediction was asked that would go, where more than usual would and no
    person has allowed it; else None."""
    oldest_at = removals.find_next_at(conn, EPOCH, now - keep, 0)
    newest_at = rollups.find_last_prediction_at(conn)
    if oldest_at is None or newest_at is None:
        return None
    last = approvals.find_last(conn, Act.REMOVE)
    start = oldest_at
    if last is not None and last.state is ApprovalState.USED:
        allowed_at = min(last.asked_at, last.decided_at or last.asked_at)
        start = max(start, allowed_at - keep)
    until_at = min(now - keep, newest_at)
    was_set = clock_jumps.find_recent(conn, now) is not None
    if until_at <= start or not is_unusual(start, newest_at, until_at, clock_was_set=was_set):
        return None
    return oldest_at


def remove_old(
    db: Database,
    *,
    keep: timedelta,
    now: datetime,
    piece_rows: int = _PIECE_ROWS,
    max_pieces: int = _MAX_PIECES,
    wait: Callable[[float], None] = time.sleep,
) -> Run:
    """Remove the predictions that are older than `keep`, with their labels and the scores beside
    them, oldest first and by whole minutes; what `max_pieces` leave is for the next run.

    Nothing goes that the rollups do not count, whose label is not a sample yet, or that was asked
    since the trial that runs began; and the newest minute stays, whenever it was."""
    removed, until_at, removal_id = Removed(), None, None
    done = EPOCH  # what is done is not looked at again: a database keeps its traces
    with read_all(db) as conn:
        piece_end, waits = _choose_piece(conn, done, now - keep, piece_rows)
    if piece_end is None:
        return Run(removed, until_at, waits)
    for _ in range(max_pieces):
        with db.write() as conn:
            piece_end, waits = _choose_piece(conn, done, now - keep, piece_rows)
            if piece_end is None:
                break
            if removal_id is None:
                removal_id = removals.start_removal(conn, now, piece_end)
            gone = removals.remove_between(conn, done, piece_end)
            removals.add_removed(conn, removal_id, piece_end, gone)
        removed, until_at, done = removed + gone, piece_end, piece_end
        wait(_PAUSE_SECONDS)
    if until_at is not None:
        log.info("predictions_removed", n=removed.n_predictions, until_at=until_at)
    return Run(removed, until_at, waits)


def describe_run(run: Run, keep: timedelta) -> str:
    """A run in a sentence.

    >>> describe_run(Run(Removed(), None, ""), timedelta(days=90))
    'no prediction is older than 90 days'
    """
    if run.until_at is None:
        return run.waits or f"no prediction is older than {keep.days} days"
    said = f"{run.removed.n_predictions:,} predictions from before {run.until_at:%Y-%m-%d %H:%M} "
    said += f"UTC removed, with {run.removed.n_labels:,} labels"
    return f"{said}; {run.waits}" if run.waits else said


def describe_retention(retention: Retention) -> str:
    """Describe how long predictions are kept, the last removal, and the labels that came too late.

    >>> describe_retention(Retention(90, None, 0))
    'Predictions are kept for 90 days one by one, with what was asked; none was removed yet.'
    """
    if retention.keep_days is None:
        kept = "All predictions are kept one by one, with what was asked"
    else:
        kept = (
            f"Predictions are kept for {retention.keep_days} days one by one, with what was asked"
        )
    last = retention.last
    if last is None:
        return f"{kept}; none was removed yet."
    gone = last.removed
    said = (
        f"{kept}. Last removed, at {last.at:%Y-%m-%d %H:%M} UTC: {gone.n_predictions:,} of them "
        f"with {gone.n_labels:,} labels, so that the log begins at "
        f"{last.until_at:%Y-%m-%d %H:%M} UTC; the figures from before stay."
    )
    if retention.n_too_late:
        n = retention.n_too_late
        words = "removed prediction was" if n == 1 else "removed predictions were"
        said += f" {n:,} {words} labelled too late."
    return said


def load_retention(conn: Connection, keep_days: int) -> Retention:
    """Load how long predictions are kept, and the last removal."""
    return Retention(
        keep_days=keep_days or None,
        last=next(iter(removals.load_removals(conn, 1)), None),
        n_too_late=removals.count_too_late(conn),
    )


def _choose_piece(
    conn: Connection, done: datetime, wanted: datetime, piece_rows: int
) -> tuple[datetime | None, str]:
    """Up to which whole minute the next piece may go, and what keeps it from going further."""
    limit, waits = floor_time(wanted, MINUTE), ""
    newest = rollups.find_last_prediction_at(conn)
    trial = find_trial(deployments.load_history(conn))
    if newest is not None:
        limit = min(limit, floor_time(newest, MINUTE))
    if trial is not None and trial.started_at < limit:
        limit = floor_time(trial.started_at, MINUTE)
        waits = f"those since {limit:%Y-%m-%d %H:%M} UTC wait for the end of trial {trial.name}"
    oldest = removals.find_next_at(conn, done, limit, 0)
    if oldest is None:
        return None, waits
    last = removals.find_next_at(conn, done, limit, piece_rows)
    if last is not None:
        after_first = floor_time(oldest, MINUTE) + timedelta(seconds=MINUTE)
        limit = max(floor_time(last, MINUTE), after_first)
    for find, why in (
        (removals.find_uncounted_at, "are not in the figures yet"),
        (removals.find_uncollected_at, "have a label that is not collected yet"),
    ):
        needed = find(conn, done, limit)
        if needed is not None:
            limit = floor_time(needed, MINUTE)
            waits = f"predictions from {needed:%Y-%m-%d %H:%M} UTC on wait: they {why}"
    return (None if limit <= oldest else limit), waits


def fold_refusals(db: Database, now: datetime) -> None:
    """Keep what was not answered some days ago by the hour, without the addresses of callers."""
    with db.write() as conn:
        fold_unanswered(conn, now - KEEP_ADDRESSES)


def remove_logins(db: Database, settings: Settings, now: datetime) -> int:
    """Remove the logins that ended more than 90 days ago, and return their number: the audit keeps
    who logged in."""
    idle = timedelta(minutes=settings.session_idle_minutes)
    with db.write() as conn:
        return sessions.remove_ended(conn, now - LOGINS_KEPT, idle)
