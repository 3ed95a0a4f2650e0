"""The program says its version and commit, and how it is called."""

import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from plumbline import __version__, program
from tests.architecture import ROOT


def test_the_environment_names_python_and_the_libraries_that_figures_depend_on() -> None:
    found = program.describe_environment()
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert set(found) == {"python", *program.LIBRARIES}


def test_git_is_asked_two_questions_and_no_other() -> None:
    for arguments in (("-c", "alias.x=!id", "x"), ("status",)):
        with pytest.raises((TypeError, AttributeError)):
            program._ask_git(*arguments)  # type: ignore[arg-type, call-arg]
    assert [question.value[0] for question in program._Question] == ["rev-parse", "status"]


def test_without_a_repository_only_the_version_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(program, "_ROOT", tmp_path)
    assert program.describe_commit() == f"version {__version__}"
    assert program.describe_program() == f"plumbline {__version__}"


def test_a_commit_is_named_with_whether_files_differ_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = {program._Question.COMMIT: "0123456789ab", program._Question.CHANGES: ""}
    monkeypatch.setattr(program, "_ask_git", answers.__getitem__)
    assert program.describe_program() == f"plumbline {__version__} (0123456789ab)"
    answers[program._Question.CHANGES] = " M app.py"
    assert program.describe_commit() == "0123456789ab+changes"


@pytest.mark.parametrize("module", ["core", "plumbline"])
def test_the_version_is_printed_without_a_heavy_import(module: str) -> None:
    """The parser of commands and the log are all that a verb needs before it knows its module."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", module, "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert done.stdout.strip() == program.describe_program()
    assert imported > {"core", "plumbline"}
    assert not imported & {"numpy", "pandas", "pyarrow", "scipy", "sqlalchemy", "streamlit"}


def find_calls(folder: Path) -> Iterator[str]:
    """The texts on screen that name the program without asking how it is called."""
    for path in sorted(folder.rglob("*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(r"`+(python -m core|plumbline) [a-z]", line):
                yield f"{path}:{number}: {line.strip()}"


def test_one_function_says_how_the_program_is_called() -> None:
    calls = [call for folder in ("core", "ui", "pages") for call in find_calls(ROOT / folder)]
    assert calls == []
