"""Peers' environments: libraries that are only measured have one of their own."""

import subprocess
import sys
from pathlib import Path


def make_environment(folder: Path, *packages: str) -> Path:
    """An environment with these packages, made once, with the version of Python that measures; its
    Python."""
    python, made = folder / "bin" / "python", folder / "made"
    if not made.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        subprocess.run([uv, "venv", "-q", "--clear", "--python", version, str(folder)], check=True)
        install = [uv, "pip", "install", "-q", "--python", str(python), *packages]
        subprocess.run(install, check=True)
        made.touch()
    return python
