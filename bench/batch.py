"""Where the time of one batch goes: a thousand rows of 19 numbers through 100 trees, part by part,
and what moving them to the log takes afterwards.

Run as `python -m bench.batch`: one thread, without HTTP. A figure is what nine of ten of 200 takes
were longer than, since whatever else runs only adds, and the rows a second that a part alone would
allow."""

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.peers.model import BATCH, body_path
from bench.serving import DATA, prepare_model
from core.bootstrap import App, build_app
from core.domain.prediction import Batch, Columns
from core.serving.columns import AskedColumns, read_json_columns
from core.serving.schemas import build_batch_answer
from core.serving.service import PredictionService
from core.store.models import versions
from core.store.predictions.predictions import move_batches
from core.web.http import json_response

N = 200


def time_it(name: str, work: Callable[[], object]) -> None:
    """Do it again and again, and print what it takes."""
    work()
    taken = []
    for _ in range(N):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    show(name, statistics.quantiles(taken, n=10)[0])


def show(name: str, seconds: float) -> None:
    """A line of the sheet."""
    print(f"{name:46} {1000 * seconds:8.2f} ms {BATCH / seconds:12,.0f} rows/s", flush=True)


def answer(service: PredictionService, asked: AskedColumns) -> Batch:
    """The batch that the service makes of what was asked."""
    batch = service.predictor.answer_columns(asked, service.now(), service.timer())
    assert batch is not None
    return batch


def log(service: PredictionService, batch: Batch) -> None:
    """Put a batch on disk."""
    kept = service.log_batch(batch)
    if kept is not None:
        kept.result()


def measure(app: App, service: PredictionService) -> None:
    """Print a line for each part."""
    json_body = body_path(DATA, "batch", 0).read_bytes()
    asked = read_json_columns(json_body)
    assert asked is not None
    batch = answer(service, asked)
    with app.db.read() as conn:
        artifact_hash = versions.get_version(conn, batch.version).artifact_hash
    artifact = app.registry.load_artifact(artifact_hash)
    model, columns = artifact.pipeline[-1], Columns(asked.features)
    numbers = artifact.pipeline[0].transform(columns)
    time_it("read the body: JSON", lambda: read_json_columns(json_body))
    time_it("score, by the service", lambda: answer(service, asked))
    time_it("  of it XGBoost", lambda: model.booster_.inplace_predict(numbers))
    time_it("score and log", lambda: log(service, answer(service, asked)))
    time_it("write the answer: JSON", lambda: json_response(200, build_batch_answer(batch)))
    started = time.perf_counter()
    n_rows = move_batches(app.db)
    show("move to the log, later", (time.perf_counter() - started) * BATCH / n_rows)


def main() -> None:
    """Measure on a copy of the bench's store."""
    prepare_model()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        shutil.copytree(DATA / "home", home)
        app = build_app({"PLUMBLINE_HOME": str(home)})
        service = PredictionService(app.db, app.registry, scale=app.settings.scale, now=app.now)
        service.start()
        measure(app, service)
        service.stop()
        app.close()


if __name__ == "__main__":
    main()
