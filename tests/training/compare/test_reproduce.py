"""A version comes out the same from its snapshot, or it is said what differs."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from core.domain.training_report import Estimate
from core.domain.version import Version
from core.errors import NotFound, Refused
from core.store.engine.database import Database
from core.training.compare.reproduce import compare_figures, find_differences, reproduce_version
from core.training.plan import TrainingPlan
from tests.fakes import make_report
from tests.training.worlds import fill, make_samples

Train = Callable[..., Version]


def quiet(share: float, message: str) -> None:
    assert message


@pytest.mark.parametrize("recipe", ["baseline", pytest.param("advanced", marks=pytest.mark.slow)])
def test_a_version_comes_out_the_same_from_its_snapshot_seed_and_options(
    db: Database, train: Train, home: Path, now: Callable[[], datetime], recipe: str
) -> None:
    fill(db, make_samples(200), now)
    version = train(recipe=recipe, seed=4, leave_out=("third",), label_delay_seconds=5 * 86_400.0)
    fill(db, make_samples(50, seed=9), now)  # what came later has no part in it
    found = reproduce_version(db, version.number, snapshots=home / "snapshots", progress=quiet)
    assert found.matches
    assert found.then["mae"] == version.report.metrics.mae.value
    assert found.summary.startswith("v1 came out the same: every figure within 0.0001 points.")


def test_a_version_with_a_short_holdout_comes_out_the_same(
    db: Database, train: Train, home: Path, now: Callable[[], datetime]
) -> None:
    fill(db, make_samples(700), now)
    version = train(plan=TrainingPlan(window="all", holdout="recent"))
    assert version.report.holdout_from_at is not None
    found = reproduce_version(db, version.number, snapshots=home / "snapshots", progress=quiet)
    assert found.matches


def test_a_snapshot_that_was_altered_or_lost_is_not_trained_on(
    db: Database, train: Train, home: Path, now: Callable[[], datetime]
) -> None:
    fill(db, make_samples(60), now)
    number = train().number
    (path,) = (home / "snapshots").iterdir()
    path.write_bytes(path.read_bytes()[:-9] + b"something")
    with pytest.raises(Refused, match="was altered"):
        reproduce_version(db, number, snapshots=home / "snapshots", progress=quiet)
    path.unlink()
    with pytest.raises(NotFound, match="are gone"):
        reproduce_version(db, number, snapshots=home / "snapshots", progress=quiet)
    with pytest.raises(NotFound, match="no version v9"):
        reproduce_version(db, 9, snapshots=home / "snapshots", progress=quiet)


def test_figures_that_differ_are_named_with_what_else_is_not_as_it_was(
    now: Callable[[], datetime],
) -> None:
    report = replace(
        make_report(),
        environment={"python": "3.11", "numpy": "1.0"},
        commit="abc",
        learning_curve=(),
    )
    version = Version(7, 1, None, "hash", report, now(), "ana")
    differences = find_differences(report, {"python": "3.11", "numpy": "2.0"}, "abd")
    assert differences == ("numpy was 1.0 and is 2.0.", "The code was abc and is abd.")
    other = replace(report.metrics, mae=Estimate(4.1, 3.5, 4.5))
    found = compare_figures(version, other, differences)
    assert not found.matches
    assert found.summary == (
        "v7 did not come out the same: mae was 4 and is 4.1. numpy was 1.0 and is 2.0. The code "
        "was abc and is abd."
    )
    assert compare_figures(version, report.metrics, ()).matches
    nearly = replace(report.metrics, mae=Estimate(4.00005, 3.5, 4.5))
    assert compare_figures(version, nearly, ()).matches


def test_changes_beside_the_commit_and_old_reports_are_said() -> None:
    report = replace(make_report(), environment={"python": "3"}, commit="abc+changes")
    assert find_differences(report, {"python": "3"}, "abc+changes") == (
        "The code has changes beside abc.",
    )
    (said,) = find_differences(make_report(), {"python": "3"}, "abc")
    assert "does not say on which libraries" in said
