"""From a snapshot with provider, model, time and text to the API: the same raw row, one score."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
import sqlalchemy as sa

from core.api import ApiOptions, build_api
from core.data.snapshots import read_snapshot
from core.deployment.release import deploy
from core.domain.dataset import AT, TEXT
from core.domain.sample import ENHANCED, HISTORY, WEIGHTS, Provenance, Sample
from core.domain.version import Version
from core.serving.answer import Ask
from core.serving.keys import KeyRing
from core.serving.service import PredictionService
from core.settings import Scale
from core.store.data import snapshots
from core.store.engine.database import Database
from core.store.models import versions
from core.training.data.rows import carry_frame
from tests.conftest import NOON
from tests.people import person
from tests.streams import load_recent_predictions
from tests.test_api import run_server
from tests.training.worlds import START, FakeTracking, fill

Train = Callable[..., Version]
Now = Callable[[], datetime]
METRICS = (
    "codeQuality",
    "testCoverage",
    "security",
    "performance",
    "maintainability",
    "complexity",
)


def make_works(n: int) -> list[Sample]:
    """Work of two makers; its quality follows the weighted metrics, the maker and the hour."""
    rng = np.random.default_rng(7)
    found = []
    for i in range(n):
        metrics = {name: float(rng.uniform(20, 95)) for name in WEIGHTS}
        provider = str(rng.choice(["a", "b"]))
        target = 20 + 0.4 * metrics["codeQuality"] + (15 if provider == "a" else 0) + rng.normal()
        csat = None if i % 9 == 0 else round(float(rng.random()), 3)
        found.append(
            Sample(
                source="test",
                provenance=Provenance.REAL,
                features={**metrics, "csat": csat, "provider": provider, "model": f"m{i % 2}"},
                target=float(np.clip(target, 0, 100)),
                at=START + timedelta(hours=3 * i, microseconds=i),
                text=f"def f{i}(): return {i}",
                labelled_at=START + timedelta(hours=3 * i + 30) if i % 5 == 0 else None,
            )
        )
    return found


@pytest.fixture(scope="module")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test that needs a trained version keeps it for the others."""
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def trained(db: Database, train: Train, home: Path, trained_home: Path, now: Now) -> Version:
    """The version that the home's store holds: trained once, since it takes a second."""
    if not any(trained_home.iterdir()):
        fill(db, make_works(160), now)
        train(recipe="enhanced")
        db.close()
        shutil.copytree(home, trained_home, dirs_exist_ok=True)
    else:
        db.close()
        shutil.copytree(trained_home, home, dirs_exist_ok=True)
    with db.read() as conn:
        return versions.get_version(conn, 1)


def serve(db: Database, registry: FakeTracking, now: Now) -> PredictionService:
    deploy(db, registry, 1, reason="tests", by=person("ana"), override=True, now=now())
    service = PredictionService(db, registry, scale=Scale(0, 100), now=now)
    service.refresh()
    return service


def test_all_nineteen_are_available_and_the_card_says_what_a_row_carries(
    trained: Version, registry: FakeTracking
) -> None:
    report = trained.report
    assert set(ENHANCED) - {"hour", "weekday"} <= set(report.features_available)
    assert {"hour_sin", "hour_cos", "past_mean_quality"} <= set(report.features_selected)
    assert not {AT, TEXT, *HISTORY} & {*report.features_available, *report.features_selected}
    card = registry.load_artifact(trained.artifact_hash).card
    assert set(card.reads) == {AT, *HISTORY}  # nothing reads the text
    assert {"codeQuality", "code_quality", "provider"} <= set(card.features)
    assert "health_mean" not in card.features
    assert report.metrics.skill is not None
    assert report.metrics.skill.low > 0
    assert report.importance["codeQuality"] > report.importance["recency"]


def test_what_is_missing_of_the_nineteen_is_named_with_the_reason(
    db: Database, train: Train, now: Now
) -> None:
    rows = [replace(row, at=None, labelled_at=None) for row in make_works(80)]
    fill(db, rows, now)
    report = train(recipe="enhanced", leave_out=("csat",)).report
    assert report.left_out["hour"] == "needs a time, which no row has"
    assert report.left_out["quality_times_csat"] == "needs csat, which no row has"
    assert report.left_out["past_mean_quality"].startswith("needs earlier rows")
    assert report.left_out["csat"] == "left out by ana"
    assert "weighted_quality" in report.features_selected


def test_the_same_raw_row_has_the_same_score_in_training_and_in_the_api(
    db: Database, trained: Version, registry: FakeTracking, home: Path, now: Now
) -> None:
    with db.read() as conn:
        snapshot = snapshots.get_snapshot(conn, trained.snapshot_id)
    frame = carry_frame(read_snapshot(home / "snapshots", snapshot))
    expected = registry.load_artifact(trained.artifact_hash).score(frame)
    service = serve(db, registry, now)
    api = build_api(
        db, service, KeyRing(db, lambda: NOON), ApiOptions(Scale(0, 100), 100_000), dict
    )
    with run_server(api) as url, httpx.Client(base_url=url, timeout=30) as client:
        for i, row in list(enumerate(make_works(160)))[::7]:
            assert row.at is not None
            body = {"features": dict(row.features), "at": row.at.isoformat(), "text": row.text}
            answer = client.post("/v1/predict", json=body).json()
            assert answer["source"] == "model"
            assert answer["score"] == pytest.approx(expected[i], abs=1e-9)


def test_a_request_without_a_time_is_of_now_and_knows_all_that_is_known(
    db: Database, trained: Version, registry: FakeTracking, now: Now
) -> None:
    service = serve(db, registry, now)
    row = make_works(1)[0].features
    asked, dated = service.predict([Ask(row), Ask(row, event_at=now())])
    assert asked.score == dated.score
    early = service.predict([Ask(row, event_at=START)])[0]
    assert early.source == asked.source == "model"
    assert early.score != asked.score
    with db.read() as conn:
        logged = load_recent_predictions(conn, 1)[0]
    assert dict(logged.features) == row  # as it was sent: what it carried is looked up again


def test_a_batch_looks_into_the_store_once_for_each_maker(
    db: Database, trained: Version, registry: FakeTracking, now: Now
) -> None:
    service = serve(db, registry, now)
    looks: list[str] = []

    @sa.event.listens_for(db.engine, "before_cursor_execute")
    def _(conn: object, cursor: object, statement: str, *rest: object) -> None:
        looks.extend([statement] if "FROM history" in statement else [])

    service.predict([Ask(row.features) for row in make_works(60)])
    assert len(looks) == 4
