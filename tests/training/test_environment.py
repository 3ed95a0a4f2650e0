"""A report says on what it was made."""

import platform

import numpy as np
import pytest

from core.training import environment
from plumbline import __version__


def test_the_environment_names_python_and_the_libraries_that_figures_depend_on() -> None:
    found = environment.describe_environment()
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert set(found) == {"python", *environment.LIBRARIES}


def test_git_is_asked_two_questions_and_no_other() -> None:
    for arguments in (("-c", "alias.x=!id", "x"), ("status",)):
        with pytest.raises((TypeError, AttributeError)):
            environment._ask_git(*arguments)
    assert [question.value[0] for question in environment._Question] == ["rev-parse", "status"]


def test_the_commit_is_git_s_or_the_package_s_version(monkeypatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(environment, "_ROOT", tmp_path)
    assert environment.describe_commit() == f"version {__version__}"
