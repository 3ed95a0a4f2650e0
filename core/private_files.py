"""The rule that what Plumbline writes is its own user's alone."""

import os
import shlex
from pathlib import Path

from core.log import get_logger

_OTHERS = 0o077

log = get_logger(__name__)


def keep_private() -> None:
    """Let every file and folder that this process and its children make be its user's alone; the
    first thing that each process of ours does."""
    os.umask(_OTHERS)


def check_home(home: Path) -> bool:
    """Return whether the home folder is its user's alone; where others may enter one that was made
    otherwise, warn with the command that ends it."""
    private = not home.stat().st_mode & _OTHERS if home.exists() else True
    if not private:
        command = shlex.join(["chmod", "-R", "go-rwx", str(home)])
        log.warning("home_open_to_other_users", home=str(home), command=command)
    return private
