"""Killed at any point of a release, a process leaves the old plan or the new one, never between."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.deployment.release import describe_plan
from core.deployment.trial import find_trial
from core.domain.deployment import Deployment
from core.store.engine.database import Database
from core.store.models import deployments
from tests.conftest import NOON
from tests.deployment.release_on import N_VERSIONS
from tests.fakes import FakeRegistry, add_version

ROOT = Path(__file__).resolve().parents[2]
RELEASER = Path(__file__).with_name("release_on.py")
N_KILLS = 12

pytestmark = pytest.mark.slow  # a process is started for each kill


def release_until_killed(home: Path, seed: int, n_lines: int) -> list[str]:
    """What a process said was in force, killed while it went on after this many releases."""
    process = subprocess.Popen(
        [sys.executable, str(RELEASER), str(home), str(seed)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "ready\n"
        said = [process.stdout.readline() for _ in range(n_lines)]
        process.kill()
        return [line.strip() for line in [*said, *process.stdout]]


def describe(row: Deployment) -> str:
    return f"{row.revision} {row.plan.champion} {row.plan.challenger}"


def test_a_kill_leaves_the_old_plan_or_the_new_one(db: Database, home: Path) -> None:
    """All that was said to be in force is in the history, at most one release more, and what is
    read back is whole: every trial has its settings, its salt and its share."""
    registry = FakeRegistry()
    for _ in range(N_VERSIONS):
        add_version(db, registry)
    known: list[str] = []
    for seed in range(N_KILLS):
        known += release_until_killed(home, seed, 3 + 7 * seed)
        with db.read() as conn:
            history = deployments.load_history(conn)
        written = [describe(row) for row in history]
        assert written[: len(known)] == known
        assert len(written) <= len(known) + 1
        known = written
        summary, trial = describe_plan(db, NOON), find_trial(history)
        assert summary.champion is not None
        assert summary.champion.version == history[-1].plan.champion
        assert (trial is not None) == (history[-1].plan.challenger is not None)
        for row in history:
            if row.plan.challenger is not None:
                assert (row.plan.ab_test, row.plan.salt, row.plan.traffic) == ("x", "salt", 0.1)
                assert "trial" in row.evidence
    assert len(known) > 200
