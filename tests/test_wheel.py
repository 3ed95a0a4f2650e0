"""The wheel runs the whole story in an empty environment, from an empty folder."""

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.errors import InvalidInput
from plumbline import __version__
from plumbline.__main__ import find_tree
from tests.api_processes import free_port, is_ready, wait_until

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
UV = [sys.executable, "-m", "uv"]


def read_requirements(path: Path) -> set[str]:
    """The ranges of a requirements file, without comments and references to other files."""
    lines = (line.partition("  #")[0].strip() for line in path.read_text().splitlines())
    return {line for line in lines if line and not line.startswith(("#", "-"))}


def test_a_wheel_asks_for_the_ranges_of_the_requirements() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    asked = {*PROJECT["project"]["dependencies"], *extras["postgres"], *extras["supabase"]}
    assert asked == read_requirements(ROOT / "requirements.txt")


def test_the_tree_is_found_in_a_checkout() -> None:
    assert find_tree() == ROOT


def test_without_the_client_of_supabase_its_extra_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "core.data.tables.supabase"
    monkeypatch.setitem(sys.modules, "supabase", None)
    monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(InvalidInput, match=r"pip install 'plumbline\[supabase\]'"):
        importlib.import_module(name)


@dataclass(frozen=True)
class Installation:
    """An environment that holds the wheel and nothing of the checkout, and an empty folder."""

    wheel: Path
    program: Path
    folder: Path
    ports: tuple[int, int]

    def environ(self) -> dict[str, str]:
        """The variables of a person who has set nothing but free ports."""
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "OMP_NUM_THREADS")
        dashboard, api = self.ports
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "PLUMBLINE_DASHBOARD_PORT": str(dashboard),
            "PLUMBLINE_API_PORT": str(api),
        }

    def run(self, *arguments: str) -> str:
        """What one verb says on stdout."""
        command = [str(self.program), *arguments]
        ended = subprocess.run(
            command, cwd=self.folder, env=self.environ(), capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    @contextmanager
    def start(self, verb: str) -> Iterator[None]:
        """A verb that runs until it is no longer needed, and ends within its time when asked."""
        process = subprocess.Popen(
            [str(self.program), verb],
            cwd=self.folder,
            env=self.environ(),
            start_new_session=True,
        )
        try:
            yield
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The wheel of this checkout in an environment of its own."""
    made = tmp_path_factory.mktemp("wheel")
    build = [*UV, "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*build, "-o", made, ROOT], check=True)
    [wheel] = made.glob("plumbline-*.whl")
    environment, folder, overrides = made / "env", made / "empty", made / "overrides.txt"
    overrides.write_text("\n".join(PROJECT["tool"]["uv"]["override-dependencies"]))
    subprocess.run([*UV, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    install = [*UV, "pip", "install", "--quiet", "--python", environment / "bin" / "python"]
    locked = ["-c", ROOT / "requirements.lock", "--override", overrides]
    subprocess.run([*install, *locked, wheel], check=True)
    folder.mkdir()
    # A package of the same name beside the person's data is not the program.
    (folder / "core").mkdir()
    (folder / "core" / "__init__.py").write_text("raise SystemExit('the core of the folder')\n")
    return Installation(
        wheel, environment / "bin" / "plumbline", folder, (free_port(), free_port())
    )


def ask(url: str, body: dict[str, object] | None = None) -> dict[str, object]:
    """The JSON of one answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, object] = json.load(answer)
        return found


@pytest.mark.slow  # installs everything
def test_no_name_but_plumbline_lands_among_the_installed_packages(installed: Installation) -> None:
    names = {name.split("/")[0] for name in zipfile.ZipFile(installed.wheel).namelist()}
    assert names == {"plumbline", f"plumbline-{__version__}.dist-info"}


@pytest.mark.slow  # installs everything, and starts every process
def test_the_wheel_runs_the_whole_story_in_an_empty_folder(installed: Installation) -> None:
    dashboard, api = (f"http://127.0.0.1:{port}" for port in installed.ports)
    for verb in ("up", "train", "deploy"):
        assert re.search(rf"\b{verb}\b", installed.run("--help"))
    installed.run("demo", "--rows", "300")
    trained = json.loads(installed.run("train", "baseline", "--json"))
    version = trained["version"]
    deploy = ("deploy", str(version), "--reason", "first", "--override", "--json")
    installed.run(*deploy)
    with installed.start("api"):
        wait_until(lambda: is_ready(api))
        row = {"features": {"codeQuality": 82, "testCoverage": 64}}
        answer = ask(f"{api}/v1/predict", row)
        assert answer["source"] == "model", answer
    status = json.loads(installed.run("status", "--json"))
    assert status
    with installed.start("up"):
        wait_until(lambda: is_ready(api))
        wait_until(lambda: answers(f"{dashboard}/_stcore/health"))
        shown = urllib.request.urlopen(f"{dashboard}/", timeout=10).read()
        assert b"<html" in shown
    made = {path.name for path in installed.folder.iterdir()}
    assert made == {"var", "core"}


def answers(url: str) -> bool:
    """Whether something answers there with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
