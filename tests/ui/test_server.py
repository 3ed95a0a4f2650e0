"""The dashboard's own server: a deep link as its first request, its scheduler, its end."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(
    (path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).exists()),
    "",
)
SECRETS = """
[auth]
redirect_uri = "http://localhost:8501/oauth2callback"
cookie_secret = "{secret}"
client_id = "id"
client_secret = "hidden4711"
server_metadata_url = "https://id.invalid/.well-known/openid-configuration"
"""

pytestmark = [pytest.mark.slow]


def find_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(happened: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Return as soon as it happened; fail where it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happened():
            return
        time.sleep(0.1)
    pytest.fail(f"{what} did not happen within {seconds:.0f} s")


def answers(url: str) -> bool:
    """Whether a server is up."""
    try:
        return httpx.get(url, timeout=2, verify=False).status_code == 200  # whoever vouches for it
    except httpx.TransportError:
        return False


@contextmanager
def serve(
    folder: Path, home: Path, *more: str, port: int = 0
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The dashboard, started in `folder`, which may hold secrets of its own."""
    port = port or find_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PLUMBLINE_")}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py")),
            *("--server.address", "127.0.0.1", "--server.port", str(port)),
            *("--server.headless", "true", *more),
        ],
        cwd=folder,
        env={
            **environment,
            "PYTHONPATH": str(ROOT),
            "PLUMBLINE_HOME": str(home),
            "PLUMBLINE_ALLOWED_EMAILS": "ada@example.com"
            if (folder / ".streamlit").exists()
            else "",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.communicate()


def read_lease(home: Path) -> str | None:
    """Who runs the scheduled tasks, as any other process reads it."""
    database = home / "plumbline.db"
    if not database.exists():
        return None
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as conn:
        try:
            row = conn.execute("SELECT holder FROM leases").fetchone()
        except sqlite3.OperationalError:
            return None
    return None if row is None else str(row[0])


def test_the_scheduler_runs_before_anybody_visits_and_ends_with_the_server(
    tmp_path: Path, home: Path
) -> None:
    with serve(tmp_path, home) as (_, process):
        wait_until(lambda: read_lease(home) is not None, "taking the lease")
        assert re.fullmatch(rf"dashboard:.*:{process.pid}:[0-9a-f]+", read_lease(home) or "")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert read_lease(home) is None


def test_the_server_does_not_start_where_others_could_see_it(tmp_path: Path, home: Path) -> None:
    with serve(tmp_path, home, "--server.address", "0.0.0.0") as (url, process):
        _, said = process.communicate(timeout=60)
        assert process.returncode != 0
        assert b"without a login" in said
        assert not answers(f"{url}/_stcore/health")


@pytest.mark.browser
def test_a_deep_link_as_the_first_request_meets_the_login(tmp_path: Path, home: Path) -> None:
    """A `pages/` folder beside the entry script would run a page without the navigation."""
    from playwright.sync_api import expect, sync_playwright

    secrets = tmp_path / ".streamlit" / "secrets.toml"
    secrets.parent.mkdir()
    secrets.write_text(SECRETS.format(secret="x" * 32))
    with serve(tmp_path, home) as (url, _), sync_playwright() as playwright:
        wait_until(lambda: answers(f"{url}/_stcore/health"), "the server's start")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{url}/system")
        expect(page.get_by_role("link", name="Log in")).to_be_visible(timeout=30_000)
        expect(page.get_by_text("PLUMBLINE_HOME")).to_have_count(0)
        browser.close()


@pytest.mark.browser
def test_a_deep_link_as_the_first_request_opens_that_page(tmp_path: Path, home: Path) -> None:
    from playwright.sync_api import expect, sync_playwright

    with serve(tmp_path, home) as (url, _), sync_playwright() as playwright:
        wait_until(lambda: answers(f"{url}/_stcore/health"), "the server's start")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{url}/system")
        expect(page.get_by_role("heading", name="System")).to_be_visible(timeout=30_000)
        expect(page.get_by_role("link", name="Monitoring")).to_be_visible()
        browser.close()
