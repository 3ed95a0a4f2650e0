"""Dashboard and API behind a real nginx with HTTPS and a path, as the how-to page configures it."""

import asyncio
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from core.bootstrap import build_app
from core.domain.installation import Scope
from core.registry import Registry
from core.serving.keys import create_key
from core.store.engine.database import Database
from core.up import Component, _answers, build_command, environment
from tests.api_processes import ROOT, ROW, add_linear_version, free_port, release, wait_until
from tests.e2e.product import open_browser
from tests.e2e.test_login import write_certificate
from tests.oidc import run_provider, write_secrets
from tests.people import person

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "how-to" / "proxy.md"
NAME = "ops.example.org"
BELOW = "/plumbline"
AROUND = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {server}
}}
"""


@dataclass
class Site:
    """An nginx, what is behind it, and somebody who comes to it."""

    port: int
    behind: dict[Component, int]
    key: dict[str, str]
    folder: Path

    @property
    def origin(self) -> str:
        """The scheme, name and port as browsers have them."""
        return f"https://{NAME}:{self.port}"

    def trust(self) -> ssl.SSLContext:
        """Belief in the certificate of this site alone."""
        trusting = ssl.create_default_context(cafile=self.folder / "chain.pem")
        trusting.check_hostname = False
        return trusting

    def open(self) -> httpx.Client:
        """A caller who finds the name at this machine."""
        return httpx.Client(
            base_url=f"https://127.0.0.1:{self.port}",
            headers={"host": f"{NAME}:{self.port}", "accept": "text/html"},
            verify=self.trust(),
            timeout=60,
        )

    def log_in(self, client: httpx.Client, page: str) -> httpx.Response:
        """Go to a page, through the login and back; the answer that gives the session."""
        prompt = client.get(page)
        assert prompt.status_code == 401
        link = re.findall(r'href="(/[^"]+)"', prompt.text)[0].replace("&amp;", "&")
        assert link.startswith(f"{BELOW}/auth/login?next=")
        begun = client.get(link)
        assert begun.status_code == 303, begun.text
        back = str(httpx.get(begun.headers["location"]).headers["location"])
        assert back.startswith(f"{self.origin}{BELOW}/oauth2callback?")
        return client.get(back.removeprefix(self.origin))

    def open_socket(self, cookie: str, origin: str, path: str = BELOW, port: int = 0) -> int:
        """The status that a websocket of the dashboard is answered with."""

        async def once() -> int:
            secure = None if port else self.trust()
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port or self.port, ssl=secure
            )
            writer.write(
                f"GET {path}/_stcore/stream HTTP/1.1\r\nHost: {NAME}:{self.port}\r\n"
                f"Origin: {origin}\r\nCookie: {cookie}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                "Sec-WebSocket-Protocol: streamlit\r\n\r\n".encode()
            )
            line = await reader.readline()
            writer.transport.abort()  # a close would wait for nginx to say that it closes TLS too
            with suppress(OSError):
                await writer.wait_closed()
            return int(line.split()[1])

        return asyncio.run(once())


def read_configuration(folder: Path, port: int, behind: dict[Component, int]) -> str:
    """The nginx configuration of the page, with this machine's ports and certificate."""
    [server] = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for written, meant in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/ops.pem", str(folder / "chain.pem")),
        ("/etc/ssl/ops.key", str(folder / "key.pem")),
        ("127.0.0.1:8000", f"127.0.0.1:{behind[Component.API]}"),
        ("127.0.0.1:8501", f"127.0.0.1:{behind[Component.DASHBOARD]}"),
    ):
        assert written in server
        server = server.replace(written, meant)
    return AROUND.format(folder=folder, server=server)


@pytest.fixture
def site(db: Database, home: Path, now: Callable[[], datetime], tmp_path: Path) -> Iterator[Site]:
    """A dashboard with a login and an API with a key behind nginx."""
    nginx = shutil.which("nginx")
    if nginx is None:
        pytest.skip("nginx is not installed (apt-get install nginx-light)")
    registry = Registry(home / "artifacts", "")
    release(db, registry, add_linear_version(db, registry, 0.0))
    port, api, dashboard = free_port(), free_port(), free_port()
    behind = {Component.API: api, Component.DASHBOARD: dashboard}
    write_certificate(tmp_path)
    url = f"https://{NAME}:{port}{BELOW}"
    values = {
        "PLUMBLINE_HOME": str(home),
        "PLUMBLINE_API_PORT": str(api),
        "PLUMBLINE_DASHBOARD_PORT": str(dashboard),
        "PLUMBLINE_PROXY": "on",
        "PLUMBLINE_PUBLIC_URL": url,
        "PLUMBLINE_ALLOWED_EMAILS": "ada@example.com",
    }
    with closing(build_app(values, now)) as app, ExitStack() as stack:
        _, text = create_key(app.db, "ci", frozenset(Scope), by=person("ada"), now=now())
        provider = stack.enter_context(run_provider())
        secrets = tmp_path / ".streamlit" / "secrets.toml"
        secrets.parent.mkdir()
        lines = [f'{key} = "{value}"' for key, value in write_secrets(provider.url, url).items()]
        secrets.write_text("\n".join(["[auth]", *lines]))
        (tmp_path / "nginx.conf").write_text(read_configuration(tmp_path, port, behind))
        commands = [build_command(app, part) for part in behind]
        environ = {**os.environ, **environment(app), "PYTHONPATH": str(ROOT)}
        for name, command in zip(
            ("api", "dashboard", "nginx"),
            [*commands, [nginx, "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)]],
            strict=True,
        ):
            said = stack.enter_context((tmp_path / f"{name}.log").open("wb"))
            process = subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=said, stdout=said)
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
        for path in ("/readyz", "/_stcore/health"):
            wait_until(lambda path=path: _answers(f"https://127.0.0.1:{port}{BELOW}{path}"))  # type: ignore[misc]
        yield Site(port, behind, {"authorization": f"Bearer {text}"}, tmp_path)


def test_behind_nginx_both_are_below_the_path_and_whoever_lies_gains_nothing(site: Site) -> None:
    """One test: its servers take ten seconds to start."""
    with site.open() as client:
        _check_api(site, client)
        _check_dashboard(site, client)


def _check_api(site: Site, client: httpx.Client) -> None:
    key, predict = site.key, f"{BELOW}/v1/predict"
    for path in (predict, f"{predict}/"):
        assert client.post(path, json=ROW, headers=key).status_code == 200
    assert client.post(predict, json=ROW).status_code == 401
    own = key | {"origin": site.origin}
    assert client.post(predict, json=ROW, headers=own).status_code == 200
    foreign = key | {"origin": "https://evil.example"}
    assert client.post(predict, json=ROW, headers=foreign).status_code == 403
    described = client.get(f"{BELOW}/openapi.json").json()
    assert described["servers"] == [{"url": BELOW}]
    shown = client.get(f"{BELOW}/docs")
    assert f'href="{BELOW}/openapi.json"' in shown.text
    assert "max-age" in shown.headers["strict-transport-security"]  # so it knows of the HTTPS

    # a page of another name, which a browser was told is at this address
    rebound = key | {"host": "evil.example"}
    for more in ({}, {"x-forwarded-host": NAME}, {"forwarded": f"host={NAME}"}):
        assert client.get(f"{BELOW}/v1/status", headers=rebound | more).status_code == 403
    # what a caller says of itself is overwritten by nginx ...
    liar = {
        "x-forwarded-for": "198.51.100.7",
        "forwarded": "for=198.51.100.7;host=evil.example;proto=http",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "http",
    }
    assert client.post(predict, json=ROW, headers=key | liar).status_code == 200
    assert client.post(predict, json=ROW, headers=liar).status_code == 401
    # ... and whoever goes around nginx as this machine has to use a trusted name in any case
    api = f"http://127.0.0.1:{site.behind[Component.API]}"
    for name in ("evil.example", f"{NAME}, evil.example"):
        around = httpx.get(f"{api}/healthz", headers={"x-forwarded-host": name})
        assert around.status_code == 403
    for path in (f"{BELOW}//v1/status", f"{BELOW}/%2e%2e{BELOW}/v1/status", "/v1/status"):
        assert client.get(path, headers=key).status_code == 404
    assert httpx.get(f"{api}/v1/status", headers=key).status_code == 200
    log = (site.folder / "api.log").read_text()
    assert "peer=127.0.0.1" in log
    assert "peer=198.51.100.7" not in log


def _check_dashboard(site: Site, client: httpx.Client) -> None:
    bare = client.get(f"{BELOW}?version=1")
    assert (bare.status_code, bare.headers["location"]) == (308, f"{BELOW}/?version=1")
    back = site.log_in(client, f"{BELOW}/deployments?version=1")
    assert back.headers["location"] == f"{BELOW}/deployments?version=1"
    cookies = back.headers.get_list("set-cookie")
    [session] = [one for one in cookies if one.startswith("__Secure-plumbline=")]
    assert {"path=/plumbline", "secure", "httponly"} <= set(session.lower().split("; "))
    cookie = session.partition(";")[0]
    signed = {"cookie": cookie}
    page = client.get(f"{BELOW}/deployments?version=1", headers=signed)
    assert page.status_code == 200
    assert "<title>Streamlit" in page.text
    slash = client.get(f"{BELOW}/deployments/", headers=signed)
    assert slash.headers["location"] == f"{BELOW}/deployments"
    [script] = re.findall(r'src="\./(static/js/index[^"]+)"', page.text)
    assert client.get(f"{BELOW}/{script}", headers=signed).status_code == 200
    assert client.get(f"{BELOW}/_stcore/host-config", headers=signed).status_code == 200

    assert site.open_socket(cookie, site.origin) == 101
    assert site.open_socket("", site.origin) == 403
    for origin in ("https://evil.example", "null", f"http://{NAME}:{site.port}"):
        assert site.open_socket(cookie, origin) == 403
    behind = site.behind[Component.DASHBOARD]
    assert site.open_socket(cookie, site.origin, path="", port=behind) == 101
    evil = {"host": "evil.example", "x-forwarded-host": f"{NAME}:{site.port}"}
    assert client.get(f"{BELOW}/", headers=signed | evil).status_code == 403
    for path in (f"{BELOW}//evil.example/", f"{BELOW}/%2e%2e/", f"{BELOW}/..%2f..%2fetc/passwd"):
        answer = client.get(path, headers=signed)
        assert answer.status_code in (200, 301, 400, 404)
        assert answer.headers.get("location", BELOW).startswith(BELOW)
        assert "root:" not in answer.text
    gone = client.post(f"{BELOW}/auth/logout", headers=signed)
    assert gone.headers["location"] == f"{BELOW}/auth/leave"
    assert client.get(f"{BELOW}/", headers=signed).status_code == 401


@pytest.mark.browser
def test_below_the_path_a_browser_logs_in_clicks_and_logs_out(site: Site) -> None:
    from playwright.sync_api import expect

    rule = f"--host-resolver-rules=MAP {NAME} 127.0.0.1"
    with open_browser(rule) as browser:
        page = browser.new_context(ignore_https_errors=True).new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{site.origin}{BELOW}/monitoring?window=7")
        page.get_by_role("link", name="Log in").click()
        expect(page.get_by_role("heading", name="Monitoring")).to_be_visible(timeout=60_000)
        assert page.url.startswith(f"{site.origin}{BELOW}/monitoring")
        page.get_by_role("link", name="System").click()
        expect(page.get_by_role("heading", name="System")).to_be_visible(timeout=60_000)
        assert page.url == f"{site.origin}{BELOW}/system"
        page.reload()
        expect(page.get_by_role("heading", name="System")).to_be_visible(timeout=60_000)
        assert {cookie["path"] for cookie in page.context.cookies(page.url)} == {BELOW}
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in to see this dashboard")).to_be_visible(
            timeout=60_000
        )
        assert page.url.startswith(f"{site.origin}{BELOW}/")
