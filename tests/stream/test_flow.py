"""A replay tells what would have happened, and what stands in its way."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from core.errors import InvalidInput
from core.stream.flow import StreamRequest, run_stream
from core.stream.plan import WindowKind
from core.stream.report import StreamReport, build_json, build_text

START = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL = START + timedelta(days=60)


def write(folder: Path, *, n_days: int = 130, breaks_at: int = 88) -> Path:
    """Six rows a day; from one day on the target is 60 more than its features say."""
    rng = np.random.default_rng(0)
    lines = ["when,wind,load"]
    for i in range(n_days * 6):
        wind, day = rng.uniform(0, 10), i // 6
        load = 300 + 20 * wind + 12 * rng.standard_normal() + (60 if day >= breaks_at else 0)
        lines.append(f"{START + timedelta(hours=4 * i):%Y-%m-%d %H:%M},{wind:.4f},{load:.3f}")
    path = folder / "power.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def ask(file: Path, **changes: object) -> StreamRequest:
    request = StreamRequest(file, "when", "load", UNTIL, recipe="baseline")
    return replace(request, **changes)  # type: ignore[arg-type]


def run(folder: Path, request: StreamRequest) -> StreamReport:
    return run_stream(request, {}, folder / "home", lambda share, message: None)


@pytest.mark.slow
def test_an_incident_is_open_from_the_week_of_the_break_on(tmp_path: Path) -> None:
    """Days 60 to 88 are as the training was; the break is at the start of the fifth week."""
    report = run(tmp_path, ask(write(tmp_path)))
    assert [window.in_incident for window in report.windows] == [False] * 4 + [True] * 6
    assert all(window.n_predictions == 42 for window in report.windows)
    assert all(window.n_labelled == 42 for window in report.windows)
    assert report.windows[0].mae == pytest.approx(9.6, rel=0.25)
    assert [incident.cause for incident in report.incidents] == ["error_growth"]
    shown = build_json(report)
    assert shown["retrainings"] == []
    assert "an accuracy incident was open in 6 of them" in build_text(report)


@pytest.mark.slow
def test_late_labels_open_the_incident_for_the_window_they_are_of(tmp_path: Path) -> None:
    report = run(tmp_path, ask(write(tmp_path), label_delay=timedelta(days=10)))
    assert [window.in_incident for window in report.windows] == [False] * 4 + [True] * 6
    (incident,) = report.incidents
    assert incident.opened_at > START + timedelta(days=98)
    assert any(note.startswith("Labels come 10 days late: ") for note in report.notes)


@pytest.mark.slow
def test_a_file_without_later_labels_has_windows_without_figures(tmp_path: Path) -> None:
    path = write(tmp_path, n_days=75)
    lines = path.read_text().splitlines()
    blank = [lines[0], *lines[1:361], *(line.rpartition(",")[0] + "," for line in lines[361:])]
    path.write_text("\n".join(blank) + "\n")
    report = run(tmp_path, ask(path, window=WindowKind.MONTH))
    assert sum(window.n_predictions for window in report.windows) == 90
    assert {window.mae for window in report.windows} == {None}
    assert "90 rows without a target: predicted, never labelled." in report.notes


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"timestamp": "time"}, "has no column 'time' for the timestamp"),
        ({"target": "power"}, "has no column 'power' for the target"),
        ({"ignored": ("rain",)}, "has no column 'rain' to ignore"),
        ({"train_until": START}, "No row of 'power.csv' is before 2026-01-01 00:00 UTC"),
        ({"train_until": UNTIL + timedelta(days=900)}, "No row of 'power.csv' is from 2028"),
        ({"train_until": START + timedelta(days=2)}, "Only 12 rows of 'power.csv' have a known"),
        ({"label_delay": timedelta(days=58)}, "minus the label delay of 58 days, and 30 are"),
        ({"path": Path("nothing.csv")}, "'nothing.csv' cannot be read"),
    ],
)
def test_what_stands_in_the_way_is_said(
    tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        run(tmp_path, ask(write(tmp_path, n_days=70), **changes))
    assert sentence in str(caught.value)
