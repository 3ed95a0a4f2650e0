"""The API as a process that others can reach: it guards itself however it is started, speaks TLS,
stands behind a real proxy, and keeps serving while others do not finish what they say."""

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core.bootstrap import build_app
from core.registry import Registry
from core.store.engine.database import Database
from core.up import Component, _answers, build_command, build_url
from tests.api_processes import (
    ROOT,
    ROW,
    add_linear_version,
    free_port,
    release,
    run_api,
    wait_until,
)

pytestmark = pytest.mark.slow

OTHER = "192.0.2.2"  # an address of nobody; here of a machine that the test alone can see
LOOK = f"""
import http.client, json, subprocess, sys, time
server = subprocess.Popen([sys.executable, "-m", "uvicorn", "core.api:create", "--factory",
    "--host", "0.0.0.0", "--port", "8000", "--log-level", "error"])
def ask(host, path, **headers):
    connection = http.client.HTTPConnection(host, 8000, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()
for _ in range(600):
    try:
        ask("127.0.0.1", "/healthz")
        break
    except OSError:
        time.sleep(0.1)
paths = ("/healthz", "/v1/status", "/docs", "/metrics")
local = {{"Host": "127.0.0.1:8000"}}
forwarded = local | {{"X-Forwarded-For": "127.0.0.1"}}
print(json.dumps([
    [ask("127.0.0.1", path)[0] for path in paths],
    [ask("{OTHER}", path)[0] for path in paths],
    [ask("{OTHER}", path, **local)[0] for path in paths],
    [ask("{OTHER}", path, **forwarded)[0] for path in paths],
    ask("{OTHER}", "/v1/status", **local)[1],
]))
server.kill()
"""


@pytest.fixture
def serving(db: Database, home: Path) -> Path:
    """A home folder with a version that serves."""
    registry = Registry(home / "artifacts", "")
    release(db, registry, add_linear_version(db, registry, 0.0))
    return home


def test_started_by_hand_on_every_address_it_answers_this_machine_alone(serving: Path) -> None:
    alone = ["unshare", "--map-root-user", "--net", "sh", "-c"]
    setup = f"ip link set lo up && ip addr add {OTHER}/32 dev lo"
    if subprocess.run([*alone, setup], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody make a network of their own (unshare, ip)")
    found = subprocess.run(
        [*alone, f'{setup} && exec "$0" -c "$1"', sys.executable, LOOK],
        cwd=ROOT,
        env={**os.environ, "PLUMBLINE_HOME": str(serving)},
        stdout=subprocess.PIPE,
        check=True,
        timeout=300,
    )
    here, there, disguised, forwarded, said = json.loads(found.stdout)
    assert here == [200] * 4
    assert there == disguised == forwarded == [403] * 4
    assert "keys create" in said


@pytest.mark.parametrize("variables", [{"PLUMBLINE_PROXY": "on"}, {"PLUMBLINE_HOST": "0.0.0.0"}])
def test_started_by_hand_it_refuses_to_be_reachable_without_login_and_key(
    home: Path, variables: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "uvicorn", "core.api:create", "--factory"]
    found = subprocess.run(
        [*command, "--port", str(free_port())],
        cwd=ROOT,
        env={**os.environ, "PLUMBLINE_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert found.returncode != 0
    assert next(iter(variables)) in found.stderr
    assert "set up a login" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, str]:
    """The settings of a certificate for this machine that nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "plumbline")])
    start = datetime.now(UTC) - timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=10))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    paths = {
        "PLUMBLINE_TLS_CERTIFICATE": made.public_bytes(serialization.Encoding.PEM),
        "PLUMBLINE_TLS_KEY": key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    }
    for variable, content in paths.items():
        (tmp_path / variable).write_bytes(content)
    return {variable: str(tmp_path / variable) for variable in paths}


def test_with_a_certificate_the_api_speaks_https_and_nothing_else(
    serving: Path, now: Callable[[], datetime], certificate: dict[str, str]
) -> None:
    port = free_port()
    values = {
        "PLUMBLINE_HOME": str(serving),
        "PLUMBLINE_API_PORT": str(port),
        **certificate,
    }
    with closing(build_app(values, now)) as app:
        command = build_command(app, Component.API)
        url = build_url(app.settings, port)
        dashboard = build_command(app, Component.DASHBOARD)
    assert url == f"https://127.0.0.1:{port}"
    at = dashboard.index("--server.sslCertFile")
    assert dashboard[at + 1 : at + 4 : 2] == list(certificate.values())
    trusting = ssl.create_default_context(cafile=certificate["PLUMBLINE_TLS_CERTIFICATE"])
    with run_command(command, values, lambda: _answers(f"{url}/readyz")):
        with httpx.Client(base_url=url, verify=trusting, timeout=30) as client:
            answer = client.post("/v1/predict", json=ROW)
            assert answer.status_code == 200
            assert "max-age" in answer.headers["strict-transport-security"]
            assert "server" not in answer.headers
            own = client.get("/healthz", headers={"origin": url})
            assert own.status_code == 200
            plain = url.replace("https:", "http:")
            assert client.get("/healthz", headers={"origin": plain}).status_code == 403
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=30)


def test_two_thousand_half_sent_requests_keep_nobody_out(serving: Path) -> None:
    with run_api(serving) as (url, _), ExitStack() as stack:
        port = int(url.rpartition(":")[2])
        halves = []
        for number in range(2_000):
            half = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            half.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            halves.append(half)
            if number % 100 == 0:
                assert httpx.post(f"{url}/v1/predict", json=ROW, timeout=30).status_code == 200
        assert httpx.post(f"{url}/v1/predict", json=ROW, timeout=30).status_code == 200
        assert [is_closed(half) for half in halves] == [True] * 2_000


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side ended a connection, within its time-out."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@contextmanager
def run_command(
    command: list[str],
    variables: dict[str, str],
    is_ready: Callable[[], bool],
    log: Path | None = None,
) -> Iterator[None]:
    """A server by its command, ready; stderr goes to a file where one is given."""
    with ExitStack() as stack:
        stderr = stack.enter_context(log.open("wb")) if log else None
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **variables}, stderr=stderr
        )
        try:
            wait_until(is_ready)
            yield
        finally:
            process.terminate()
            process.wait(30)
