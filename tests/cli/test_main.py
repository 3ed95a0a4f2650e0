"""The command line as a whole: what each verb says of itself, and that none waits for another."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.cli.main import VERBS, LazyCommands, cli

_PRINT_HEAVY = """
import sys
from core.cli.main import main
for word in sys.argv[1:]:
    sys.argv = ["core", word]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
else:
    names = ("numpy", "sqlalchemy", "scipy", "pandas", "pyarrow", "sklearn", "mlflow", "xgboost",
             "apscheduler", "starlette", "streamlit", "rich.markdown")
    print(*(name for name in names if name in sys.modules), file=sys.stderr)
"""


def find_heavy(home: Path, *words: str) -> set[str]:
    """The libraries that verbs imported until they ended, one after the other."""
    done = subprocess.run(
        [sys.executable, "-c", _PRINT_HEAVY, *words],
        env={"PLUMBLINE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.splitlines()[-1].split())


def test_the_help_imports_nothing_that_a_verb_needs(home: Path) -> None:
    assert find_heavy(home, "--help") == set()


def test_a_look_at_the_installation_imports_nothing_of_training(home: Path) -> None:
    assert find_heavy(home, "status", "jobs", "settings") == {"sqlalchemy"}


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_all_verbs_says_what_each_says_of_itself(verb: str) -> None:
    command = LazyCommands()[verb]
    said = " ".join((command.help or "").split("\n\n")[0].split())
    assert VERBS[verb].help == ("" if command.hidden else said)


def test_every_module_adds_only_verbs_that_are_known() -> None:
    commands = LazyCommands()
    for verb in VERBS:
        commands[verb]
    assert set(commands._made) == set(VERBS)


def test_a_verb_that_does_not_exist_is_wrong_usage_and_the_near_one_is_named() -> None:
    result = CliRunner().invoke(cli, ["statsu"])
    assert result.exit_code == 2
    assert "No such command 'statsu'. Did you mean 'status'" in result.output


def test_the_help_shows_every_verb_that_is_not_hidden() -> None:
    said = CliRunner().invoke(cli, ["--help"]).output
    for name, verb in VERBS.items():
        assert (f"\n  {name} " in said) == bool(verb.help), name
