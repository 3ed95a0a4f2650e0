"""The verbs that train again, typed as a person types them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from core.bootstrap import App, build_app
from core.cli import training, watching
from core.cli.main import cli
from core.deployment.release import deploy
from core.store.models import deployments
from core.training.models import boosting
from tests.conftest import NOON
from tests.people import person
from tests.training.worlds import FakeTracking, fill, make_samples

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def app(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An app with 320 rows, a folder that is watched, and no MLflow."""
    folder = home / "incoming"
    folder.mkdir()
    values = {
        "PLUMBLINE_HOME": str(home),
        "PLUMBLINE_USER": "ada",
        "PLUMBLINE_WATCH_FOLDER": str(folder),
        "PLUMBLINE_RETRAIN_RECIPE": "baseline",
    }
    built = build_app(values, lambda: NOON)
    registry = FakeTracking(home)
    app = App(built.values, built.settings, built.db, registry, built.now)
    fill(app.db, make_samples(320), app.now)
    for module in (training, watching):
        monkeypatch.setattr(module, "build_app", lambda: app)
    one = {"max_depth": (3,), "learning_rate": (0.1,), "subsample": (0.8,)}
    monkeypatch.setattr(boosting, "GRID", one)
    yield app
    app.close()


@pytest.fixture
def run(app: App) -> Run:
    """The JSON that a verb answers; raises what the verb raised."""

    def type_in(*words: str) -> dict[str, Any]:
        result = CliRunner().invoke(cli, [*words, "--json"])
        if result.exception is not None:
            raise result.exception
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer

    return type_in


def serve(app: App, number: int) -> None:
    deploy(app.db, app.registry, number, reason="r", by=person("ada"), override=True, now=NOON)


@pytest.mark.slow
def test_iterate_collects_trains_compares_and_deploys_nothing(run: Run, app: App) -> None:
    run("train", "baseline", "--leave-out", "third")
    serve(app, 1)
    found = run("iterate")
    assert [source["name"] for source in found["collected"]["sources"]][-1:] == ["folder"]
    assert found["training"]["version"] == "v2"
    assert "third" not in found["training"]["features"]["available"]
    assert any("v1" in reason for reason in found["training"]["gate"]["reasons"])
    with app.db.read() as conn:
        assert [row.plan.champion for row in deployments.load_history(conn)] == [1]


@pytest.mark.slow
def test_a_preview_is_part_of_the_answer_of_the_check_from_then_on(run: Run, app: App) -> None:
    run("train", "baseline")
    serve(app, 1)
    assert run("retrain", "--check")["preview"] is None
    looked = run("retrain", "--preview")
    assert looked["preview"]["verdict"] == "not_yet"
    assert looked["training"] is None
    assert run("retrain", "--check")["preview"] == looked["preview"]


@pytest.mark.slow
def test_a_forced_retraining_trains_whatever_the_check_says(run: Run, app: App) -> None:
    run("train", "baseline")
    serve(app, 1)
    assert run("retrain", "--check")["retrain"] is False
    forced = run("retrain", "--force")
    assert forced["signals"] == ["requested"]
    assert forced["training"]["version"] == "v2"
    assert "rollout" not in forced["training"]
    deployed = run("retrain", "--force", "--deploy")
    assert deployed["training"]["rollout"]["how"] in ("refused", "direct", "trial")
    assert deployed["training"]["rollout"]["why"]
