"""The number of our own files that five flows pass through, which a reader has to open for each.

Run as `python -m bench.flows [--names]`. A profile hook notes the file of every function of `core/`
that is called while a flow runs, in each of its threads; importing a module counts for nothing."""

import io
import os
import random
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

from starlette.testclient import TestClient

from core import api
from core.bootstrap import App, build_app
from core.cli import data, releases, training
from core.watching import deliver_app, watch_app

CORE = str(Path(__file__).resolve().parents[1] / "core") + "/"
N_ROWS, N_LABELS, OFF_BY = 400, 80, 60
HOST = "http://127.0.0.1"
CHANNEL = "json://127.0.0.1:9/"
"""Nothing listens on the port `discard`: the message is sent, and its failure is kept."""


@dataclass
class Clock:
    """The present, moved ahead as one who waits for a message would see it pass."""

    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        """Return the moved time."""
        return datetime.now(UTC) + self.ahead

    def move(self) -> None:
        """Let a minute pass; raise `SystemExit` after two hours."""
        self.ahead += timedelta(minutes=1)
        if self.ahead > timedelta(hours=2):
            raise SystemExit("No message was sent in two hours: the flow did not reach its end.")


class Notes:
    """The files of `core/` whose functions are called, in each thread that begins after this."""

    def __init__(self) -> None:
        self._found: set[str] | None = None
        threading.setprofile(self._note)
        sys.setprofile(self._note)

    def follow(self, flow: Callable[[], object]) -> set[str]:
        """Return the files that a flow passes through; what it prints is dropped."""
        found: set[str] = set()
        self._found = found
        with redirect_stdout(io.StringIO()):
            flow()
        self._found = None
        return found

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        name = frame.f_code.co_filename
        if self._found is None or event != "call" or not name.startswith(CORE):
            return
        if frame.f_code.co_name != "<module>":
            self._found.add(name.removeprefix(CORE))


def write_rows(path: Path, rng: random.Random) -> None:
    """A file of rows whose target follows from two features and noise."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = ["timestamp,codeQuality,testCoverage,quality"]
    for i in range(N_ROWS):
        a, b = rng.uniform(20, 95), rng.uniform(20, 95)
        at = (start + timedelta(hours=3 * i)).isoformat()
        lines.append(f"{at},{a:.2f},{b:.2f},{0.6 * a + 0.4 * b + rng.gauss(0, 2):.2f}")
    path.write_text("\n".join(lines), encoding="utf-8")


def label_and_watch(
    client: TestClient, answers: Sequence[Mapping[str, object]], watching: App, clock: Clock
) -> None:
    """Send labels that are far off, and watch until a message says so."""
    for answer in answers:
        actual = (float(str(answer["score"])) + OFF_BY) % 100
        label = {"prediction_id": answer["prediction_id"], "actual": actual}
        client.post("/v1/feedback", json=label).raise_for_status()
    while not deliver_app(watching):
        clock.move()
        watch_app(watching)


def ask(client: TestClient, quality: float) -> Mapping[str, object]:
    """One prediction."""
    body = {"features": {"codeQuality": quality, "testCoverage": 60.0}}
    reply = client.post("/v1/predict", json=body)
    reply.raise_for_status()
    answer: Mapping[str, object] = reply.json()
    return answer


def main() -> None:
    """Print the number of files by flow, and their names if asked."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PLUMBLINE_HOME"] = str(Path(folder) / "home")
        os.environ["PLUMBLINE_NOTIFY"] = CHANNEL
        path = Path(folder) / "rows.csv"
        write_rows(path, random.Random(1))
        notes = Notes()
        found = {"collect a CSV": notes.follow(lambda: data.collect_file(path))}
        found["train baseline"] = notes.follow(lambda: training.train("baseline"))
        notes.follow(lambda: releases.deploy("1", reason="first", override=True))
        with TestClient(api.create(), base_url=HOST, client=("127.0.0.1", 50_000)) as client:
            answers = [ask(client, 40 + i % 50) for i in range(N_LABELS)]
            found["predict one row"] = notes.follow(lambda: ask(client, 81))
            clock = Clock()
            watching = build_app(now=clock.now)
            found["label to message"] = notes.follow(
                lambda: label_and_watch(client, answers, watching, clock)
            )
            watching.close()
        notes.follow(lambda: releases.deploy("heuristic", reason="second", override=True))
        found["roll back"] = notes.follow(lambda: releases.rollback(reason="back"))
    for flow, files in found.items():
        print(f"{flow:20} {len(files):4}")
        if "--names" in sys.argv:
            print("".join(f"    {name}\n" for name in sorted(files)), end="")


if __name__ == "__main__":
    main()
