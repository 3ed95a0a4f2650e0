"""What Plumbline writes is its user's alone, whatever the process was started with."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.file_access import check_home, keep_private
from tests.architecture import ROOT


@pytest.fixture(autouse=True)
def usual_mask() -> Iterator[None]:
    """What most machines start a process with."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PLUMBLINE_HOME": str(home), "PLUMBLINE_USER": "ada"},
        check=True,
        capture_output=True,
        text=True,
    )


def find_open(home: Path) -> list[str]:
    """The files and folders of a home that others may read, write or enter."""
    found = [path for path in (home, *home.rglob("*")) if path.lstat().st_mode & 0o077]
    return [f"{path} {stat.filemode(path.lstat().st_mode)}" for path in found]


@pytest.mark.slow  # a process that imports all that a demo needs
def test_a_store_is_its_users_alone(tmp_path: Path) -> None:
    home = tmp_path / "parent" / "home"
    run(home, "-m", "core", "demo", "--rows", "200")
    assert (home / "plumbline.db").is_file()
    assert find_open(home) == []
    assert find_open(home.parent) == []


@pytest.mark.slow
def test_all_that_a_training_and_an_upload_leave_is_its_users_alone(tmp_path: Path) -> None:
    home, rows, out = tmp_path / "home", tmp_path / "rows.csv", tmp_path / "out.csv"
    rows.write_text("a,b,score\n" + "".join(f"{n},{n * 7 % 11},{n % 100}\n" for n in range(200)))
    run(home, "-m", "core", "collect", "file", str(rows))
    run(home, "-m", "core", "train", "baseline")
    run(home, "-m", "core", "predict", str(rows), "--out", str(out), "--version=1", "--prefix=p_")
    script = (
        "import io, sys; from pathlib import Path; "
        "from core.file_access import keep_private; "
        "from core.bootstrap import build_app; from core.data.uploads import keep_upload; "
        "keep_private(); app = build_app(); "
        "keep_upload(app.settings.uploads, 'k', 'a.csv', io.BytesIO(b'a'), 9, app.now())"
    )
    run(home, "-c", script)
    for name in ("plumbline.db", "mlflow.db", "artifacts", "snapshots", "uploads"):
        assert (home / name).exists(), name
    assert find_open(home) == []
    assert find_open(out) == []


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o770])
def test_a_home_that_others_may_enter_is_said_with_the_command(
    tmp_path: Path, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "my home"
    home.mkdir()
    home.chmod(mode)
    assert not check_home(home)
    said = capsys.readouterr().err
    assert "level=warning" in said
    assert f"chmod -R go-rwx '{home}'" in said
    home.chmod(0o700)
    assert check_home(home)
    assert check_home(tmp_path / "not there yet")
    assert capsys.readouterr().err == ""


def test_children_inherit_it() -> None:
    keep_private()
    said = run(Path("/nowhere"), "-c", "import os; print(os.umask(0))").stdout
    assert said.strip() == str(0o077)
