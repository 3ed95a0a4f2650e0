"""How the trial that runs stands, and what the last change delivered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.deployment.pair_accumulator import fold_pairs, next_day
from core.deployment.ramp import choose_next
from core.deployment.trial import Standing, find_trial
from core.deployment.verdict import TrialReport, judge_trial
from core.domain.deployment import Deployment, Retired, find_retired
from core.domain.training_report import Estimate
from core.domain.trial import (
    Checkpoint,
    PairSums,
    Progress,
    RampStep,
    Trial,
    TrialSettings,
    add_counts,
    merge_counts,
)
from core.domain.version import Version
from core.stats.intervals import Interval
from core.store.engine.database import Connection, Database
from core.store.models import deployments, paired_differences, trials, versions


@dataclass(frozen=True, slots=True)
class DeliveredChange:
    """Errors of the version before and of the champion on the same labelled requests, in points."""

    before: int
    champion: int
    since_at: datetime
    until_at: datetime
    n_pairs: int
    mae_before: float | None
    mae_champion: float | None
    gain: Interval | None  # error of the version before less the champion's; holds at every look
    promised: Estimate | None  # the same as it was when the change was decided


def build_comparison(retired: Retired, history: Sequence[Deployment]) -> Trial:
    """The version before and the champion as if they were on trial since the change, so that what
    was delivered is judged like a trial. `history` is every row, oldest first."""
    row = next(row for row in history if row.revision == retired.revision)
    current = history[-1]
    return Trial(
        revision=retired.revision,
        name="",
        champion=retired.version,
        challenger=current.plan.champion,
        started_at=retired.since_at,
        by=row.by,
        reason=row.reason,
        settings=TrialSettings(),
        steps=(RampStep(row.revision, row.at, 1.0), RampStep(current.revision, current.at, 1.0)),
    )


def find_promise(evidence: Mapping[str, object], version: Version, before: int) -> Estimate | None:
    """How much less error was promised: what the trial had found, else the training where it was
    compared with the version before; None where neither says."""
    result = evidence.get("trial_result")
    found = result.get("estimate") if isinstance(result, Mapping) else None
    if isinstance(found, Mapping):
        return Estimate(found["value"], found["low"], found["high"])
    return version.report.improvement if version.report.champion == before else None


def build_delivered(
    retired: Retired,
    comparison: Trial,
    sums: PairSums,
    report: TrialReport,
    promised: Estimate | None,
) -> DeliveredChange:
    """What the pairs say of the change."""
    n = sums.n_pairs
    return DeliveredChange(
        before=retired.version,
        champion=comparison.challenger,
        since_at=retired.since_at,
        until_at=retired.until_at,
        n_pairs=n,
        mae_before=sums.champion_error / n if n else None,
        mae_champion=sums.challenger_error / n if n else None,
        gain=report.estimate,
        promised=promised,
    )


_SETTLED_AFTER = timedelta(seconds=60)
"""By then the score beside an answer is in the log, or never will be."""

_LONG_AGO = timedelta(days=1)  # clocks of the processes that answer and release differ by less


@dataclass(frozen=True, slots=True)
class _Counted:
    """What was kept of a trial: right up to `progress`, and `checkpoint` after all changes."""

    progress: Progress
    checkpoint: Checkpoint


def load_standing(conn: Connection, trial: Trial, now: datetime) -> Standing:
    """What a trial says, how its challenger behaves, and what happens next: by what the worker has
    counted, and by the rows that came since."""
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


def load_delivered(
    conn: Connection, history: Sequence[Deployment], now: datetime
) -> DeliveredChange | None:
    """What the change to the champion has delivered so far; None where no version before scores
    beside it. `history` is every row, oldest first."""
    retired = find_retired(history, now)
    if retired is None:
        return None
    comparison = build_comparison(retired, history)
    kept = _load_counted(conn, comparison).checkpoint
    sums = _add_labels(conn, comparison, kept, None, now).sums
    row = next(row for row in history if row.revision == retired.revision)
    promised = find_promise(
        row.evidence, versions.get_version(conn, comparison.challenger), retired.version
    )
    report = judge_trial(comparison, sums, (), (), now)
    return build_delivered(retired, comparison, sums, report, promised)


def count_pairs(db: Database, now: datetime) -> bool:
    """Count what came in since the last time, of the trial that runs or of the version before, so
    that a page reads sums; whether there is either. What a corrected or late label has changed is
    counted again from the day of its first label on."""
    with db.read() as conn:
        trial = _find_compared(deployments.load_history(conn), now)
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


def _find_compared(history: Sequence[Deployment], now: datetime) -> Trial | None:
    """The trial that runs, else the version before and the champion as if they were on trial."""
    trial, retired = find_trial(history), find_retired(history, now)
    if trial is None and retired is not None:
        return build_comparison(retired, history)
    return trial


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
    """A checkpoint at the end of each day, and one at the end."""
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
    """The checkpoint with the labels that came first in [its end, to_at)."""
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
