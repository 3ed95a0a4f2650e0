"""The program itself: its version, its commit, its libraries, and the way to call it."""

import platform
import shutil
import subprocess
from enum import Enum
from importlib import metadata

from plumbline import __version__
from plumbline.__main__ import HERE, find_tree

LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "xgboost")
"""The libraries that the figures of a training depend on."""

_ROOT = find_tree()
_GIT_SECONDS = 10


class _Question(Enum):
    """All that git is ever asked."""

    COMMIT = ("rev-parse", "--short=12", "HEAD")
    CHANGES = ("status", "--porcelain", "--untracked-files=no")


def name_command(verb: str, installed: bool = _ROOT == HERE) -> str:
    """Return the command that runs a verb: a wheel installs `plumbline`, and a checkout has
    `python -m core`.

    >>> name_command("worker", installed=True), name_command("worker", installed=False)
    ('plumbline worker', 'python -m core worker')
    """
    return f"{'plumbline' if installed else 'python -m core'} {verb}"


def describe_program() -> str:
    """Return the name, the version, and the commit if it is known."""
    commit = find_commit()
    return f"plumbline {__version__}" + (f" ({commit})" if commit else "")


def describe_commit() -> str:
    """Return the commit of the code that runs, or the version where there is no commit."""
    return find_commit() or f"version {__version__}"


def find_commit() -> str | None:
    """Return the commit, with "+changes" if files differ from it; None without a repository."""
    commit = _ask_git(_Question.COMMIT)
    return f"{commit}+changes" if commit and _ask_git(_Question.CHANGES) else commit


def describe_environment() -> dict[str, str]:
    """Return the versions of Python and of the libraries; one that is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


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
