"""The text model of the settings: trained with by the recipe for texts, and by no other."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from core.bootstrap import App, build_app
from core.domain.job import Job, JobStatus
from core.jobs.runner import run_job
from core.store.jobs import jobs
from core.store.models import versions
from tests.text_model import find_text_model
from tests.training.worlds import fill, make_samples

Now = Callable[[], datetime]


def build(home: Path, now: Now, model: str) -> App:
    values = {
        "PLUMBLINE_HOME": str(home),
        "PLUMBLINE_USER": "ada",
        "PLUMBLINE_MLFLOW_URI": "http://127.0.0.1:9",  # nobody listens there
        "PLUMBLINE_TEXT_MODEL": model,
    }
    app = build_app(values, now)
    samples = make_samples(60)
    fill(app.db, [replace(row, text=f"Answer {row.external_id}") for row in samples], app.now)
    return app


@pytest.fixture
def app(home: Path, now: Now) -> Iterator[App]:
    with closing(build(home, now, "/nowhere")) as app:
        yield app


def train(app: App, recipe: str, **args: object) -> Job:
    asked = {"recipe": recipe, "seed": 0, "window": "all", **args}
    with app.db.write() as conn:
        job = jobs.append_job(conn, "train", asked, by="ada", reason="test", now=app.now())
        claimed = jobs.claim_job(conn, job.id, app.now())
    return run_job(app, claimed)


def test_a_text_model_that_is_not_there_fails_the_training_with_what_to_do(app: App) -> None:
    ended = train(app, "text")
    assert ended.status is JobStatus.FAILED
    assert ended.error == (
        "There is no text model in /nowhere (no tokenizer.json): name the folder of a "
        "sentence-transformers model, or use the hashed one."
    )


@pytest.mark.parametrize(("recipe", "args"), [("baseline", {}), ("text", {"parameters": {}})])
def test_a_training_of_another_kind_needs_no_text_model(
    app: App, recipe: str, args: dict[str, object]
) -> None:
    assert train(app, recipe, **args).status is JobStatus.DONE


@pytest.mark.slow
def test_the_text_model_of_the_settings_is_trained_with(
    home: Path, now: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages, model = find_text_model()
    monkeypatch.syspath_prepend(packages)
    with closing(build(home, now, str(model))) as app:
        assert train(app, "text").status is JobStatus.DONE
        with app.db.read() as conn:
            (version,) = versions.load_versions(conn)
        artifact = app.registry.load_artifact(version.artifact_hash)
    assert version.report.search["best"] == {"embedding": str(model)}
    named = hashlib.sha256((model / "model.onnx").read_bytes()).hexdigest()[:16]
    assert artifact.pipeline[0].embedder_ == f"model.onnx {named}"
