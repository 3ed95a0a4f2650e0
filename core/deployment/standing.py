"""How the trial that runs stands: read from the log, judged by pure code."""

from datetime import datetime

from core.deployment.ramp import choose_next
from core.deployment.trial import Standing
from core.deployment.verdict import judge_trial
from core.domain.trial import Trial
from core.store import trials
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
