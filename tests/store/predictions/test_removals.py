"""Old predictions go, and only they; what was counted of them stays, on both databases."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from core.domain.monitoring import DAY, HOUR, MINUTE, Removed, Rollup
from core.domain.prediction import find_id_time
from core.domain.trial import ShadowOutcome, ShadowScore
from core.errors import NotFound
from core.monitoring.measure.rollup_updates import measure
from core.monitoring.retention import Run, describe_retention, load_retention, remove_old
from core.serving.answer import build_id
from core.settings import Scale
from core.store.engine import schema
from core.store.engine.database import Database
from core.store.models.trials import append_shadow_scores
from core.store.predictions import feedback, removals, rollups
from core.store.predictions.predictions import get_prediction
from tests.fakes import make_prediction
from tests.streams import NOON, SCALE, TOLERANCE, add_labels, add_predictions, add_requests

KEEP = timedelta(days=90)
OLD = NOON - timedelta(days=91)
EVER = (NOON - timedelta(days=400), NOON + timedelta(days=1))


def count(db: Database, scale: Scale = SCALE) -> None:
    measure(db, NOON, scale=scale, tolerance=TOLERANCE)


def collect(db: Database) -> None:
    """As a collection of feedback would say that it has looked at everything."""
    with db.write() as conn:
        feedback.save_progress(conn, feedback.find_end(conn))


def load_all(db: Database) -> list[Rollup]:
    with db.read() as conn:
        return [r for s in (MINUTE, HOUR, DAY) for r in rollups.load_rollups(conn, s, *EVER)]


def count_rows(db: Database) -> tuple[int, int, int]:
    tables = (schema.predictions, schema.labels, schema.shadow_scores)
    with db.read() as conn:
        return tuple(  # type: ignore[return-value]
            conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in tables
        )


def fill(db: Database, n_old: int = 120) -> list[str]:
    """So many old requests, two a minute, every third labelled; and ten of today."""
    times = [OLD + i * timedelta(seconds=30) for i in range(n_old)]
    old = add_requests(db, "old", times, failed=0.1)
    add_requests(db, "new", [NOON - timedelta(minutes=m) for m in range(10)])
    add_labels(db, [(name, 60.0) for name in old[::3]])
    beside = [ShadowScore(name, 2, ShadowOutcome.SCORED, 61.0, 1.0, None) for name in old[:20]]
    with db.write() as conn:
        append_shadow_scores(conn, beside)
    return old


def remove(db: Database, **options: int) -> Run:
    return remove_old(db, keep=KEEP, now=NOON, **options)


def test_what_is_old_goes_with_its_labels_and_every_figure_stays(db: Database) -> None:
    old = fill(db)
    count(db)
    collect(db)
    before = load_all(db)
    run = remove(db, piece_rows=7)
    assert run.removed == Removed(120, len(old[::3]), 20)
    assert run.waits == ""
    assert count_rows(db) == (10, 0, 0)
    count(db)
    assert load_all(db) == before
    assert remove(db).removed == Removed()
    with db.read() as conn:
        (row,) = removals.load_removals(conn, 10)
    assert row.removed == run.removed
    assert row.until_at == run.until_at == NOON - KEEP


def test_nothing_goes_that_is_not_counted_or_not_collected(db: Database) -> None:
    old = fill(db)
    assert remove(db).waits.endswith("are not in the figures yet")
    count(db)
    assert remove(db).waits.endswith("have a label that is not collected yet")
    collect(db)
    late = old[50]  # asked for in the minute 25 or later, by what failed before it
    add_labels(db, [(late, 70.0)])
    run = remove(db)
    assert run.waits.endswith("are not in the figures yet")
    count(db)
    with db.read() as conn:
        at = get_prediction(conn, late).at
    assert run.until_at == at.replace(second=0)
    assert remove(db).waits.endswith("have a label that is not collected yet")


def test_a_label_for_what_was_removed_changes_no_figure_and_is_counted(db: Database) -> None:
    name = build_id(OLD, b"0123456789")
    assert find_id_time(name) == OLD
    add_predictions(db, [make_prediction(name, at=OLD)])
    fill(db)
    count(db)
    collect(db)
    before = load_all(db)
    remove(db)
    add_labels(db, [(name, 12.0), ("never there", 12.0)])
    count(db)
    assert load_all(db) == before
    with db.read() as conn:
        assert rollups.count_unmatched(conn) == 2
        retention = load_retention(conn, 90)
        assert retention.n_too_late == 1
        assert describe_retention(retention).endswith("1 removed prediction was labelled too late.")
        with pytest.raises(NotFound, match="those from before 2025-12-02 12:00 UTC were removed"):
            get_prediction(conn, name)


def test_another_scale_keeps_how_many_and_how_fast(db: Database) -> None:
    fill(db)
    count(db)
    collect(db)
    remove(db, piece_rows=31, max_pieces=2)  # the log begins in the middle of an hour
    before = load_all(db)
    count(db, Scale(0.0, 10.0))
    after = load_all(db)
    assert [(r.seconds, r.start_at, r.source, r.n, r.latency) for r in after] == [
        (r.seconds, r.start_at, r.source, r.n, r.latency) for r in before
    ]
    with db.read() as conn:
        kept_from = removals.find_kept_from(conn)
    assert kept_from is not None
    assert kept_from.minute == 30
    gone = [r for r in after if r.seconds == MINUTE and r.start_at < kept_from]
    assert gone
    assert all(not r.scores and not r.outcomes.n for r in gone)
    kept = [r for r in after if r.seconds == MINUTE and r.start_at >= kept_from]
    assert sum(r.outcomes.n for r in kept) > 0
    hour = [r for r in after if r.seconds == HOUR and r.start_at == kept_from.replace(minute=0)]
    assert sum(r.outcomes.n for r in hour) == sum(r.outcomes.n for r in kept)
