"""How the trial that runs stands, and what the last change delivered: read from the log, judged by
pure code."""

from collections.abc import Sequence
from datetime import datetime

from core.deployment.delivered import (
    Delivered,
    build_comparison,
    build_delivered,
    find_promise,
)
from core.deployment.ramp import choose_next
from core.deployment.trial import Standing
from core.deployment.verdict import judge_trial
from core.domain.deployment import Deployment
from core.domain.retired import find_retired
from core.domain.trial import Trial
from core.store import trials, versions
from core.store.database import Connection


def load_standing(conn: Connection, trial: Trial, now: datetime) -> Standing:
    """What a trial says, how its challenger behaves, and what happens next."""
    report = judge_trial(
        trial,
        trials.load_pairs(conn, trial),
        trials.load_splits(conn, trial, labelled=False),
        trials.load_splits(conn, trial, labelled=True),
        now,
        trials.find_verdict(conn, trial.revision),
    )
    conduct = trials.load_conduct(conn, trial)
    return Standing(trial, report, conduct, choose_next(trial, report, conduct, now))


def load_delivered(
    conn: Connection, history: Sequence[Deployment], now: datetime
) -> Delivered | None:
    """What the change to the champion has delivered so far; None where no version before scores
    beside it. `history` is every row, oldest first."""
    retired = find_retired(history, now)
    if retired is None:
        return None
    comparison = build_comparison(retired, history)
    pairs = trials.load_pairs(conn, comparison)
    row = next(row for row in history if row.revision == retired.revision)
    promised = find_promise(
        row.evidence, versions.get_version(conn, comparison.challenger), retired.version
    )
    report = judge_trial(comparison, pairs, (), (), now)
    return build_delivered(retired, comparison, pairs, report, promised)
