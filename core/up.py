"""Dashboard, API and worker together: started, watched, started again, and stopped as one."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

from core.bootstrap import App
from core.clock import pause_after
from core.errors import Unavailable
from core.log import get_logger
from core.parent import tie_command
from core.safety.masking import MASK
from core.serving.telemetry.metrics import remove_ended_folders
from core.settings import Settings
from core.web.exposure import check_app_exposure

ROOT = Path(__file__).resolve().parents[1]  # of the code; what people set is in their own folder
MLFLOW_PORT = 5000  # MLflow's own choice
LOCAL_MLFLOW = f"http://127.0.0.1:{MLFLOW_PORT}"
_STOP_SECONDS = 15.0
_MAX_PAUSE_SECONDS = 30.0
_SETTLED_SECONDS = 60.0  # a process that ran this long starts with a short pause again

log = get_logger(__name__)


class Component(StrEnum):
    """A part that can be started alone; MLflow's own pages are no part of `up`."""

    DASHBOARD = "dashboard"
    API = "API"
    WORKER = "worker"
    MLFLOW = "MLflow"


@dataclass
class Process:
    """One of the three: how it is started, and how it is now."""

    part: Component
    ready_url: str | None
    running: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0  # on the monotonic clock, in seconds, like the next
    restart_at: float = 0.0
    n_restarts: int = 0


def build_command(app: App, part: Component) -> list[str]:
    """The program and arguments that start one part: everybody on this machine can read them, so
    that secrets are in the environment."""
    settings = app.settings
    if part is Component.DASHBOARD:
        return [
            *(sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py")),
            *("--server.address", settings.host),
            *("--server.port", str(settings.dashboard_port)),
            *("--server.headless", "true"),
            *("--server.maxUploadSize", str(settings.upload_limit_mb)),
            *_build_tls(settings, "--server.sslCertFile", "--server.sslKeyFile"),
        ]
    if part is Component.API:
        return [
            *(sys.executable, "-m", "uvicorn", "core.api:create", "--factory"),
            *("--app-dir", str(ROOT)),
            *("--host", settings.host, "--port", str(settings.api_port)),
            *("--workers", str(settings.api_workers)),
            *("--log-level", "warning", "--no-access-log", "--no-server-header"),
            *_build_tls(settings, "--ssl-certfile", "--ssl-keyfile"),
            "--no-proxy-headers",  # who may say what of a caller is known to the guard
            *("--http", "core.web.protocol:GatheringProtocol"),
            *("--timeout-graceful-shutdown", "10"),
        ]
    if part is Component.MLFLOW:
        return [
            *(sys.executable, "-m", "mlflow", "ui"),
            *("--host", "127.0.0.1", "--port", str(MLFLOW_PORT)),
        ]
    return [sys.executable, "-m", "core", "worker"]


def build_url(settings: Settings, port: int) -> str:
    """Return the address at which a server of this machine answers.

    >>> from core.settings import parse_settings
    >>> build_url(parse_settings({}), 8000)
    'http://127.0.0.1:8000'
    """
    scheme = "https" if settings.tls_certificate else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{port}"


def describe_api(settings: Settings) -> str:
    """Return the line that says where the API answers.

    >>> from core.settings import parse_settings
    >>> describe_api(parse_settings({}))
    'API         http://127.0.0.1:8000   (documentation: http://127.0.0.1:8000/docs)'
    """
    url = build_url(settings, settings.api_port)
    return f"API         {url}   (documentation: {url}/docs)"


def build_mlflow_url(app: App) -> str:
    """Return the address of MLflow's own pages: the tracking server's, else that of `make mlflow`,
    without the secrets that the setting may hold."""
    parts = urllib.parse.urlsplit(app.registry.tracking_uri.masked)
    if parts.scheme in ("http", "https"):
        place = parts.netloc.removeprefix(f"{MASK}@")
        return f"{parts.scheme}://{place}{parts.path.rstrip('/')}"
    return LOCAL_MLFLOW


def become(app: App, part: Component, say: Callable[[str], None]) -> NoReturn:
    """Replace this process by one part; `say` tells the API's address, which its server does not.
    Raises `Refused` for an address beyond this machine without login and keys."""
    check_app_exposure(app, Path.cwd())
    command = build_command(app, part)
    shared: dict[str, str] = {}
    if part is Component.API:
        shared = prepare_metrics(app)
        say(describe_api(app.settings))
    if part is Component.MLFLOW:
        shared = {"MLFLOW_BACKEND_STORE_URI": app.registry.tracking_uri.reveal()}
    app.close()
    os.execve(command[0], command, {**os.environ, **environment(app), **shared})


def environment(app: App) -> dict[str, str]:
    """The settings as child processes get them, with the home folder made absolute; what proxies
    say is left to the gate."""
    return {
        **app.values,
        "PLUMBLINE_HOME": str(app.settings.home),
        "FORWARDED_ALLOW_IPS": "",
    }


def prepare_metrics(app: App) -> dict[str, str]:
    """Return the variables by which the workers of one API count together: an empty folder that
    only they have, none for one worker. The folders of APIs that have ended are removed, and no
    others. Raises `Unavailable` where the API cannot start."""
    settings = app.settings
    check_port(settings.host, settings.api_port, "PLUMBLINE_API_PORT")
    if settings.api_workers == 1:
        return {}
    above = settings.home / "metrics"
    above.mkdir(parents=True, exist_ok=True)
    remove_ended_folders(above)
    return {"PROMETHEUS_MULTIPROC_DIR": tempfile.mkdtemp(prefix="api-", dir=above)}


def check_port(host: str, port: int, variable: str) -> None:
    """Raise `Unavailable` where a port cannot be listened on."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Unavailable(
                f"Port {port} on {host} cannot be used ({error.strerror}): stop what listens "
                f"there, which may be an earlier Plumbline, or set {variable} to another port."
            ) from None


def run_all(app: App, environ: dict[str, str], say: Callable[[str], None]) -> None:
    """Start the three and keep them running until Ctrl-C or SIGTERM, then stop them.

    Raises `Unavailable` for a port in use and `Refused` for an address beyond this machine
    without login and keys, before anything is started."""
    settings = app.settings
    check_app_exposure(app, Path.cwd())
    check_port(settings.host, settings.dashboard_port, "PLUMBLINE_DASHBOARD_PORT")
    check_port(settings.host, settings.api_port, "PLUMBLINE_API_PORT")
    dashboard = build_url(settings, settings.dashboard_port)
    api = build_url(settings, settings.api_port)
    processes = [
        Process(Component.API, f"{api}/healthz"),
        Process(Component.DASHBOARD, f"{dashboard}/_stcore/health"),
        Process(Component.WORKER, None),
    ]
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    say("Starting dashboard, API and worker ...")
    try:
        for process in processes:
            _start(app, process, environ)
        if _wait_until_ready(processes, stopping):
            say(f"Dashboard   {dashboard}")
            say(describe_api(settings))
            say("Ctrl-C stops all three.")
        while not stopping.wait(0.5):
            for process in processes:
                _keep_running(app, process, environ, say)
    finally:
        say("Stopping ...")
        _stop(processes)


def _start(app: App, process: Process, environ: dict[str, str]) -> None:
    process.started_at = time.monotonic()
    shared = prepare_metrics(app) if process.part is Component.API else {}
    process.running = subprocess.Popen(
        tie_command(build_command(app, process.part)),
        env={**environ, **shared},
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches this process, which stops the others in order
    )


def _wait_until_ready(processes: list[Process], stopping: threading.Event) -> bool:
    """Return whether all answered before somebody stopped it; a process that died is left to be
    started again."""
    for process in processes:
        while process.ready_url and not _answers(process.ready_url):
            if stopping.wait(0.2):
                return False
            if process.running and process.running.poll() is not None:
                break
    return True


def _answers(url: str) -> bool:
    context = ssl.create_default_context()
    context.check_hostname = False  # nothing is told to it but that somebody asks: a certificate
    context.verify_mode = ssl.CERT_NONE  # for the name that others use is none for this address
    try:
        with urllib.request.urlopen(url, timeout=2, context=context) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _keep_running(
    app: App, process: Process, environ: dict[str, str], say: Callable[[str], None]
) -> None:
    """Start a process that ended again, after a pause that grows while it keeps ending."""
    if process.running is not None:
        code = process.running.poll()
        if code is None:
            return
        if time.monotonic() - process.started_at > _SETTLED_SECONDS:
            process.n_restarts = 0
        pause = pause_after(process.n_restarts + 1, 1.0, _MAX_PAUSE_SECONDS)
        say(f"The {process.part} ended (exit code {code}); it is started again in {pause:.0f} s.")
        log.warning("process_ended", part=process.part.value, code=code)
        process.running, process.restart_at = None, time.monotonic() + pause
        process.n_restarts += 1
    elif time.monotonic() >= process.restart_at:
        try:
            _start(app, process, environ)
        except Unavailable as error:
            pause = pause_after(process.n_restarts + 1, 1.0, _MAX_PAUSE_SECONDS)
            say(f"The {process.part} cannot be started again yet: {error}")
            process.restart_at = time.monotonic() + pause
            process.n_restarts += 1


def _build_tls(settings: Settings, certificate: str, key: str) -> tuple[str, ...]:
    """The arguments for HTTPS by their names in a server, none for HTTP."""
    if settings.tls_certificate is None:
        return ()
    return certificate, str(settings.tls_certificate), key, str(settings.tls_key)


def _stop(processes: list[Process]) -> None:
    running = [process.running for process in processes if process.running is not None]
    for child in running:
        child.terminate()
    deadline = time.monotonic() + _STOP_SECONDS
    for child in running:
        try:
            child.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
