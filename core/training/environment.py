"""What a training ran on: the libraries that its figures depend on, and the commit of the code."""

import platform
import shutil
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "xgboost")

_ROOT = Path(__file__).resolve().parents[2]
_GIT_SECONDS = 10


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
    commit = _ask_git("rev-parse", "--short=12", "HEAD")
    if commit is None:
        content = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        return f"version {content['project']['version']}"
    changed = _ask_git("status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if changed else commit


def _ask_git(*arguments: str) -> str | None:
    git = shutil.which("git")
    if git is None or not (_ROOT / ".git").exists():
        return None
    try:
        done = subprocess.run(
            [git, "-C", str(_ROOT), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
