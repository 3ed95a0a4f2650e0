"""What is removed stops at what is still needed, and goes on wherever it was killed."""

import random
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from core.domain.deployment import Action, Plan
from core.domain.monitoring import DAY, HOUR, MINUTE, Removed, Rollup
from core.monitoring.measure.rollup_updates import measure
from core.monitoring.retention import Run, describe_run, remove_old
from core.store.engine.database import Database, open_database
from core.store.models import deployments
from core.store.predictions import feedback, removals, rollups
from core.store.predictions.batches import append_batches
from tests.fakes import make_batch
from tests.streams import NOON, SCALE, TOLERANCE, add_requests, label_all, spread_times

ROOT = Path(__file__).parents[2]
KEEP = timedelta(days=90)
ONE_DAY = timedelta(days=1)
N_KILLS = 5


def count_all(db: Database) -> list[Rollup]:
    """Everything counted and collected; the rollups that come of it."""
    measure(db, NOON, scale=SCALE, tolerance=TOLERANCE)
    with db.write() as conn:
        feedback.save_progress(conn, feedback.find_end(conn))
        ever = (NOON - 400 * ONE_DAY, NOON + ONE_DAY)
        return [r for s in (MINUTE, HOUR, DAY) for r in rollups.load_rollups(conn, s, *ever)]


def test_a_trial_that_runs_keeps_what_was_asked_since_it_began(db: Database) -> None:
    began = NOON - 95 * ONE_DAY
    add_requests(db, "a", spread_times(NOON - 100 * ONE_DAY, NOON, 400))
    count_all(db)
    with db.write() as conn:
        deployments.append_deployment(
            conn,
            action=Action.START_TRIAL,
            plan=Plan(1, 2, 0.1, "shorter", "salt"),
            reason="to see",
            by="ada",
            override=False,
            evidence={},
            now=began,
        )
    run = remove_old(db, keep=KEEP, now=NOON)
    assert run == Run(
        Removed(20, 0, 0),
        began,
        "those since 2025-11-27 12:00 UTC wait for the end of trial shorter",
    )


def test_the_newest_minute_stays_however_old_it_is(db: Database) -> None:
    last_at = NOON - 200 * ONE_DAY
    add_requests(db, "a", [last_at - ONE_DAY, last_at])
    count_all(db)
    assert remove_old(db, keep=KEEP, now=NOON).removed.n_predictions == 1
    with db.read() as conn:
        assert rollups.find_last_prediction_at(conn) == last_at


def test_a_minute_stays_while_a_row_of_a_batch_in_it_is_not_counted(db: Database) -> None:
    old = NOON - 100 * ONE_DAY
    add_requests(db, "a", [old - HOUR * timedelta(seconds=1), old, NOON])
    count_all(db)
    with db.write() as conn:
        append_batches(conn, [make_batch(3, at=old)])
    run = remove_old(db, keep=KEEP, now=NOON)
    assert (run.removed.n_predictions, run.until_at) == (1, old)
    assert run.waits.endswith("on wait: they are not in the figures yet")
    before = count_all(db)
    assert sum(rollup.n for rollup in before if rollup.seconds == MINUTE) == 6
    assert remove_old(db, keep=KEEP, now=NOON).removed.n_predictions == 4
    assert count_all(db) == before


def test_a_run_leaves_the_rest_to_the_next_and_says_what_it_did(db: Database) -> None:
    add_requests(db, "a", spread_times(NOON - 100 * ONE_DAY, NOON - 91 * ONE_DAY, 100))
    add_requests(db, "b", [NOON])
    count_all(db)
    first = remove_old(db, keep=KEEP, now=NOON, piece_rows=10, max_pieces=3)
    assert describe_run(first, KEEP) == (
        "30 predictions from before 2025-11-25 04:48 UTC removed, with 0 labels"
    )
    second = remove_old(db, keep=KEEP, now=NOON)
    assert first.removed.n_predictions + second.removed.n_predictions == 100


@pytest.mark.slow
def test_a_run_that_is_killed_loses_no_figure_and_the_next_goes_on(home: Path) -> None:
    db = open_database("", home, "process", NOON)
    old = add_requests(db, "a", spread_times(NOON - 99 * ONE_DAY, NOON - 91 * ONE_DAY, 6_000))
    add_requests(db, "b", [NOON])
    label_all(db, old[::2], within=0.8)
    before = count_all(db)
    draw = random.Random(5)
    for _ in range(N_KILLS):
        n_statements = str(draw.randrange(2, 400))
        command = [sys.executable, "-m", "tests.monitoring.remove_once", home, n_statements]
        child = subprocess.run(command, check=False, cwd=ROOT)
        assert child.returncode == -signal.SIGKILL
        measure(db, NOON, scale=SCALE, tolerance=TOLERANCE)
    with db.read() as conn:
        killed = sum(row.removed.n_predictions for row in removals.load_removals(conn, 100))
    assert 0 < killed < 6_000  # each was killed at work
    last = remove_old(db, keep=KEEP, now=NOON)
    assert last.removed.n_predictions + killed == 6_000
    assert count_all(db) == before
    db.close()
