"""Scores a file in one process after another, each of which kills itself at a random look at, or
change of, the folder of parts; the last one is left alone.

Run as `python -m tests.serving.files.score_and_die HOME PATH OUT SEED N_KILLS`. Everything is
imported once, and an attempt is a fork of that: 0.1 s instead of 5."""

import importlib
import itertools
import os
import random
import signal
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from core.registry import Registry
from core.serving.files.flow import FileRequest, predict_file
from core.serving.files.parts import find_folder
from core.settings import Scale
from core.store.engine.database import open_database
from tests.conftest import NOON

ROWS_PER_PART = 50
_WATCHED = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree")


def die_with(folder: Path, n_events: int) -> None:
    """Kill this process just before it touches the folder for the n-th time."""
    numbers = itertools.count(1)

    def watch(event: str, args: tuple[Any, ...]) -> None:
        touched = event in _WATCHED and str(args[0]).startswith(str(folder))
        if touched and next(numbers) == n_events:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def score(home: Path, path: Path, out: Path) -> None:
    """Score the file, or what is left of it, with v1."""
    with closing(open_database("", home, "process", NOON)) as db:
        predict_file(
            db,
            Registry(home / "artifacts", ""),
            FileRequest(path, out, version=1),
            scale=Scale(0.0, 100.0),
            now=lambda: NOON,
            timer=time.perf_counter,
            progress=lambda share, message: None,
            rows_per_part=ROWS_PER_PART,
        )


def main() -> None:
    """Die so many times, then finish; print how often an attempt was killed."""
    home, path, out = map(Path, sys.argv[1:4])
    draw = random.Random(int(sys.argv[4]))
    n_kills = int(sys.argv[5])
    n_killed = 0
    for name in ("skops.io", "pandas", "sklearn.pipeline", "sklearn.linear_model"):
        importlib.import_module(name)
    for attempt in range(n_kills + 1):
        pid = os.fork()
        if pid == 0:
            if attempt < n_kills:
                die_with(find_folder(out), draw.randint(1, 30))
            score(home, path, out)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        n_killed += os.WIFSIGNALED(status)
        if not os.WIFSIGNALED(status):
            break
    print(n_killed)


if __name__ == "__main__":
    main()
