"""Accuracy incidents are open in the weeks in which the error broke its promise, and in no others.

The truth of a week is told by its rows alone: its mean absolute error over the held-out one of the
version, with a 95 % interval for independent rows. A week counts as broken where the lower limit is
above 1.25, and as kept where the error itself is not above 1.1."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.stream.flow import StreamRequest, run_stream
from core.stream.report import StreamReport, StreamWindow

N_WEEKS, N_TRAIN, PER_DAY = 80, 30, 6
START = datetime(2024, 1, 1, tzinfo=UTC)
Values = NDArray[np.float64]


def step(week: Values, noise: Values) -> Values:
    """15 more than the features say for ten weeks, and twice the noise for ten others."""
    shift = np.where((week >= 42) & (week < 52), 15.0, 0.0)
    return shift + np.where((week >= 62) & (week < 72), 10.0, 5.0) * noise


def gradual(week: Values, noise: Values) -> Values:
    """The target leaves its features by half a point a week."""
    return 0.5 * np.maximum(week - 45, 0) + 5 * noise


def seasonal(week: Values, noise: Values) -> Values:
    """The noise swings by half over the year."""
    return 5 * (1 + 0.5 * np.sin(2 * np.pi * week / 52)) * noise


def growing_noise(week: Values, noise: Values) -> Values:
    """The noise doubles over forty weeks."""
    return 5 * (1 + np.maximum(week - 40, 0) / 40) * noise


def alike(week: Values, noise: Values) -> Values:
    """Errors follow each other (AR(1), 0.8), twice as large for fifteen weeks."""
    echo = np.empty_like(noise)
    last = 0.0
    for i, value in enumerate(noise):
        last = echo[i] = 0.8 * last + 0.6 * value
    return np.where((week >= 50) & (week < 65), 10.0, 5.0) * echo


def quiet(week: Values, noise: Values) -> Values:
    """Nothing happens."""
    return 5 * noise


KINDS = (step, gradual, seasonal, growing_noise, alike, quiet)


def write(path: Path, build: Callable[[Values, Values], Values], seed: int) -> None:
    n = N_WEEKS * 7 * PER_DAY
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 2))
    week = np.floor(np.arange(n) / (7.0 * PER_DAY))
    y = 150 + 12 * x[:, 0] + 6 * x[:, 1] + build(week, rng.standard_normal(n))
    lines = ["when,a,b,y"]
    for i in range(n):
        at = START + timedelta(days=i / PER_DAY)
        lines.append(f"{at:%Y-%m-%d %H:%M},{x[i, 0]:.5f},{x[i, 1]:.5f},{y[i]:.4f}")
    path.write_text("\n".join(lines) + "\n")


def judge_week(home: Path, window: StreamWindow) -> tuple[float, float]:
    """The week's error over the promise, and the lower limit of that."""
    assert window.promised_mae is not None
    with sqlite3.connect(home / "plumbline.db") as database:
        rows = database.execute(
            "SELECT abs(p.score - l.actual) FROM predictions p JOIN labels l "
            "ON l.prediction_id = p.id WHERE p.at >= ? AND p.at < ?",
            [round(at.timestamp() * 1e6) for at in (window.from_at, window.to_at)],
        ).fetchall()
    errors = np.array(rows, dtype=np.float64)[:, 0] / window.promised_mae
    mean = float(errors.mean())
    return mean, mean - 1.96 * float(errors.std(ddof=1)) / len(errors) ** 0.5


def find_shares(report: StreamReport, home: Path) -> tuple[list[bool], list[bool]]:
    """Whether an incident was open, for the broken weeks and for the kept ones."""
    broken, kept = [], []
    for window in report.windows:
        value, low = judge_week(home, window)
        if low > 1.25:
            broken.append(window.in_incident)
        elif value <= 1.1:
            kept.append(window.in_incident)
    return broken, kept


@pytest.mark.slow
@pytest.mark.parametrize("build", KINDS)
@pytest.mark.parametrize("delay_days", [0, 9])
def test_incidents_are_open_where_the_promise_is_broken(
    tmp_path: Path, build: Callable[[Values, Values], Values], delay_days: int
) -> None:
    path, home = tmp_path / "stream.csv", tmp_path / "home"
    write(path, build, seed=delay_days)
    request = StreamRequest(
        path,
        "when",
        "y",
        START + timedelta(weeks=N_TRAIN),
        recipe="baseline",
        label_delay=timedelta(days=delay_days),
    )
    report = run_stream(request, {}, home, lambda share, message: None)
    broken, kept = find_shares(report, home)
    print(
        f"{build.__name__}, {delay_days} days late: open in {sum(broken)} of {len(broken)} broken "
        f"weeks, in {sum(kept)} of {len(kept)} kept ones"
    )
    assert sum(broken) >= 0.9 * len(broken)
    assert sum(kept) <= 0.05 * len(kept)
    assert len(broken) + len(kept) >= 25
