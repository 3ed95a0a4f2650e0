"""The tutorial's commands do what its text says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api_processes import free_port

ROOT = Path(__file__).parents[1]
TUTORIAL = ROOT / "docs" / "tutorial.md"
PORT = 8000
"""The port that the text names."""


def read_blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a language in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def says(output: str, claim: str) -> bool:
    """Whether an output has a line with this text, `...` being anything."""
    pattern = re.escape(claim.strip()).replace(re.escape("..."), ".*")
    return re.search(re.sub(r"(\\ )+", r"\\s+", pattern), output) is not None


def test_a_claim_is_found_where_it_stands_and_nowhere_else() -> None:
    assert says("v1  baseline  passed the gate  MAE 2.7\n", "v1 baseline passed the gate  MAE ...")
    assert not says("v1  baseline  REFUSED by the gate\n", "v1  baseline  passed the gate")


@pytest.mark.slow  # trains twice and starts the API
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    port = free_port()
    programs, folder = tmp_path / "bin", tmp_path / "empty"
    programs.mkdir()
    folder.mkdir()
    plumbline = programs / "plumbline"
    plumbline.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m plumbline "$@"\n')
    plumbline.chmod(0o755)
    script = "\n".join(["set -euo pipefail", *read_blocks(text, "sh"), "wait || true"])
    environ = {name: kept for name, kept in os.environ.items() if not name.startswith("PLUMBLINE_")}
    environ |= {
        "PATH": os.pathsep.join([str(programs), environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "PLUMBLINE_API_PORT": str(port),
    }
    ended = subprocess.run(
        ["bash", "-c", script.replace(f":{PORT}/", f":{port}/")],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stderr
    claims = read_blocks(text, "text")
    assert claims
    assert [claim for claim in claims if not says(ended.stdout, claim)] == []
