"""A job that waits in the queue names no file of the machine, whoever wrote its row."""

import io
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from core.bootstrap import App, build_app
from core.data.uploads import keep_upload
from core.domain.job import Job, JobStatus
from core.domain.sample import ColumnMapping
from core.jobs.runner import do_job, run_job
from core.store.data import samples
from core.store.jobs import jobs
from tests.people import person

ROWS = "a,score\n" + "".join(f"{n},{n}\n" for n in range(60))
MAPPING = msgspec.to_builtins(ColumnMapping("score"))


@pytest.fixture
def app(home: Path, now: Callable[[], datetime]) -> Iterator[App]:
    with closing(build_app({"PLUMBLINE_HOME": str(home)}, now)) as built:
        yield built


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "salaries.csv"
    path.write_text(ROWS)
    return path


def run(app: App, kind: str, **args: object) -> Job:
    with app.db.write() as conn:
        job = jobs.append_job(conn, kind, args, by="eve", reason="test", now=app.now())
        claimed = jobs.claim_job(conn, job.id, app.now())
    return run_job(app, claimed)


def count(app: App) -> int:
    with app.db.read() as conn:
        return sum(each.n_rows for each in samples.count_samples(conn))


@pytest.mark.parametrize(
    "path", ["{secret}", "{uploads}/../../salaries.csv", "{uploads}/link.csv", "{uploads}\0", "/"]
)
def test_an_import_of_a_file_that_is_no_upload_is_refused(
    app: App, secret: Path, path: str
) -> None:
    uploads = app.settings.uploads
    uploads.mkdir()
    (uploads / "link.csv").symlink_to(secret)
    named = path.format(secret=secret, uploads=uploads)
    ended = run(app, "import", path=named, name="a.csv", mapping=MAPPING)
    assert ended.status is JobStatus.FAILED
    assert "This import names no upload" in (ended.error or "")
    assert count(app) == 0


def test_an_import_of_an_upload_is_done_and_the_copy_removed(app: App) -> None:
    path = keep_upload(
        app.settings.uploads, "k", "a.csv", io.BytesIO(ROWS.encode()), 10**6, app.now()
    ).path
    ended = run(app, "import", path=str(path), name="a.csv", mapping=MAPPING)
    assert (ended.status, count(app)) == (JobStatus.DONE, 60)
    assert list(app.settings.uploads.iterdir()) == []


def test_the_limit_holds_in_the_job_too(home: Path, now: Callable[[], datetime]) -> None:
    app = build_app({"PLUMBLINE_HOME": str(home), "PLUMBLINE_UPLOAD_LIMIT_MB": "1"}, now)
    content = ("a,score\n" + "1,2\n" * 300_000).encode()
    kept = keep_upload(app.settings.uploads, "k", "a.csv", io.BytesIO(content), 10**7, app.now())
    ended = run(app, "import", path=str(kept.path), name="a.csv", mapping=MAPPING)
    assert "'a.csv' has 1 MB and the limit is 1 MB" in (ended.error or "")
    app.close()


def test_a_queued_job_scores_no_file(app: App, secret: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    ended = run(app, "predict", path=str(secret), out=str(out), version="heuristic")
    assert ended.status is JobStatus.FAILED
    assert "type `predict` at the command line" in (ended.error or "")
    assert not out.exists()


def test_a_queued_training_opens_no_other_text_model(app: App, tmp_path: Path) -> None:
    model = {"embedding": str(tmp_path)}
    ended = run(app, "train", recipe="text", seed=0, parameters=model)
    assert ended.status is JobStatus.FAILED
    assert "names another text model" in (ended.error or "")


def test_who_types_a_command_names_any_file_of_theirs(app: App, secret: Path) -> None:
    args = {"path": str(secret), "name": "a.csv", "mapping": MAPPING}
    assert do_job(app, "import", args, "test", by=person("ada")).status is JobStatus.DONE
    assert count(app) == 60
    assert secret.exists()
