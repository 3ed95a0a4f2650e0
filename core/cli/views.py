"""The JSON of the command line and the API, in the shapes that scripts rely on."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from core.data.quality.overview import DataSummary
from core.data.sources.file_preview import FilePreview, name_roles
from core.data.sources.file_problems import explain_roles
from core.deployment.lineage import PredictionLineage
from core.deployment.plan import PlanSummary
from core.deployment.release import ReleaseRehearsal
from core.domain.dataset import Issue, Severity
from core.domain.deployment import Deployment
from core.domain.sample import ColumnMapping
from core.domain.version import Version, version_name


def view_choice(
    preview: FilePreview, mapping: ColumnMapping, problems: Sequence[Issue]
) -> dict[str, Any]:
    """Return the chosen columns of a file with their reasons, and the problems, worst first."""
    roles = name_roles(mapping)
    return {
        "mapping": {**msgspec.to_builtins(mapping), "why": explain_roles(preview, mapping)},
        "features": [column.name for column in preview.columns if column.name not in roles],
        "notes": list(preview.notes),
        "problems": list(msgspec.to_builtins(problems)),
    }


def add_choice(result: dict[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of an import with the choice of its columns, and the problems of both,
    worst first."""
    severities = list(reversed(Severity))
    problems = [*found["problems"], *result.get("problems", [])]
    problems.sort(key=lambda problem: severities.index(Severity(problem["severity"])))
    return {**result, **found, "problems": problems}


def view_training(version: Version) -> dict[str, Any]:
    """Return a version as `train` and `versions` print it."""
    report = version.report
    built: dict[str, Any] = msgspec.to_builtins(report)
    return {
        "version": version.name,
        "run_id": version.run_id,
        "recipe": report.recipe,
        "n_train": report.n_train,
        "n_holdout": report.n_holdout,
        "split": report.split,
        "split_reason": report.split_reason,
        "features": {
            "available": built["features_available"],
            "selected": built["features_selected"],
        },
        "importance": built["importance"],
        "search": built["search"],
        "metrics": built["metrics"],
        "champion_mae": built["champion_mae"],
        "naive": built["naive"],
        "cv": built["cv"],
        "gate": built["gate"],
        "synthetic": report.synthetic,
        "overrides": built["overrides"],
        "summary": report.summary,
        "random_split_mae": report.random_split_mae,
        "interval_coverage": built["interval_coverage"],
        "n_unknown_yet": report.n_unknown_yet,
        "label_delay_seconds": report.label_delay_seconds,
        "learning_curve": built["learning_curve"],
        "doubling": built["doubling"],
        "segments": built["segments"],
        "score_bands": built["score_bands"],
        "worst": built["worst"],
        "picks": built["picks"],
        "environment": built["environment"],
        "commit": report.commit,
        "objective": report.objective,
        "window": {"reason": report.window, "tried": built["windows_tried"]},
        "seed": report.seed,
        "tolerance": report.tolerance,
        "snapshot_id": version.snapshot_id,
        "artifact_hash": version.artifact_hash,
        "created_at": msgspec.to_builtins(version.created_at),
        "created_by": version.created_by,
        "seconds": report.seconds,
    }


def view_deployment(deployment: Deployment) -> dict[str, Any]:
    """Return a row of the deployment history."""
    built: dict[str, Any] = msgspec.to_builtins(deployment)
    plan = deployment.plan
    challenger = None if plan.challenger is None else version_name(plan.challenger)
    return {
        **built,
        "plan": {
            **built["plan"],
            "champion": version_name(plan.champion),
            "challenger": challenger,
        },
    }


def view_plan(plan: PlanSummary) -> dict[str, Any]:
    """Return the current deployment as `deploy --status` prints it."""
    built: dict[str, Any] = msgspec.to_builtins(plan)
    for side, summary in (("champion", plan.champion), ("challenger", plan.challenger)):
        if summary is not None:
            built[side]["version"] = version_name(summary.version)
    return built


def view_story(story: PredictionLineage) -> dict[str, Any]:
    """Return the provenance of a prediction."""
    built: dict[str, Any] = msgspec.to_builtins(story)
    deployment, version = story.deployment, story.version
    return {
        **built,
        "deployment": None if deployment is None else view_deployment(deployment),
        "version": None if version is None else view_training(version),
        "error": story.error,
    }


def view_rehearsal(rehearsal: ReleaseRehearsal) -> dict[str, Any]:
    """Return a rehearsed rollback, with the time of each step."""
    built: dict[str, Any] = msgspec.to_builtins(rehearsal)
    return {
        **built,
        "target": version_name(rehearsal.target),
        "milliseconds": rehearsal.milliseconds,
    }


def view_data(summary: DataSummary) -> dict[str, Any]:
    """Return a summary of the data as `data` prints it."""
    built: dict[str, Any] = msgspec.to_builtins(summary)
    quality = built.pop("quality") or {}
    for collection in built["collections"]:
        del collection["rejected"]  # row by row in the answer of the import itself
    return {
        **built,
        "issues": quality.get("issues", []),
        "checked_at": quality.get("at"),
    }
