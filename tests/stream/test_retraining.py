"""A replay that may retrain follows a world that moves, and leaves one alone that does not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.stream.flow import StreamRequest, run_stream
from core.stream.report import StreamReport

START = datetime(2024, 1, 1, tzinfo=UTC)
N_WEEKS, N_TRAIN, PER_DAY = 56, 26, 4
Values = NDArray[np.float64]


def growing(week: Values, x: Values, noise: Values) -> Values:
    """Level and slope grow week by week: what was learned is soon too low."""
    return 300 + 3 * week + (40 + 1.2 * week) * x[:, 0] + 10 * np.sin(x[:, 1]) + 15 * noise


def steady(week: Values, x: Values, noise: Values) -> Values:
    """Nothing moves."""
    return 300 + 40 * x[:, 0] + 10 * np.sin(x[:, 1]) + 15 * noise


def write(path: Path, build: Callable[[Values, Values, Values], Values]) -> None:
    n = N_WEEKS * 7 * PER_DAY
    rng = np.random.default_rng(1)
    x = rng.standard_normal((n, 3))
    y = build(np.arange(n) / (7 * PER_DAY), x, rng.standard_normal(n))
    lines = ["when,a,b,c,y"]
    for i in range(n):
        at = START + timedelta(days=i / PER_DAY)
        lines.append(f"{at:%Y-%m-%d %H:%M},{x[i, 0]:.4f},{x[i, 1]:.4f},{x[i, 2]:.4f},{y[i]:.2f}")
    path.write_text("\n".join(lines) + "\n")


def replay(folder: Path, path: Path, retrain: str) -> StreamReport:
    request = StreamRequest(
        path,
        "when",
        "y",
        START + timedelta(weeks=N_TRAIN),
        recipe="baseline",
        label_delay=timedelta(days=1),
        retrain=retrain,
    )
    return run_stream(request, {}, folder / retrain, lambda share, message: None)


def find_mae(report: StreamReport) -> float:
    weights = [window.n_labelled for window in report.windows]
    return float(np.average([window.mae or 0.0 for window in report.windows], weights=weights))


@pytest.mark.slow
def test_in_a_growing_world_retraining_halves_the_error(tmp_path: Path) -> None:
    path = tmp_path / "growing.csv"
    write(path, growing)
    frozen, auto = (replay(tmp_path, path, mode) for mode in ("off", "auto"))
    ratio = find_mae(auto) / find_mae(frozen)
    deployed = [item for item in auto.retrainings if item.deployed]
    print(f"MAE ratio {ratio:.2f}, {len(deployed)} of {len(auto.retrainings)} deployed")
    assert ratio < 0.6
    assert len(deployed) >= 5
    assert all(item.reasons and item.outcome for item in auto.retrainings)


@pytest.mark.slow
def test_in_a_world_that_stands_still_retraining_does_no_harm(tmp_path: Path) -> None:
    """A new version replaces the champion where a week bad by chance had opened an incident:
    it need only be as good then, and is, since it learned from more rows."""
    path = tmp_path / "steady.csv"
    write(path, steady)
    frozen, auto = (replay(tmp_path, path, mode) for mode in ("off", "auto"))
    ratio = find_mae(auto) / find_mae(frozen)
    deployed = [item for item in auto.retrainings if item.deployed]
    print(f"MAE ratio {ratio:.3f}, {len(deployed)} of {len(auto.retrainings)} deployed")
    assert ratio < 1.01
    assert len(deployed) <= 10
    assert len(auto.retrainings) >= 20
