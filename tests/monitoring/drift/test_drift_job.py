"""Drift is measured on the requests in the log, against the pinned holdout of what serves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from core.data.snapshots import take_snapshot
from core.domain.model_card import Card
from core.domain.monitoring import DriftReport, Health
from core.domain.prediction import Label, Prediction
from core.domain.sample import FeatureValue, Provenance, Sample
from core.errors import NotFound
from core.monitoring.drift.drift_job import measure_drift
from core.monitoring.flow import watch
from core.monitoring.slices.slice_metrics import measure_segments
from core.settings import Thresholds
from core.store.data import samples
from core.store.engine.database import Database
from core.store.models import versions
from core.store.monitoring import drift
from tests.fakes import keep_labels, make_card, make_prediction, make_report
from tests.streams import (
    DAY,
    HOUR,
    NOON,
    SCALE,
    TOLERANCE,
    add_labels,
    add_predictions,
    deploy,
    load_recent_predictions,
)

if TYPE_CHECKING:
    import pandas as pd

LANGUAGES = np.array(["python", "rust", "go"])


@dataclass
class FrameArtifact:
    """Scores the mean of two features of a frame."""

    card: Card = field(default_factory=make_card)

    def score(self, rows: "pd.DataFrame") -> NDArray[np.float64]:
        return np.asarray((rows["codeQuality"] + rows["testCoverage"]) / 2)


@dataclass
class OneArtifact:
    """A registry of one version, which may be gone."""

    gone: bool = False

    def load_artifact(self, artifact_hash: str) -> FrameArtifact:
        if self.gone:
            raise NotFound("The artifact is gone: restore it from a backup.")
        return FrameArtifact()


def draw(rng: np.random.Generator, factor: float = 1.0) -> Mapping[str, FeatureValue]:
    return {
        "codeQuality": float(rng.uniform(40, 90)) * factor,
        "testCoverage": float(rng.uniform(30, 80)),
        "language": str(rng.choice(LANGUAGES)),
    }


@pytest.fixture
def snapshots(db: Database, home: Path) -> Path:
    """Version 1 is trained on 300 rows of 60 days, and serves."""
    rng = np.random.default_rng(0)
    rows = [
        Sample("file", Provenance.REAL, draw(rng), float(rng.uniform(40, 80)), NOON - i * 5 * HOUR)
        for i in range(300)
    ]
    with db.write() as conn:
        collection = samples.start_collection(conn, "file", {}, "ada", NOON)
        samples.append_samples(conn, collection, rows)
        samples.finish_collection(
            conn,
            collection,
            n_received=300,
            n_new=300,
            n_duplicate=0,
            rejected=[],
            n_rejected=0,
            now=NOON,
        )
    snapshot = take_snapshot(db, home / "snapshots", by="ada", now=NOON)
    with db.write() as conn:
        versions.append_version(
            conn,
            snapshot_id=snapshot.id,
            artifact_hash="a" * 64,
            report=make_report(),
            by="ada",
            now=NOON,
        )
    deploy(db, 1)
    return home / "snapshots"


def add_day(db: Database, end: datetime, n: int, *, factor: float = 1.0, seed: int = 1) -> None:
    rng = np.random.default_rng(seed)
    add_predictions(
        db,
        [
            make_prediction(
                f"{end:%d%H}{i:05d}",
                at=end - DAY + i * DAY / n,
                version=1,
                features=draw(rng, factor),
                score=float(rng.uniform(40, 80)),
            )
            for i in range(n)
        ],
    )


def measure(db: Database, snapshots: Path, now: datetime, *, gone: bool = False) -> DriftReport:
    report = measure_drift(
        db,
        OneArtifact(gone),  # type: ignore[arg-type]
        snapshots=snapshots,
        threshold=0.1,
        now=now,
    )
    assert report is not None
    return report


def test_nothing_is_measured_before_a_version_serves(db: Database, home: Path) -> None:
    assert (
        measure_drift(
            db,
            OneArtifact(),  # type: ignore[arg-type]
            snapshots=home,
            threshold=0.1,
            now=NOON,
        )
        is None
    )


def test_the_same_inputs_have_not_drifted_and_health_says_so(db: Database, snapshots: Path) -> None:
    add_day(db, NOON, 300)
    report = measure(db, snapshots, NOON)
    assert (report.n_requests, report.n_rows, report.window) == (300, 300, DAY)
    assert report.drifted == ()
    assert report.note == ""
    assert {check.column for check in report.checks} == {"codeQuality", "testCoverage", "score"}
    found = watch(db, Thresholds(), scale=SCALE, tolerance=TOLERANCE, now=NOON)
    reason = found.find_reason("drift")
    assert reason is not None
    assert reason.health is Health.HEALTHY


def test_a_changed_unit_is_confirmed_by_the_second_window_and_opens_an_incident(
    db: Database, snapshots: Path
) -> None:
    add_day(db, NOON - DAY, 300, factor=100.0)
    first = measure(db, snapshots, NOON - DAY)
    assert first.checks[0].passed
    assert first.drifted == ()
    add_day(db, NOON, 300, factor=100.0, seed=2)
    assert measure(db, snapshots, NOON).drifted == ("codeQuality",)
    report = watch(db, Thresholds(), scale=SCALE, tolerance=TOLERANCE, now=NOON)
    reason = report.find_reason("drift")
    assert reason is not None
    assert reason.health is Health.WARNING
    assert reason.confirmed
    assert "'codeQuality' moved by" in reason.message


def test_where_labels_of_the_same_days_are_bad_drift_is_evidence(
    db: Database, snapshots: Path
) -> None:
    for end in (NOON - DAY, NOON):
        add_day(db, end, 300, factor=100.0)
        measure(db, snapshots, end)
    with db.write() as conn:
        names = (f"{NOON:%d%H}{i:05d}" for i in range(100))
        keep_labels(conn, (Label(name, 60.0, NOON, "ada", NOON) for name in names))
    report = watch(db, Thresholds(), scale=SCALE, tolerance=TOLERANCE, now=NOON)
    reason = report.find_reason("drift")
    assert reason is not None
    assert reason.confirmed
    assert "The labels of these days say what it costs" in reason.message


def test_few_requests_are_looked_at_over_a_longer_window(db: Database, snapshots: Path) -> None:
    for i in range(7):
        add_day(db, NOON - i * DAY, 40, seed=i)
    assert measure(db, snapshots, NOON).window == timedelta(days=7)


def test_too_few_requests_give_no_verdict(db: Database, snapshots: Path) -> None:
    add_day(db, NOON, 49, factor=100.0)
    report = measure(db, snapshots, NOON)
    assert report.note == ("No verdict on drift: 49 requests had come in 28 days, 50 are needed.")
    assert (
        watch(db, Thresholds(), scale=SCALE, tolerance=TOLERANCE, now=NOON).find_reason("drift")
        is None
    )


def test_a_version_whose_artifact_is_gone_has_no_reference_and_says_why(
    db: Database, snapshots: Path
) -> None:
    add_day(db, NOON, 300)
    report = measure(db, snapshots, NOON, gone=True)
    assert report.note == ("There is no reference: The artifact is gone: restore it from a backup.")


def test_a_reference_is_pinned_once(db: Database, snapshots: Path) -> None:
    add_day(db, NOON, 300)
    measure(db, snapshots, NOON)
    with db.read() as conn:
        pinned = drift.find_reference(conn, 1)
    assert pinned is not None
    assert pinned.n_blocks > 50
    assert measure(db, snapshots, NOON, gone=True).note == ""


def test_predictions_of_others_bring_inputs_but_no_scores(db: Database, snapshots: Path) -> None:
    add_day(db, NOON, 300)
    rows: list[Prediction] = [
        make_prediction(f"old{i}", at=NOON - HOUR, version=9, features={}) for i in range(60)
    ]
    add_predictions(db, rows)
    report = measure(db, snapshots, NOON)
    assert report.n_rows == 360
    scored = [check for check in report.checks if not check.is_feature]
    assert not any(check.passed for check in scored)


def test_the_culprit_is_kept_and_named_by_the_check_of_the_accuracy(
    db: Database, snapshots: Path
) -> None:
    add_day(db, NOON, 400)
    with db.read() as conn:
        rows = load_recent_predictions(conn, 400)
    misses = [40.0 if row.features["language"] == "rust" else 2.0 for row in rows]
    actuals = [max((row.score or 0.0) - miss, 0.0) for row, miss in zip(rows, misses, strict=True)]
    add_labels(db, [(row.id, actual) for row, actual in zip(rows, actuals, strict=True)])
    (report,) = measure_segments(db, scale=SCALE, tolerance=TOLERANCE, min_labels=30, now=NOON)
    assert report.segments[0].where == "language = rust"
    assert report.coverage is not None
    assert report.width == pytest.approx(11.0)
    found = watch(db, Thresholds(), scale=SCALE, tolerance=TOLERANCE, now=NOON)
    reason = found.find_reason("error_growth")
    assert reason is not None
    assert "language = rust carries" in reason.message
    assert reason.next_step.startswith("Ask who sends this what changed there")


def test_without_labels_no_part_of_the_traffic_is_named(db: Database, snapshots: Path) -> None:
    add_day(db, NOON, 400)
    assert measure_segments(db, scale=SCALE, tolerance=TOLERANCE, min_labels=30, now=NOON) == []
