"""The whole product as a newcomer starts it, on free ports and in a home folder of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120


@dataclass(frozen=True)
class Product:
    """A running Plumbline: its dashboard, its API and the folder of its state."""

    dashboard: str
    api: str
    home: Path
    log: Path
    process: subprocess.Popen[bytes]


@contextmanager
def run_product(home: Path, **settings: str) -> Iterator[Product]:
    """Start dashboard, API and worker with one command, and stop them with one signal."""
    dashboard, api = free_port(), free_port()
    log = home.parent / "up.log"
    environ = {name: text for name, text in os.environ.items() if "PLUMBLINE_" not in name}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "core", "up"],
            cwd=ROOT,
            env={
                **environ,
                "PLUMBLINE_HOME": str(home),
                "PLUMBLINE_DASHBOARD_PORT": str(dashboard),
                "PLUMBLINE_API_PORT": str(api),
                "PLUMBLINE_USER": "ada",
                **settings,
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    product = Product(
        f"http://127.0.0.1:{dashboard}", f"http://127.0.0.1:{api}", home, log, process
    )
    try:
        _wait_until_ready(product)
        yield product
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


@contextmanager
def run_streamlit(script: str, **environ: str) -> Iterator[str]:
    """Serve one script of this project alone, and give its address."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    kept = {name: text for name, text in os.environ.items() if "PLUMBLINE_" not in name}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "streamlit", "run", script),
            *("--server.port", str(port), "--server.headless", "true"),
        ],
        cwd=ROOT,
        env={**kept, "PYTHONPATH": str(ROOT), **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(process, [f"{address}/_stcore/health"], None)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def open_browser(*more: str) -> Iterator[Browser]:
    """A headless Chromium, the one that is installed, with more arguments."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise FileNotFoundError("No Chromium on this machine: `apt-get install chromium`.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=[
                *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update"),
                *("--disable-sync", *more),
            ],
        )
        yield browser
        browser.close()


def free_port() -> int:
    """A port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(product: Product) -> None:
    waiting = [f"{product.api}/healthz", f"{product.dashboard}/_stcore/health"]
    _wait_for(product.process, waiting, product.log)


def _wait_for(process: subprocess.Popen[bytes], waiting: list[str], log: Path | None) -> None:
    deadline = time.monotonic() + START_SECONDS
    while waiting:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"It did not start:\n{log.read_text() if log else waiting}")
        try:
            if httpx.get(waiting[0], timeout=2).status_code == 200:
                waiting.pop(0)
        except httpx.HTTPError:
            time.sleep(0.2)
