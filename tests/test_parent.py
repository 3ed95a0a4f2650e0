"""Nothing that we start outlives what started it, whatever ended that."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from core import parent
from core.registry import Registry
from core.store.engine.database import Database
from tests.api_processes import (
    ROOT,
    ROW,
    add_linear_version,
    find_workers,
    free_port,
    is_ready,
    release,
    run_api,
    wait_until,
)

pytestmark = pytest.mark.slow

STARTER = """
import subprocess, sys
from core.parent import tie_command
child = subprocess.Popen(tie_command([sys.executable, "-c", "import time; time.sleep(1000)"]))
print(child.pid, flush=True)
child.wait()
"""


@contextmanager
def start(program: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A process that starts one, and the other's id; killed in the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def is_free(port: int) -> bool:
    """Whether nobody listens on a port, also not somebody who does not answer."""
    found = psutil.net_connections("tcp")
    return not any(
        one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port for one in found
    )


def test_a_tied_command_ends_when_its_parent_is_killed() -> None:
    with start(STARTER) as (process, child):
        wait_until(lambda: psutil.Process(child).cmdline()[1:2] == ["-c"])  # it became the command
        process.kill()
    wait_until(lambda: not is_running(child))


def test_where_the_system_does_not_tell_a_tied_command_ends_as_well() -> None:
    runner = (
        "import sys; from core import parent; parent._ask_linux = lambda: False; "
        "parent._LOOK_SECONDS = 0.01; "
        "sys.exit(parent.main(int(sys.argv[1]), sys.argv[2:]))"
    )
    program = f"""
import os, subprocess, sys
command = [sys.executable, "-c", "import time; time.sleep(1000)"]
child = subprocess.Popen([sys.executable, "-c", {runner!r}, str(os.getpid()), *command])
print(child.pid, flush=True)
child.wait()
"""
    with start(program) as (process, child):
        wait_until(lambda: bool(psutil.Process(child).children()))
        [grandchild] = psutil.Process(child).children()
        process.kill()
    wait_until(lambda: not is_running(child) and not is_running(grandchild.pid))


def test_a_command_whose_parent_has_ended_already_is_not_begun(tmp_path: Path) -> None:
    mark = tmp_path / "begun"
    command = [sys.executable, "-c", f"open({str(mark)!r}, 'w')"]
    found = subprocess.run([sys.executable, "-m", "core.parent", "1", *command], cwd=ROOT)
    assert found.returncode == 1
    assert not mark.exists()


def test_a_process_whose_parent_ended_before_it_asked_gets_the_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(parent, "_ask_linux", lambda: True)
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    parent.end_with(os.getppid())
    assert sent == []
    parent.end_with(1_000_000_000)
    assert sent == [(os.getpid(), signal.SIGTERM)]


def test_when_the_parent_of_two_workers_is_killed_they_leave_the_port(
    db: Database, home: Path
) -> None:
    registry = Registry(home / "artifacts", "")
    release(db, registry, add_linear_version(db, registry, 0.0))
    port = free_port()
    with run_api(home, n_workers=2, port=port) as (_, process):
        wait_until(lambda: len(find_workers(process.pid)) == 2)
        workers = find_workers(process.pid)
        process.kill()
        process.wait()
        wait_until(lambda: is_free(port), seconds=2.0)
        wait_until(lambda: not any(is_running(pid) for pid in workers))


def test_up_replaces_a_killed_api_with_its_metrics_and_leaves_nothing_when_it_is_killed(
    db: Database, home: Path
) -> None:
    registry = Registry(home / "artifacts", "")
    release(db, registry, add_linear_version(db, registry, 0.0))
    api, dashboard = free_port(), free_port()
    url = f"http://127.0.0.1:{api}"
    environ = {
        **os.environ,
        "PLUMBLINE_HOME": str(home),
        "PLUMBLINE_API_PORT": str(api),
        "PLUMBLINE_DASHBOARD_PORT": str(dashboard),
        "PLUMBLINE_API_WORKERS": "2",
    }
    up = subprocess.Popen(
        [sys.executable, "-m", "core", "up"], cwd=ROOT, env=environ, stdout=subprocess.PIPE
    )
    started: list[psutil.Process] = []
    try:
        wait_until(lambda: is_ready(url))
        first = find_api(up.pid)
        assert first is not None
        first.kill()
        wait_until(lambda: find_api(up.pid) not in (None, first) and is_ready(url), seconds=120.0)
        assert httpx.post(f"{url}/v1/predict", json=ROW, timeout=30).status_code == 200
        assert "plumbline_predictions_total" in httpx.get(f"{url}/metrics", timeout=30).text
        second = find_api(up.pid)
        assert second is not None
        wait_until(lambda: len(find_workers(second.pid)) == 2)
        started = psutil.Process(up.pid).children(recursive=True)
        assert len(started) >= 5
    finally:
        started = started or psutil.Process(up.pid).children(recursive=True)
        up.kill()
        up.communicate()
    wait_until(lambda: not any(is_running(one.pid) for one in started))
    assert is_free(api)
    assert is_free(dashboard)


def find_api(pid: int) -> psutil.Process | None:
    """The process that `up` started as the API, None while there is none."""
    for child in psutil.Process(pid).children():
        with suppress(psutil.ZombieProcess):  # it ended, and `up` has not looked yet
            if "core.api:create" in child.cmdline():
                return child
    return None
