"""A training that fails ends in a stated state with a sentence, and leaves no half version."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LinearRegression

from core.bootstrap import App, build_app
from core.domain.job import Job, JobStatus
from core.jobs import children
from core.jobs.children import Children
from core.jobs.runner import run_job
from core.store.jobs import jobs
from core.store.models import versions
from core.training.models.recipe import Recipe
from core.training.recipe_registry import RECIPES
from tests.training.worlds import fill, make_samples

Now = Callable[[], datetime]


@pytest.fixture
def app(home: Path, now: Now) -> Iterator[App]:
    values = {
        "PLUMBLINE_HOME": str(home),
        "PLUMBLINE_USER": "ada",
        "PLUMBLINE_MLFLOW_URI": "http://127.0.0.1:9",  # nobody listens there
    }
    built = build_app(values, now)
    yield built
    built.close()


def ask(app: App, **args: Any) -> Job:
    given = {"recipe": "baseline", "seed": 0, "window": "all", **args}
    with app.db.write() as conn:
        return jobs.append_job(conn, "train", given, by="ada", reason="test", now=app.now())


def train(app: App, **args: Any) -> Job:
    job = ask(app, **args)
    with app.db.write() as conn:
        claimed = jobs.claim_job(conn, job.id, app.now())
    return run_job(app, claimed)


def count_versions(app: App) -> int:
    with app.db.read() as conn:
        return len(versions.load_versions(conn))


def list_half(home: Path) -> list[Path]:
    """What a training that broke off may have left in the artifacts' folder."""
    folder = home / "artifacts"
    return [path for path in folder.glob("*") if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("no column suits"), "The recipe 'odd' cannot learn from these rows: no column"),
        (KeyError("size"), "Plumbline has a bug here (KeyError: 'size'); the job's log has the"),
        (MemoryError(), "The machine ran out of memory: use fewer rows, or a larger one."),
        (ValueError("std::bad_alloc"), "The machine ran out of memory: use fewer rows"),
    ],
)
def test_a_recipe_that_raises_fails_its_job_with_a_sentence(
    app: App, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    def build(*_: object) -> object:
        raise error

    monkeypatch.setitem(RECIPES, "odd", Recipe("odd", "Raises.", build))
    fill(app.db, make_samples(120), app.now)
    ended = train(app, recipe="odd")
    assert ended.status is JobStatus.FAILED
    assert str(ended.error).startswith(sentence)
    assert count_versions(app) == 0


def test_too_few_rows_fail_the_job_with_what_to_do(app: App) -> None:
    fill(app.db, make_samples(20), app.now)
    ended = train(app)
    assert ended.status is JobStatus.FAILED
    assert str(ended.error).startswith("Training stopped, because of the data: ")
    assert "20 rows" in str(ended.error)


def test_mlflow_that_does_not_answer_fails_nothing(app: App) -> None:
    """The version is there, without a run; `sync_runs` records it later."""
    fill(app.db, make_samples(120), app.now)
    ended = train(app)
    assert ended.status is JobStatus.DONE
    with app.db.read() as conn:
        assert [version.run_id for version in versions.load_versions(conn)] == [None]


@pytest.mark.slow
@pytest.mark.parametrize("step", ["taking a snapshot", "saving the pipeline", "registering"])
def test_a_killed_child_is_lost_with_a_sentence_and_the_next_training_is_whole(
    app: App, home: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    fill(app.db, make_samples(120), app.now)
    job = run_child(app, home, monkeypatch, "die", step)
    assert job.status is JobStatus.LOST
    assert job.error == (
        "Its process was killed (signal 9; out of memory is the usual cause). Start it again."
    )
    assert count_versions(app) == 0
    assert list_half(home) == []
    assert train(app).status is JobStatus.DONE
    assert count_versions(app) == 1


@pytest.mark.slow
def test_a_child_without_memory_says_so_and_leaves_no_version(
    app: App, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is the kernel's own (RLIMIT_AS), so that allocations really fail: in Python, which
    says so, or in a library, which then aborts."""
    fill(app.db, make_samples(40_000, group_size=8), app.now)
    job = run_child(app, home, monkeypatch, "starve", "checking")
    assert job.status in (JobStatus.FAILED, JobStatus.LOST)
    assert "out of memory" in str(job.error)
    assert count_versions(app) == 0
    assert list_half(home) == []


def run_child(app: App, home: Path, monkeypatch: pytest.MonkeyPatch, how: str, step: str) -> Job:
    """A training in a child of the worker's that comes to harm at a step; the job as it ended."""
    processes: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(command: list[str], **given: Any) -> subprocess.Popen[bytes]:
        harmed = [sys.executable, "-m", "tests.jobs.train_and_die", str(home), command[-1]]
        processes.append(popen([*harmed, how, step], **given))
        return processes[-1]

    job = ask(app)
    with monkeypatch.context() as patch:
        patch.setattr(children.subprocess, "Popen", start)
        mine = Children(app.db, {})
        mine.step(app.now())
        processes[0].wait()
        mine.step(app.now())
    with app.db.read() as conn:
        return jobs.get_job(conn, job.id)


def test_rows_of_texts_only_are_told_of_the_recipe_that_reads_them(app: App) -> None:
    texts = [
        replace(s, features={}, text=f"an answer of {i} words")
        for i, s in enumerate(make_samples(120))
    ]
    fill(app.db, texts, app.now)
    assert str(train(app).error) == (
        "The recipe 'baseline' cannot learn from these rows: they have no column besides their "
        "text: train the recipe 'text', which reads it."
    )


def test_what_a_library_says_of_numbers_reaches_nobody(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(*_: object) -> object:
        return LinearRegression().fit([[float("inf")]], [1.0])

    monkeypatch.setitem(RECIPES, "odd", Recipe("odd", "Raises.", build))
    fill(app.db, make_samples(120), app.now)
    assert str(train(app, recipe="odd").error) == (
        "The recipe 'odd' cannot learn from these rows: scikit-learn cannot fit their numbers. "
        "Look for columns of extreme or constant values among the issues of the data, and leave "
        "these out."
    )
