"""Versions, artifacts and a registry that behave, without training anything."""

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from core.domain.model_card import Card, GoldenRow
from core.domain.prediction import (
    AnswerSource,
    Batch,
    Columns,
    Label,
    Prediction,
    Variant,
    build_key,
)
from core.domain.sample import FeatureValue
from core.domain.training_report import Estimate, Gate, Metrics, TrainingReport
from core.domain.version import Version
from core.errors import NotFound, Refused
from core.settings import Scale
from core.store.data import snapshots
from core.store.engine.database import Connection, Database
from core.store.models import versions
from core.store.predictions import labels

AN_HOUR_BEFORE = datetime(2026, 3, 2, 11, tzinfo=UTC)
FEATURES = ("codeQuality", "testCoverage")


def make_card(half_width: float | None = 4.0, scale: tuple[float, float] = (0.0, 100.0)) -> Card:
    """The card of a version that reads two features."""
    golden = GoldenRow({"codeQuality": 80.0, "testCoverage": 60.0}, None, 70.0)
    return Card("baseline", FEATURES, *scale, 5.0, half_width, (golden,), synthetic=False)


@dataclass
class FakeArtifact:
    """Scores the mean of its two features plus `bias`; `error` is raised instead, where set."""

    card: Card = field(default_factory=make_card)
    bias: float = 0.0
    error: Exception | None = None
    why_uncompiled: str = ""
    takes_columns: bool = True

    def score(self, rows: Sequence[Mapping[str, FeatureValue]]) -> NDArray[np.float64]:
        if self.error is not None:
            raise self.error
        return np.array([self._score(row) for row in rows], dtype=np.float64)

    def score_row(self, row: Mapping[str, FeatureValue]) -> float:
        return float(self.score([row])[0])

    def score_rows(self, rows: Sequence[Mapping[str, FeatureValue]]) -> list[float]:
        scores: list[float] = self.score(rows).tolist()
        return scores

    def score_columns(self, rows: Columns) -> NDArray[np.float64]:
        listed = [rows[name] for name in rows.columns]
        return self.score(
            [dict(zip(rows.columns, row, strict=True)) for row in zip(*listed, strict=True)]
        )

    def time_row(
        self, row: Mapping[str, FeatureValue], timer: Callable[[], float]
    ) -> tuple[float, float]:
        started = timer()
        self.score([row])
        return 0.0, timer() - started

    def verify_golden(self) -> None:
        for row in self.card.golden:
            if abs(self.score([row.features])[0] - self.bias - row.score) > 1e-6:
                raise Refused("A golden row does not score as it did.")

    def _score(self, row: Mapping[str, FeatureValue]) -> float:
        values = [row.get(name) for name in self.card.features]
        if any(isinstance(value, str) for value in values):
            raise ValueError("could not convert string to float")
        numbers = [50.0 if value is None else float(value) for value in values]  # imputed
        return float(np.mean(numbers)) + self.bias


@dataclass
class FakeRegistry:
    """Artifacts by hash; a hash in `altered` is refused, as the real one refuses it."""

    artifacts: dict[str, FakeArtifact] = field(default_factory=dict)
    altered: set[str] = field(default_factory=set)
    loaded: list[str] = field(default_factory=list)
    scale: Scale | None = None

    def load_card(self, artifact_hash: str) -> Card:
        return self.artifacts[artifact_hash].card

    def load_artifact(self, artifact_hash: str) -> FakeArtifact:
        self.loaded.append(artifact_hash)
        if artifact_hash not in self.artifacts:
            raise NotFound(f"There is no artifact {artifact_hash}.")
        if artifact_hash in self.altered:
            raise Refused(f"The artifact {artifact_hash} was altered after it was saved.")
        return self.artifacts[artifact_hash]


def make_report(passed: bool = True, reasons: tuple[str, ...] = ()) -> TrainingReport:
    """A report whose gate passed, or did not for these reasons."""
    estimate = Estimate(4.0, 3.5, 4.5)
    return TrainingReport(
        recipe="baseline",
        seed=1,
        n_train=80,
        n_holdout=20,
        split="random",
        split_reason="rows carry no time",
        features_available=FEATURES,
        features_selected=FEATURES,
        importance={"codeQuality": 0.6, "testCoverage": 0.4},
        search={},
        metrics=Metrics(mae=estimate, rmse=estimate, r2=None, accuracy=estimate, skill=estimate),
        champion_mae=None,
        naive={},
        cv={},
        gate=Gate(passed, reasons),
        tolerance=5.0,
        scale_low=0.0,
        scale_high=100.0,
        synthetic=False,
        overrides=(),
        summary="better than guessing",
        seconds=1.0,
    )


def make_prediction(prediction_id: str, **changes: object) -> Prediction:
    """A prediction of v3, an hour before the fixed clock's noon."""
    values = {
        "id": prediction_id,
        "at": AN_HOUR_BEFORE,
        "version": 3,
        "variant": Variant.CHAMPION,
        "source": AnswerSource.MODEL,
        "reason": None,
        "score": 71.5,
        "low": 66.0,
        "high": 77.0,
        "features": {"codeQuality": 80.0, "language": "python", "security": None},
        "text": None,
        "unit_id": None,
        "latency_ms": 1.25,
        "revision": 1,
        "event_at": None,
    }
    return Prediction(**{**values, **changes})  # type: ignore[arg-type]


def keep_labels(conn: Connection, rows: Iterable[Label]) -> None:
    """Keep labels whose moments were given, as the API does: in one go."""
    labels.append_labels(conn, [(row, True) for row in rows])


def make_batch(n_rows: int, *, at: datetime = AN_HOUR_BEFORE, bits: bytes = bytes(8)) -> Batch:
    """A batch of v3, an hour before the fixed clock's noon, whose rows differ."""
    scores = array("d", [float(place % 90) for place in range(n_rows)])
    return Batch(
        key=build_key(at, bits),
        at=at,
        version=3,
        revision=1,
        latency_ms=0.01,
        features={
            "codeQuality": scores,
            "language": [("python", "go", None)[place % 3] for place in range(n_rows)],
        },
        unit_ids=[f"unit {place}" for place in range(n_rows)],
        scores=scores,
        lows=scores,
        highs=array("d", [score + 5 for score in scores]),
    )


def add_version(
    db: Database,
    registry: FakeRegistry,
    *,
    bias: float = 0.0,
    gate_reasons: tuple[str, ...] = (),
    artifact: FakeArtifact | None = None,
    artifact_hash: str | None = None,
) -> Version:
    """Register the next version, its artifact in the registry; gate reasons make it refused."""
    report = make_report(not gate_reasons, gate_reasons)
    with db.write() as conn:
        snapshot = snapshots.append_snapshot(
            conn,
            content_hash="rows",
            path="snapshots/rows.parquet",
            n_rows=100,
            n_synthetic=0,
            columns=FEATURES,
            query={},
            first_at=None,
            last_at=None,
            by="ada",
            now=AN_HOUR_BEFORE,
        )
        artifact_hash = artifact_hash or f"hash-{len(registry.artifacts) + 1}"
        registry.artifacts[artifact_hash] = artifact or FakeArtifact(bias=bias)
        return versions.append_version(
            conn,
            snapshot_id=snapshot.id,
            artifact_hash=artifact_hash,
            report=report,
            by="ada",
            now=AN_HOUR_BEFORE,
        )
