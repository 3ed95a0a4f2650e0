"""What a training ran on: the libraries that its figures depend on, and the commit of the code."""

import platform
import shutil
import subprocess
from enum import Enum
from importlib import metadata
from pathlib import Path

from plumbline import __version__

LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "xgboost")

_ROOT = Path(__file__).resolve().parents[2]
_GIT_SECONDS = 10


class _Question(Enum):
    """All that git is ever asked."""

    COMMIT = ("rev-parse", "--short=12", "HEAD")
    CHANGES = ("status", "--porcelain", "--untracked-files=no")


def describe_environment() -> dict[str, str]:
    """Versions by name; a library that is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def describe_commit() -> str:
    """The commit of the code that runs, with "+changes" where files differ from it; the package's
    version where there is no repository or no git."""
    commit = _ask_git(_Question.COMMIT)
    if commit is None:
        return f"version {__version__}"
    changed = _ask_git(_Question.CHANGES)
    return f"{commit}+changes" if changed else commit


def _ask_git(question: _Question) -> str | None:
    git = shutil.which("git")
    if git is None or not (_ROOT / ".git").exists():
        return None
    try:
        done = subprocess.run(
            [git, "-C", str(_ROOT), *question.value],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
