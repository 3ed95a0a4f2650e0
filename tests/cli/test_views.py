"""The JSON that scripts rely on keeps its names."""

import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from core.cli.views import view_training
from core.settings import Scale
from core.store.engine.database import Database
from core.training.evaluate.fit_and_evaluate import Order
from core.training.flow import train_version
from tests.training.worlds import FakeTracking, fill, make_samples


def test_train_prints_every_figure_with_its_limits_and_what_they_rest_on(
    db: Database, home: Path, now: Callable[[], datetime]
) -> None:
    fill(db, make_samples(300), now)
    version = train_version(
        db,
        FakeTracking(home),
        Order("baseline", 0, Scale(0, 100), 5.0),
        snapshots=home / "snapshots",
        by="ana",
        now=now,
        progress=lambda share, message: None,
    )
    view: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(view_training(version)))
    assert (view["version"], view["run_id"], view["recipe"]) == ("v1", "run-1", "baseline")
    assert (view["n_train"], view["n_holdout"], view["split"]) == (240, 60, "time")
    assert view["features"]["available"] == ["lang", "other", "size", "third"]
    assert set(view["features"]["selected"]) <= set(view["features"]["available"])
    assert view["search"]["n_combinations"] >= 1
    assert view["search"]["n_folds"] == 5
    assert set(view["search"]["best"]) == {"alpha"}
    assert set(view["metrics"]) == {"mae", "rmse", "r2", "accuracy", "skill"}
    for figure in view["metrics"].values():
        assert figure["low"] <= figure["value"] <= figure["high"]
        assert all(math.isfinite(value) for value in figure.values())
    assert {"mean", "median", "recent_mean", "category_mean"} <= set(view["naive"])
    for guess in view["naive"].values():
        assert {"mae", "rmse", "accuracy"} <= set(guess)
    assert set(view["cv"]["mae"]) == {"mean", "std"}
    assert view["gate"]["passed"] is True
    assert view["gate"]["reasons"]
    assert view["seconds"] >= 0
    assert len(msgspec.json.encode(version.report)) < 20_000  # a report stays small
