"""A registry without MLflow, and a training with what a test does not care about filled in."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from core.domain.version import Version
from core.settings import Scale
from core.store.engine.database import Database
from core.training.evaluate.fit_and_evaluate import Order
from core.training.flow import train_version
from core.training.models import boosting
from core.training.plan import TrainingPlan
from tests.training.worlds import FakeTracking

_ASKED = {field.name for field in fields(Order)}


@pytest.fixture(autouse=True)
def small_grid(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three combinations in place of 81, where a test does not ask for all."""
    if "whole_grid" not in request.fixturenames:
        one = {"max_depth": (3,), "learning_rate": (0.1,), "subsample": (0.8,)}
        monkeypatch.setattr(boosting, "GRID", one)


@pytest.fixture
def whole_grid() -> None:
    """All 81 combinations."""


@pytest.fixture
def registry(home: Path) -> FakeTracking:
    return FakeTracking(home)


@pytest.fixture
def train(
    db: Database, registry: FakeTracking, home: Path, now: Callable[[], datetime]
) -> Callable[..., Version]:
    """Train with what a test does not care about filled in."""

    def run(**changes: Any) -> Version:
        values: dict[str, Any] = {
            "snapshots": home / "snapshots",
            "by": "ana",
            "now": now,
            "progress": lambda share, message: None,
        }
        asked = {name: value for name, value in changes.items() if name in _ASKED}
        order = replace(
            Order("baseline", 0, Scale(0, 100), 5.0, plan=TrainingPlan(window="all")), **asked
        )
        others = {name: value for name, value in changes.items() if name not in _ASKED}
        return train_version(db, registry, order, **(values | others))

    return run
