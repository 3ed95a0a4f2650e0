"""The model that every server of the comparison serves: 19 features, 100 trees of depth 4."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from core.bootstrap import App, build_app
from core.deployment.release import deploy
from core.domain.actor import Actor, Role
from core.domain.model_card import Card, GoldenRow
from core.features.encoder import RowEncoder
from core.store.data import snapshots
from core.store.models import versions
from core.training.models.trees import BoostedTrees
from tests.fakes import make_report

N_FEATURES, N_TREES, N_BODIES, N_BATCHES, BATCH = 19, 100, 2_000, 20, 1_000
JSON = "application/json"
NAMES = tuple(f"f{i:02d}" for i in range(N_FEATURES))  # in the order in which the encoder has them

BENCH = Actor("bench", Role.ADMIN)


def make_rows(n: int, seed: int) -> list[dict[str, float]]:
    """Rows of numbers, 0..100."""
    values = np.random.default_rng(seed).uniform(0, 100, (n, N_FEATURES)).round(2).tolist()
    return [dict(zip(NAMES, row, strict=True)) for row in values]


def fit() -> Any:
    """The pipeline."""
    from sklearn.pipeline import Pipeline

    rows = make_rows(2_000, 1)
    target = [40 + row["f00"] * 0.3 + row["f01"] * row["f02"] / 400 for row in rows]
    model = BoostedTrees(n_trees=N_TREES, max_depth=4, learning_rate=0.1)
    return Pipeline([("encode", RowEncoder(impute=False)), ("model", model)]).fit(rows, target)


def register(app: App, pipeline: Any) -> None:
    """Save the pipeline as a version of this home, and deploy it."""
    golden = make_rows(5, 2)
    scores = np.clip(pipeline.predict(golden), 0, 100).tolist()
    rows = tuple(GoldenRow(row, None, score) for row, score in zip(golden, scores, strict=True))
    card = Card("bench", NAMES, 0.0, 100.0, 5.0, 6.0, rows, synthetic=True)
    artifact_hash = app.registry.save_artifact(pipeline, card)
    now = datetime.now(UTC)
    with app.db.write() as conn:
        snapshot = snapshots.append_snapshot(
            conn,
            content_hash="bench",
            path="bench.parquet",
            n_rows=2_000,
            n_synthetic=2_000,
            columns=NAMES,
            query={},
            first_at=None,
            last_at=None,
            by=BENCH.name,
            now=now,
        )
        version = versions.append_version(
            conn,
            snapshot_id=snapshot.id,
            artifact_hash=artifact_hash,
            report=make_report(),
            by=BENCH.name,
            now=now,
        )
    deploy(
        app.db,
        app.registry,
        version.number,
        reason="bench",
        by=BENCH,
        override=True,
        now=now,
    )


def save_for_peers(folder: Path, pipeline: Any) -> None:
    """The trees for MLflow's server and as XGBoost's file."""
    import mlflow.xgboost
    import xgboost

    booster = pipeline[-1].booster_
    booster.feature_names = list(NAMES)
    booster.save_model(folder / "model.ubj")
    model = xgboost.XGBRegressor()
    model.load_model(folder / "model.ubj")
    mlflow.xgboost.save_model(model, folder / "mlflow", pip_requirements=["xgboost", "mlflow"])


def write_scripts(folder: Path) -> None:
    """One Lua script a kind of body; each request of a run sends another row."""
    rows = make_rows(N_BODIES, 3)
    kinds = {
        "plumbline": [json.dumps({"features": row}) for row in rows],
        "same": [json.dumps({"features": rows[0]})],
        "mlflow": [json.dumps({"dataframe_records": [row]}) for row in rows],
        "bento": [json.dumps({"row": list(row.values())}) for row in rows],
    }
    for kind, bodies in kinds.items():
        write_script(folder, kind, [body.encode() for body in bodies])
    batches = [make_rows(BATCH, 10 + i) for i in range(N_BATCHES)]
    values = [[list(row.values()) for row in rows] for rows in batches]
    split = [json.dumps({"dataframe_split": {"columns": NAMES, "data": data}}) for data in values]
    rows_of = [json.dumps({"rows": [{"features": row} for row in rows]}) for rows in batches]
    write_script(folder, "mlflow-batch", [body.encode() for body in split])
    write_script(folder, "batch", [body.encode() for body in rows_of])


def write_script(folder: Path, kind: str, bodies: list[bytes], media: str = JSON) -> None:
    """A file for wrk that sends one body after another, each in a file of its own, and asks for
    answers of the same type."""
    for number, body in enumerate(bodies):
        path = body_path(folder, kind, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    pattern = body_path(folder, kind, 0).parent.resolve() / "%04d"
    script = LUA.replace("PATTERN", str(pattern)).replace("COUNT", str(len(bodies)))
    (folder / f"{kind}.lua").write_text(script.replace("MEDIA", media))


def body_path(folder: Path, kind: str, number: int) -> Path:
    """Where a body of a kind lies."""
    return folder / "bodies" / kind / f"{number:04d}"


LUA = """
local bodies = {}
for n = 1, COUNT do
  local file = assert(io.open(string.format("PATTERN", n - 1), "rb"))
  bodies[n] = file:read("*a")
  file:close()
end
local n = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "MEDIA"
wrk.headers["Accept"] = "MEDIA"
function init(args) n = math.random(#bodies) end
function request()
  n = n % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[n])
end
function done(summary, latency, requests)
  local bad = summary.errors.status + summary.errors.read + summary.errors.timeout
  io.write(string.format('\\nRESULT {"n": %d, "us": %d, "p50": %.0f, "p99": %.0f, "bad": %d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), bad))
end
"""


def main(folder: Path) -> None:
    """Write everything."""
    folder.mkdir(parents=True, exist_ok=True)
    pipeline = fit()
    app = build_app({"PLUMBLINE_HOME": str(folder / "home")})
    register(app, pipeline)
    app.close()
    save_for_peers(folder, pipeline)
    write_scripts(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
