"""What is removed stops at what is still needed, and goes on wherever it was killed."""

import random
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.audit.approvals import decide
from core.domain.actor import Act, ApprovalState
from core.domain.deployment import Action, Plan
from core.domain.installation import ClockJump
from core.domain.monitoring import DAY, HOUR, MINUTE, Removed, Rollup
from core.monitoring.measure.rollup_updates import measure
from core.monitoring.retention import Run, describe_run, remove_due, remove_old
from core.store.engine.database import Database, open_database
from core.store.installation import approvals, clock_jumps
from core.store.models import deployments
from core.store.predictions import feedback, removals, rollups
from core.store.predictions.batches import append_batches
from tests.fakes import make_batch
from tests.people import person
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


def decide_last(db: Database, state: ApprovalState, at: datetime) -> None:
    with db.read() as conn:
        request = approvals.find_last(conn, Act.REMOVE)
    assert request is not None
    decide(db, request.id, state, by=person("ana"), now=at)


def fill_90_days(db: Database) -> None:
    add_requests(db, "a", spread_times(NOON - 90 * ONE_DAY, NOON, 360))
    count_all(db)


def test_a_clock_that_was_set_forward_removes_nothing_before_a_person_allows_it(
    db: Database,
) -> None:
    fill_90_days(db)
    assert remove_due(db, keep=KEEP, now=NOON + ONE_DAY / 24).asks is False
    ahead = NOON + 120 * ONE_DAY
    for minutes in range(3):
        run = remove_due(db, keep=KEEP, now=ahead + minutes * ONE_DAY / 1440)
        assert (run.asks, run.removed) == (True, Removed())
        assert "approvals approve 1" in run.waits
    assert remove_due(db, keep=KEEP, now=NOON + ONE_DAY / 12).removed == Removed()  # set right


def test_what_a_person_allows_goes_and_is_not_asked_for_again(db: Database) -> None:
    fill_90_days(db)
    ahead = NOON + 30 * ONE_DAY
    assert remove_due(db, keep=KEEP, now=ahead).asks
    decide_last(db, ApprovalState.APPROVED, ahead)
    first = remove_old_pieces(db, ahead)
    assert first.removed.n_predictions > 100
    assert remove_due(db, keep=KEEP, now=ahead + ONE_DAY / 24).asks is False
    later = remove_due(db, keep=KEEP, now=ahead + 40 * ONE_DAY)
    assert later.asks  # a month later that much is unusual again


def remove_old_pieces(db: Database, at: datetime) -> Run:
    run = remove_due(db, keep=KEEP, now=at)
    assert not run.asks
    return run


def test_what_a_person_declines_stays(db: Database) -> None:
    fill_90_days(db)
    ahead = NOON + 120 * ONE_DAY
    assert remove_due(db, keep=KEEP, now=ahead).asks
    decide_last(db, ApprovalState.DECLINED, ahead)
    for days in range(3):
        run = remove_due(db, keep=KEEP, now=ahead + days * ONE_DAY)
        assert (run.asks, run.removed) == (False, Removed())
        assert "was declined by ana" in run.waits


def test_a_jump_that_was_seen_makes_two_days_unusual(db: Database) -> None:
    fill_90_days(db)
    ahead = NOON + 2 * ONE_DAY
    with db.write() as conn:
        clock_jumps.append_jump(conn, ClockJump(ahead, "plum01", 2 * 86_400.0))
    assert remove_due(db, keep=KEEP, now=ahead).asks


def test_a_weekend_without_a_worker_needs_no_word(db: Database) -> None:
    fill_90_days(db)
    assert remove_due(db, keep=KEEP, now=NOON + 2 * ONE_DAY).removed.n_predictions == 8
