"""Whether training again would help is said with an interval, or what is missing for it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from core.data.splits import choose_recent
from core.deployment.release import deploy
from core.domain.sample import Sample
from core.domain.training_report import Estimate
from core.domain.version import Version
from core.errors import Refused
from core.settings import Scale
from core.store.engine import schema
from core.store.engine.database import Database
from core.store.models import versions
from core.training.compare.preview import (
    MIN_ROWS,
    WEEKS,
    Preview,
    judge_preview,
    preview_retraining,
)
from core.training.evaluate.gate import Comparison
from tests.conftest import NOON
from tests.fakes import make_prediction
from tests.people import person
from tests.streams import add_labels, add_predictions
from tests.training.worlds import START, FakeTracking, fill, make_samples

Train = Callable[..., Version]


def look(db: Database, registry: FakeTracking, home: Path) -> Preview:
    return preview_retraining(
        db,
        registry,
        snapshots=home / "snapshots",
        scale=Scale(0, 100),
        tolerance=5.0,
        label_delay_seconds=0.0,
        progress=lambda share, message: None,
    )


def serve(db: Database, registry: FakeTracking, version: Version) -> None:
    deploy(db, registry, version.number, reason="r", by=person("ana"), override=True, now=NOON)


def move(samples: list[Sample], points: float) -> list[Sample]:
    """The same rows in a world in which the target is so many points lower."""
    return [replace(s, target=float(np.clip(s.target - points, 0, 100))) for s in samples]


@pytest.mark.slow
def test_a_world_that_moved_is_learned_and_the_gain_has_an_interval(
    db: Database, registry: FakeTracking, home: Path, train: Train
) -> None:
    fill(db, make_samples(320), lambda: NOON)
    serve(db, registry, train())
    later = make_samples(700, seed=2, start=START + timedelta(days=80))
    fill(db, move(later, 15.0), lambda: NOON)
    preview = look(db, registry, home)
    assert preview.verdict == "helps"
    assert preview.improvement is not None
    assert preview.improvement.low > 0
    assert preview.n_new > 400
    assert preview.days is not None
    assert preview.n_compared >= MIN_ROWS
    assert f"neither has learned from (the last {preview.days} days)" in preview.summary
    with db.read() as conn:
        assert len(versions.load_versions(conn)) == 1


def test_without_rows_that_are_new_to_the_champion_nothing_can_be_said(
    db: Database, registry: FakeTracking, home: Path, train: Train
) -> None:
    fill(db, make_samples(320), lambda: NOON)
    serve(db, registry, train())
    preview = look(db, registry, home)
    assert (preview.verdict, preview.n_new) == ("not_yet", 0)
    assert preview.summary.startswith(
        "Cannot say yet: no row older than those that both are judged"
    )


def test_a_preview_writes_no_row_and_no_file(
    db: Database, registry: FakeTracking, home: Path, train: Train
) -> None:
    fill(db, make_samples(320), lambda: NOON)
    serve(db, registry, train())
    fill(db, make_samples(100, seed=2, start=START + timedelta(days=80)), lambda: NOON)
    asked = make_samples(1, seed=3)[0].features
    add_predictions(db, [make_prediction("p", features=asked)])
    add_labels(db, [("p", 70.0)])
    before = survey(db, home)
    preview = look(db, registry, home)
    assert survey(db, home) == before
    assert preview.summary.endswith("Not counted in: 1 label not collected yet.")


def survey(db: Database, home: Path) -> tuple[dict[str, int], set[Path]]:
    """How many rows each table has, and every file but the database's own."""
    with db.read() as conn:
        rows = {
            table.name: conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in schema.metadata.sorted_tables
        }
    return rows, {path for path in home.rglob("*") if not path.name.startswith("plumbline.db")}


def test_without_a_version_that_serves_nothing_is_compared(
    db: Database, registry: FakeTracking, home: Path
) -> None:
    with pytest.raises(Refused, match="No trained version serves"):
        look(db, registry, home)


def begin(per_day: int, n_days: int = 200) -> int:
    """Before how many days the rows begin that both are judged on."""
    hours = pd.Series(pd.date_range(NOON - timedelta(days=n_days), NOON, n_days * per_day))
    found = choose_recent(hours, spans=WEEKS, min_rows=MIN_ROWS)
    assert found is not None
    return round((NOON - found) / timedelta(days=1))


def test_the_last_labelled_week_decides_or_as_many_as_hold_enough_rows() -> None:
    assert [begin(per_day) for per_day in (40, 10, 5, 3)] == [7, 14, 28, 33]


def test_the_days_that_were_compared_are_said() -> None:
    found = Comparison(1, Estimate(5.0, 4.0, 6.0), Estimate(0.8, 0.1, 1.5), n_compared=140)
    preview = judge_preview(found, None, 40, margin=0.3, days=7)
    assert (
        "on the 140 newest labelled rows that neither has learned from (the last 7 days): MAE"
        in (preview.summary)
    )
    assert preview.days == 7
    by_group = judge_preview(found, None, 40, margin=0.3)
    assert "on the 140 held-out rows that neither has learned from: MAE" in by_group.summary


@pytest.mark.parametrize(
    ("gain", "n_new", "verdict"),
    [
        (Estimate(0.8, 0.1, 1.5), 40, "helps"),
        (Estimate(-0.8, -1.5, -0.1), 40, "hurts"),
        (Estimate(0.05, -0.1, 0.2), 40, "same"),
        (Estimate(0.5, -0.4, 1.4), 40, "not_yet"),
        (Estimate(0.8, 0.1, 1.5), 0, "not_yet"),
    ],
)
def test_the_interval_decides_the_verdict(gain: Estimate, n_new: int, verdict: str) -> None:
    found = Comparison(1, Estimate(5.0, 4.0, 6.0), gain, n_compared=90)
    assert judge_preview(found, None, n_new, margin=0.3).verdict == verdict


def test_the_slope_of_the_learning_curve_is_said() -> None:
    found = Comparison(1, problem="only 12 of 40 holdout rows are new to it")
    falls = judge_preview(found, Estimate(0.4, 0.2, 0.6), 5, margin=0.3)
    flat = judge_preview(found, Estimate(0.1, -0.2, 0.4), 5, margin=0.3)
    assert falls.summary == (
        "Cannot say yet: only 12 of 40 holdout rows are new to it. The learning curve still falls: "
        "twice the rows took 0.400 off its MAE (95 % interval 0.200–0.600)."
    )
    assert "is not shown to fall any more" in flat.summary
