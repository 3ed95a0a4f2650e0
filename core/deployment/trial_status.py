"""The standing of the current trial, from the stored sums of its pairs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.deployment.pair_accumulator import fold_pairs, next_day
from core.deployment.ramp import choose_next
from core.deployment.trial import Standing, find_trial
from core.deployment.verdict import judge_trial
from core.domain.trial import Checkpoint, Progress, Trial, add_counts, merge_counts
from core.store.engine.database import Connection, Database
from core.store.models import deployments, paired_differences, trials

_SETTLED_AFTER = timedelta(seconds=60)
"""By then the score beside an answer is in the log, or never will be."""

_LONG_AGO = timedelta(days=1)  # clocks of the processes that answer and release differ by less


@dataclass(frozen=True, slots=True)
class _Counted:
    """The stored sums of a trial: valid up to `progress`; `checkpoint` is the one after all
    changes."""

    progress: Progress
    checkpoint: Checkpoint


def load_standing(conn: Connection, trial: Trial, now: datetime) -> Standing:
    """Return what a trial says, how its challenger behaves, and what happens next: by what the
    worker has counted, and by the rows that came since."""
    counted = _load_counted(conn, trial)
    newest = _add_labels(conn, trial, counted.checkpoint, None, now)
    requests = add_counts(
        counted.progress.requests,
        trials.count_requests(conn, trial, counted.progress.request_seq),
    )
    report = judge_trial(
        trial,
        newest.sums,
        trials.build_splits(trial, requests),
        trials.build_splits(trial, newest.labels.splits),
        now,
        trials.find_verdict(conn, trial.revision),
    )
    conduct = trials.load_conduct(conn, trial, requests, newest.labels)
    return Standing(trial, report, conduct, choose_next(trial, report, conduct, now))


def count_pairs(db: Database, now: datetime) -> bool:
    """Count what came in since the last time of the trial that runs, so that a page reads sums;
    return False where no trial runs. What a corrected or late label has changed is counted again
    from the day of its first label on."""
    with db.read() as conn:
        trial = find_trial(deployments.load_history(conn))
        if trial is None:
            return False
        counted = _load_counted(conn, trial)
        until_at = now - _SETTLED_AFTER
        kept = list(_count_days(conn, trial, counted.checkpoint, until_at))
        progress = _count_settled_requests(conn, trial, counted.progress, until_at)
    with db.write() as conn:
        after_at = counted.checkpoint.until_at
        paired_differences.save_checkpoints(conn, trial.revision, after_at, kept, progress)
    return True


def _load_counted(conn: Connection, trial: Trial) -> _Counted:
    start_at = trial.started_at - _LONG_AGO
    progress = paired_differences.find_progress(conn, trial.revision)
    if progress is None:
        first = Progress(request_seq=trials.find_seq_before(conn, start_at))
        return _Counted(first, Checkpoint(start_at))
    changed_at = trials.find_changed_at(conn, trial, progress)
    kept = paired_differences.find_checkpoint(conn, trial.revision, changed_at)
    return _Counted(progress, kept or Checkpoint(start_at))


def _count_days(
    conn: Connection, trial: Trial, checkpoint: Checkpoint, until_at: datetime
) -> Iterator[Checkpoint]:
    """Yield a checkpoint at the end of each day, and one at the end."""
    while checkpoint.until_at < until_at:
        end = min(next_day(checkpoint.until_at), until_at)
        checkpoint = _add_labels(conn, trial, checkpoint, end, end)
        yield checkpoint


def _add_labels(
    conn: Connection,
    trial: Trial,
    checkpoint: Checkpoint,
    to_at: datetime | None,
    now: datetime,
) -> Checkpoint:
    """Return the checkpoint with the labels added that came first in [its end, to_at)."""
    from_at = checkpoint.until_at
    pairs = trials.load_pairs(conn, trial, from_at, to_at)
    return Checkpoint(
        until_at=from_at if to_at is None else to_at,
        sums=fold_pairs(checkpoint.sums, pairs, trial.settings, now),
        labels=merge_counts(checkpoint.labels, trials.count_labels(conn, trial, from_at, to_at)),
    )


def _count_settled_requests(
    conn: Connection, trial: Trial, progress: Progress, until_at: datetime
) -> Progress:
    upto = max(trials.find_seq_before(conn, until_at), progress.request_seq)
    counts = trials.count_requests(conn, trial, progress.request_seq, upto)
    seq, label_id = trials.find_newest(conn)
    return Progress(upto, seq, label_id, add_counts(progress.requests, counts))
