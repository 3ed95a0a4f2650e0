"""Processes of our own that read files of strangers, with limits on memory and time."""

import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from core.errors import InvalidInput
from core.settings import PREFIX

_ROOT = Path(__file__).resolve().parents[3]


def start_reader(module: str, path: Path) -> "subprocess.Popen[bytes]":
    """Start a module of ours on a file, in a process that gets none of our settings; what it writes
    is to be read from its `stdout`."""
    return subprocess.Popen(
        [sys.executable, "-m", module, str(path.resolve())],
        cwd=_ROOT,
        env=build_environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def build_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without our settings, some of them secrets: the process reads files of
    strangers."""
    kept = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
    return {**kept, "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"}


def limit_process(n_bytes: int, seconds: int) -> None:
    """Limit the memory and the processor time of this process for good, and let it leave no image
    of itself where it is ended."""
    for kind, limit in (
        (resource.RLIMIT_DATA, n_bytes),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # a stricter one is there already
            resource.setrlimit(kind, (limit, limit))


def too_much_memory(name: str, n_bytes: int) -> InvalidInput:
    """Return the refusal of a file that takes more memory than this."""
    return InvalidInput(
        f"'{name}' takes more than {n_bytes / 1e9:g} GB of memory to be read, far more than its "
        "size says: split it, shorten its texts, or save it as CSV."
    )
