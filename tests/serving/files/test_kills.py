"""Killed at random moments, scoring a file ends with the output of an attempt that was not."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.registry import Registry
from core.store.engine.database import Database
from tests.api_processes import add_linear_version
from tests.serving.files.score_and_die import ROWS_PER_PART, score

pytestmark = pytest.mark.slow

N_ROWS, N_KILLS = 1_000, 25


@pytest.mark.parametrize(("kind", "seed"), [("csv", 1), ("jsonl", 2), ("parquet", 3)])
def test_whatever_it_is_killed_at_the_output_is_the_same(
    db: Database, home: Path, tmp_path: Path, kind: str, seed: int
) -> None:
    add_linear_version(db, Registry(home / "artifacts", ""), 0.0)
    lines = [f"{n % 101},{n * 7 % 101},r{n}" for n in range(N_ROWS)]
    path = tmp_path / "in.csv"
    path.write_text("\n".join(["codeQuality,testCoverage,name", *lines]) + "\n")
    whole, out = tmp_path / f"whole.{kind}", tmp_path / f"out.{kind}"
    score(home, path, whole)
    command = [sys.executable, "-m", "tests.serving.files.score_and_die", home, path, out]
    told = subprocess.run(
        [*command, str(seed), str(N_KILLS)], check=True, capture_output=True, text=True
    )
    assert int(told.stdout) >= N_ROWS // ROWS_PER_PART // 5
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(
        ["home", "in.csv", whole.name, out.name]
    )
