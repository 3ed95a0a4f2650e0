"""Ending with the parent: what one of our processes starts does not outlive it, whatever ends it.

Run as `python -m core.parent PID COMMAND...` it becomes the command, which ends when the process
PID, its parent, does."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
_LOOK_SECONDS = 0.5


def tie_command(command: Sequence[str]) -> list[str]:
    """The command that runs another one for as long as this process lives."""
    return [sys.executable, "-m", "core.parent", str(os.getpid()), *command]


def end_with(parent: int) -> None:
    """Have this process get SIGTERM when its parent has ended, or at once where it has already.
    Linux does that, and elsewhere a thread looks."""
    if not _ask_linux():
        threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()
    elif os.getppid() != parent:  # it ended before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def _ask_linux() -> bool:
    """Ask the system to tell us, and return whether it will; the wish survives the start of another
    program."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGTERM) == 0)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def main(parent: int, command: Sequence[str]) -> int:
    """Become the command or, where the system does not tell of a parent's end, run it and pass on
    SIGTERM; the exit code."""
    if _ask_linux():
        if os.getppid() == parent:
            os.execv(command[0], list(command))
        return 1
    child = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    end_with(parent)
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
