"""A version as an MLflow run, and runs as they are listed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from core.domain.dataset import Snapshot
from core.domain.training_report import Estimate, TrainingReport
from core.domain.version import Version, parse_version
from core.errors import InvalidInput
from core.libraries import IMPORTING

RUN_SORTS = {
    "started_at": "attributes.start_time",
    "version": "metrics.version",
    "recipe": "params.recipe",
    **{name: f"metrics.{name}" for name in ("mae", "rmse", "r2", "accuracy", "skill", "seconds")},
}
"""The orders of runs, and MLflow's name for each."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of the list of runs; figures by name, their limits as NAME_low and NAME_high."""

    run_id: str
    version: int | None
    recipe: str
    status: str
    started_at: datetime
    seconds: float | None
    passed: bool | None  # the gate's verdict
    metrics: Mapping[str, float]
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunPage:
    """A page of runs, and the token of the next page; None after the last."""

    runs: list[RunSummary]
    next_token: str | None
    experiment_id: str  # part of a run's address in MLflow's own pages


def log_run(
    client: Any, experiment_id: str, version: Version, snapshot: Snapshot
) -> tuple[str, str]:
    """Create a run with the figures of a version; return its id and the address of its files."""
    with IMPORTING:
        # Imported here, since MLflow takes 5 s, which only tracking should cost.
        from mlflow.entities import Metric, Param, RunTag

    report = version.report
    ended_ms = round(version.created_at.timestamp() * 1000)
    run = client.create_run(
        experiment_id,
        ended_ms - round(report.seconds * 1000),
        tags=_name_version(version),  # from the start, so that an unfinished run is found
        run_name=version.name,
    )
    run_id = str(run.info.run_id)
    tags = {
        "snapshot_hash": snapshot.content_hash,
        "gate": "passed" if report.gate.passed else "refused",
        "summary": report.summary,
        "synthetic": str(report.synthetic).lower(),
        "mlflow.user": version.created_by,
        "commit": report.commit,
    }
    client.log_batch(
        run_id,
        metrics=[
            Metric(name, value, ended_ms, 0)
            for name, value in {"version": version.number, **_metrics(report)}.items()
        ]
        + [
            Metric("learning_curve_mae", point.mae.value, ended_ms, point.n_rows)
            for point in report.learning_curve
        ],
        params=[Param(name, value[:5000]) for name, value in _params(report, snapshot).items()],
        tags=[RunTag(name, value[:5000]) for name, value in tags.items()],
    )
    return run_id, str(run.info.artifact_uri)


def register_run(client: Any, model: str, run_id: str, artifact_uri: str, version: Version) -> None:
    """Make a run a version of the registered model, and finish it."""
    add_model_version(client, model, run_id, artifact_uri, _name_version(version))
    ended_ms = round(version.created_at.timestamp() * 1000)
    client.set_terminated(run_id, "FINISHED", ended_ms)  # last, so that a finished run is complete


def add_model_version(
    client: Any, model: str, run_id: str, artifact_uri: str, tags: Mapping[str, str]
) -> Any:
    """Add a run to the registered model, which is created if it is not there; return MLflow's
    version of it."""
    with IMPORTING:  # with mlflow, which is loaded by now
        from mlflow.exceptions import MlflowException
        from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise
    return client.create_model_version(
        model, f"{artifact_uri}/model", run_id, tags=dict(tags), await_creation_for=0
    )


def _name_version(version: Version) -> dict[str, str]:
    return {"version": version.name, "artifact_hash": version.artifact_hash}


def _metrics(report: TrainingReport) -> dict[str, float]:
    """Return the figures by name with their limits; figures that do not exist are left out."""
    figures: dict[str, Estimate | None] = {
        "mae": report.metrics.mae,
        "rmse": report.metrics.rmse,
        "r2": report.metrics.r2,
        "accuracy": report.metrics.accuracy,
        "skill": report.metrics.skill,
        "champion_mae": report.champion_mae,
        "improvement": report.improvement,
        "interval_coverage": report.interval_coverage,
    }
    found = {"seconds": report.seconds}
    for name, figure in figures.items():
        if figure is not None:
            found[name] = figure.value
            found[f"{name}_low"] = figure.low
            found[f"{name}_high"] = figure.high
    for guess, naive in report.naive.items():
        found[f"naive_{guess}_mae"] = naive.mae
    for name, parts in report.cv.items():
        found.update({f"cv_{name}_{part}": value for part, value in parts.items()})
    if report.random_split_mae is not None:
        found["random_split_mae"] = report.random_split_mae
    return found


def _params(report: TrainingReport, snapshot: Snapshot) -> dict[str, str]:
    best = report.search.get("best")
    searched = best if isinstance(best, Mapping) else {}
    return {
        "recipe": report.recipe,
        "seed": str(report.seed),
        "split": report.split,
        "n_train": str(report.n_train),
        "n_holdout": str(report.n_holdout),
        "n_features": str(len(report.features_selected)),
        "features": json.dumps(report.features_selected, ensure_ascii=False),
        "scale": f"{report.scale_low:g}:{report.scale_high:g}",
        "tolerance": f"{report.tolerance:g}",
        "snapshot": snapshot.content_hash,
        "label_delay_seconds": f"{report.label_delay_seconds:g}",
        **{f"search_{name}": str(value) for name, value in searched.items()},
        **{f"library_{name}": value for name, value in report.environment.items()},
    }


def read_run(run: Any) -> RunSummary:
    """Return the line of a run, from MLflow's own object."""
    tags, info = run.data.tags, run.info
    started_at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=info.start_time)
    return RunSummary(
        run_id=info.run_id,
        version=_read_version(tags.get("version", "")),
        recipe=run.data.params.get("recipe", ""),
        status=info.status.lower(),
        started_at=started_at,
        seconds=None if info.end_time is None else (info.end_time - info.start_time) / 1000,
        passed={"passed": True, "refused": False}.get(tags.get("gate", "")),
        metrics=dict(run.data.metrics),
        params=dict(run.data.params),
    )


def _read_version(tag: str) -> int | None:
    """Return the version number in a tag; None if somebody changed it in MLflow to another text."""
    try:
        return parse_version(tag)
    except InvalidInput:
        return None
