"""Measuring: keeps the rollups up to date, and reads a window of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from core.domain.monitoring import DAY, HOUR, MINUTE, Rollup, RollupProgress, floor_time
from core.log import get_logger
from core.monitoring.measure.rollups import (
    build_longer,
    build_minutes,
    describe_basis,
    split_runs,
    split_spans,
)
from core.monitoring.measure.traffic import choose_step
from core.settings import Scale
from core.store.engine.database import Connection, Database
from core.store.predictions import removals, rollups
from core.store.predictions.predictions import read_all

_PIECE_ROWS = 50_000
_MAX_PIECES = 20
_WRITE_ROWS = 1_500  # a transaction's, since predictions wait while one writes

_Write = tuple[int, list[datetime], list[Rollup]]  # span, starts that are replaced, by what

log = get_logger(__name__)


def measure(
    db: Database,
    now: datetime,
    *,
    scale: Scale,
    tolerance: float,
    piece_rows: int = _PIECE_ROWS,
    max_pieces: int = _MAX_PIECES,
) -> int:
    """Count what came in since the last time into the rollups: each minute that a new prediction or
    label belongs to is counted again whole, then its hour and day. How many minutes were counted.

    Nothing is counted twice or missed however often this runs, in however many processes, however
    late a row was committed, and wherever it stopped. A long backlog is worked off in pieces of
    `piece_rows` predictions and labels; what `max_pieces` leave is for the next call."""
    n_minutes = 0
    for _ in range(max_pieces):
        done = _find_progress(db, describe_basis(scale, tolerance), now)
        with read_all(db) as conn:
            changes = rollups.load_changes(conn, done, piece_rows)
            writes = _count(conn, changes.minutes, scale, tolerance)
        progress = RollupProgress(done.basis, changes.prediction_seq, changes.label_id, now)
        if not _save(db, done, progress, writes):
            continue  # another process measures; what it left is counted in the next round
        n_minutes += len(changes.minutes)
        n_predictions = progress.prediction_seq - done.prediction_seq
        if max(n_predictions, progress.label_id - done.label_id) < piece_rows:
            break
    return n_minutes


def load_window(
    conn: Connection, from_at: datetime, to_at: datetime, step: timedelta | None = None
) -> list[Rollup]:
    """The rollups that cover a window, its ends widened to whole minutes; none is longer than a
    step of the series."""
    longest = max(
        seconds
        for seconds in (MINUTE, HOUR, DAY)
        if timedelta(seconds=seconds) <= (step or choose_step(from_at, to_at))
    )
    from_at, to_at = floor_time(from_at, MINUTE), _ceil_minute(to_at)
    return [
        rollup
        for seconds, start_at, end_at in split_spans(from_at, to_at, longest)
        for rollup in rollups.load_rollups(conn, seconds, start_at, end_at)
    ]


def _find_progress(db: Database, basis: str, now: datetime) -> RollupProgress:
    """Up to where the rollups of this basis count; those of another are forgotten."""
    with db.read() as conn:
        found = rollups.find_progress(conn)
    if found is not None and found.basis == basis:
        return found
    start = RollupProgress(basis, prediction_seq=0, label_id=0, measured_at=now)
    with db.write() as conn:
        rollups.reset_rollups(conn)
        _close_kept_spans(conn)
        rollups.save_progress(conn, start)
    log.info("rollups_start_anew", basis=basis)
    return start


def _close_kept_spans(conn: Connection) -> None:
    """After a reset, let the hour and the day in which the kept predictions begin say what their
    first minutes do, which nobody can count again."""
    kept_from = removals.find_kept_from(conn)
    if kept_from is None:
        return
    for shorter, seconds in ((MINUTE, HOUR), (HOUR, DAY)):
        start_at = floor_time(kept_from, seconds)
        parts = rollups.load_rollups(conn, shorter, start_at, kept_from)
        rollups.save_rollups(conn, seconds, [start_at], build_longer(parts, seconds))


def _count(
    conn: Connection, minutes: Sequence[datetime], scale: Scale, tolerance: float
) -> list[_Write]:
    """Count the rollups to write so that these minutes, their hours and days are right again."""
    writes: list[_Write] = []
    for day_at, members in groupby(minutes, key=lambda minute: floor_time(minute, DAY)):
        changed = list(members)
        observations = rollups.stream_observations(conn, split_runs(changed, MINUTE))
        new = build_minutes(observations, scale=scale, tolerance=tolerance)
        writes.append((MINUTE, changed, new))
        hours = sorted({floor_time(minute, HOUR) for minute in changed})
        end_at = hours[-1] + timedelta(seconds=HOUR)
        kept = _kept(conn, MINUTE, hours[0], end_at, changed)
        same_hours = [r for r in kept if floor_time(r.start_at, HOUR) in set(hours)]
        by_hour = build_longer(same_hours + new, HOUR)
        writes.append((HOUR, hours, by_hour))
        kept = _kept(conn, HOUR, day_at, day_at + timedelta(seconds=DAY), hours)
        writes.append((DAY, [day_at], build_longer(kept + by_hour, DAY)))
    return writes


def _kept(
    conn: Connection,
    seconds: int,
    start_at: datetime,
    end_at: datetime,
    changed: Sequence[datetime],
) -> list[Rollup]:
    """The rollups of a span that have not changed."""
    if len(changed) * timedelta(seconds=seconds) == end_at - start_at:
        return []
    found = rollups.load_rollups(conn, seconds, start_at, end_at)
    known = set(changed)
    return [rollup for rollup in found if rollup.start_at not in known]


def _save(
    db: Database, done: RollupProgress, progress: RollupProgress, writes: list[_Write]
) -> bool:
    """Write in short transactions, the progress last; False where another process was faster."""
    for batch in [*_split_writes(writes), None]:
        with db.write() as conn:
            if rollups.find_progress(conn) != done:
                log.info("measured_elsewhere")
                return False
            for seconds, starts, counts in batch or ():
                rollups.save_rollups(conn, seconds, starts, counts)
            if batch is None:
                rollups.update_unmatched(conn, done, progress)
                rollups.save_progress(conn, progress)
    return True


def _split_writes(writes: list[_Write]) -> list[list[_Write]]:
    batches: list[list[_Write]] = []
    n_rows = _WRITE_ROWS
    for write in writes:
        if n_rows >= _WRITE_ROWS:
            batches.append([])
            n_rows = 0
        batches[-1].append(write)
        n_rows += len(write[2])
    return batches


def _ceil_minute(at: datetime) -> datetime:
    return floor_time(at + timedelta(minutes=1, microseconds=-1), MINUTE)
