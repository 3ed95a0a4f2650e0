"""A version trained again from its snapshot: whether its figures come out the same, and if not,
what differs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.data.snapshots import read_snapshot
from core.domain.dataset import RESERVED
from core.domain.job import Progress
from core.domain.training_report import Estimate, Metrics, TrainingReport
from core.domain.version import Version
from core.settings import Scale
from core.store.data import snapshots as snapshot_rows
from core.store.engine.database import Database
from core.store.models import versions
from core.training.evaluate.fit_and_evaluate import Order, learn
from core.training.plan import read_plan
from plumbline.program import describe_commit, describe_environment

if TYPE_CHECKING:
    import pandas as pd

BOUND = 1e-6
"""Of the scale: so far may a figure lie from the recorded one and count as the same, since sums may
be added up in another order on another processor."""


@dataclass(frozen=True, slots=True)
class Reproduction:
    """The figures of then and of now by name; `differences` are sentences on what is not as it was,
    whether the figures match or not."""

    version: int
    matches: bool
    bound: float  # points of the scale
    then: Mapping[str, float | None]
    now: Mapping[str, float | None]
    differences: tuple[str, ...]
    summary: str


def reproduce_version(
    db: Database, number: int, *, snapshots: Path, progress: Progress
) -> Reproduction:
    """Train a version again, on its snapshot, with its recipe, options and seed, by the code and
    the libraries that are here; registers nothing.

    Raises `NotFound` for an unknown version or rows that are gone, `Refused` where the snapshot was
    altered or the recipe cannot learn from it, `InvalidInput` where the recipe is no more."""
    with db.read() as conn:
        version = versions.get_version(conn, number)
        snapshot = snapshot_rows.get_snapshot(conn, version.snapshot_id)
    progress(0.0, f"reading the rows of {version.name}")
    frame = read_snapshot(snapshots, snapshot)
    learned = learn(frame, build_order(version.report, frame), progress)
    return compare_figures(
        version,
        learned.found.evaluation.metrics,
        find_differences(version.report, describe_environment(), describe_commit()),
    )


def build_order(report: TrainingReport, frame: "pd.DataFrame") -> Order:
    """Rebuild the order of a training from its report."""
    given = set(report.features_available)
    left_out = [str(name) for name in frame.columns if name not in RESERVED and name not in given]
    return Order(
        recipe=report.recipe,
        seed=report.seed,
        scale=Scale(report.scale_low, report.scale_high),
        tolerance=report.tolerance,
        leave_out=tuple(left_out),
        label_delay_seconds=report.label_delay_seconds,
        holdout_from_at=report.holdout_from_at,
        plan=read_plan(report.plan, str(report.plan.get("device", "cpu"))),
    )


def find_differences(
    report: TrainingReport, environment: Mapping[str, str], commit: str
) -> tuple[str, ...]:
    """List the differences of this environment from that of the training, in sentences."""
    if not report.environment:
        return ("The report does not say on which libraries it was trained.",)
    found = [
        f"{name} was {then} and is {environment.get(name, 'not installed')}."
        for name, then in report.environment.items()
        if environment.get(name) != then
    ]
    if report.commit != commit:
        found.append(f"The code was {report.commit} and is {commit}.")
    elif commit.endswith("+changes"):
        found.append(f"The code has changes beside {commit.removesuffix('+changes')}.")
    return tuple(found)


def compare_figures(version: Version, now: Metrics, differences: Sequence[str]) -> Reproduction:
    """Every figure and limit of then beside those of now."""
    report = version.report
    bound = BOUND * (report.scale_high - report.scale_low)
    before, after = _list_figures(report.metrics), _list_figures(now)
    off = [name for name in before if not _is_same(before[name], after[name], bound)]
    why = " ".join(differences)
    if not off:
        summary = f"{version.name} came out the same: every figure within {bound:g} points. {why}"
    else:
        summary = (
            f"{version.name} did not come out the same: {_show(off[0], before, after)}"
            + (f", and {len(off) - 1} more figures differ" if len(off) > 1 else "")
            + f". {why or 'Libraries and code are those of then.'}"
        )
    return Reproduction(
        version.number, not off, bound, before, after, tuple(differences), summary.strip()
    )


def _list_figures(metrics: Metrics) -> dict[str, float | None]:
    figures: dict[str, Estimate | None] = {
        "mae": metrics.mae,
        "rmse": metrics.rmse,
        "r2": metrics.r2,
        "accuracy": metrics.accuracy,
        "skill": metrics.skill,
    }
    found: dict[str, float | None] = {}
    for name, figure in figures.items():
        found[name] = None if figure is None else figure.value
        found[f"{name}_low"] = None if figure is None else figure.low
        found[f"{name}_high"] = None if figure is None else figure.high
    return found


def _is_same(then: float | None, now: float | None, bound: float) -> bool:
    if then is None or now is None:
        return then is now
    return math.isclose(then, now, rel_tol=0.0, abs_tol=bound)


def _show(name: str, then: Mapping[str, float | None], now: Mapping[str, float | None]) -> str:
    return f"{name} was {_number(then[name])} and is {_number(now[name])}"


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.6g}"
