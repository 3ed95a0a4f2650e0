"""A request with a secret goes to its own address only, wherever that sends it on to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import anyio
import pytest
import stamina
from authlib.integrations.httpx_client import AsyncOAuth2Client

from core.alerts.channels import open_channels, send, send_heartbeat
from core.client import PlumblineClient
from core.data.tables.supabase import Project
from core.domain.incident import Message
from core.errors import Refused, Unavailable
from core.registry import Registry

KEY = "canary-4711-0815-geheim"


class Site:
    """A web server on this machine: the first lines and headers of what it was asked. It sends
    everybody on to `onward`, if that is given."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.onward = ""
        self.status = 307
        self.url = ""


@contextmanager
def run_site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            site.asked.append(f"{self.requestline}\n{self.headers}\n{body.decode()}")
            self.send_response(site.status if site.onward else 200)
            if site.onward:
                self.send_header("Location", site.onward + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = do_HEAD = answer

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(params=[301, 302, 303, 307, 308])
def sites(request: pytest.FixtureRequest) -> Iterator[tuple[Site, Site]]:
    """A site that sends everybody on, and where it sends them."""
    with run_site() as front, run_site() as other, stamina.set_testing(True, attempts=1):
        front.onward, front.status = other.url, request.param
        yield front, other


def ask_supabase(front: Site) -> None:
    project = Project(front.url, KEY)
    try:
        with pytest.raises(Refused, match="sends the request on to another address") as caught:
            project.load_first("ratings")
        assert KEY not in str(caught.value)
    finally:
        project.close()


def beat(front: Site) -> None:
    with pytest.raises(Unavailable, match=f"it answered {front.status}") as caught:
        send_heartbeat(f"{front.url}/{KEY}")
    assert KEY not in str(caught.value)


def notify(front: Site) -> None:
    place = front.url.removeprefix("http://")
    [receipt] = send(
        open_channels([f"json://ana:{KEY}@{place}/hook?+X-Token={KEY}"]), [Message("a", "b", True)]
    )
    assert receipt.error is not None
    assert KEY not in receipt.error + receipt.label


def send_label(front: Site) -> None:
    with PlumblineClient(front.url, KEY) as client:
        answer = client.predict({"codeQuality": 80})
        assert answer.source == "client_fallback"
        assert f"sends callers on to {front.onward}/v1/predict" in str(answer.reason)
        assert client.feedback("p1", 71).outcome == "lost"  # there is no spool


def log_in(front: Site) -> None:
    """As the dashboard's login fetches a token, which takes the client's secret."""

    async def fetch() -> None:
        async with AsyncOAuth2Client("plumbline", KEY) as client:
            with pytest.raises(Exception):  # noqa: B017, PT011  # whatever it makes of it
                await client.fetch_token(f"{front.url}/token", code="c")

    anyio.run(fetch)


@pytest.mark.parametrize(
    "ask", [ask_supabase, beat, notify, send_label, log_in], ids=lambda ask: ask.__name__
)
def test_no_client_follows_to_another_address(
    sites: tuple[Site, Site], ask: Callable[[Site], None]
) -> None:
    front, other = sites
    ask(front)
    assert any(KEY in asked or "Basic" in asked for asked in front.asked)
    assert other.asked == []


@pytest.mark.slow
def test_mlflow_does_not_follow_to_another_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ALLOW_HTTP_REDIRECTS", "HTTP_REQUEST_MAX_RETRIES", "HTTP_REQUEST_TIMEOUT"):
        monkeypatch.delenv(f"MLFLOW_{name}", raising=False)
    with run_site() as front, run_site() as other:
        front.onward = other.url
        address = front.url.replace("//", f"//ana:{quote(KEY)}@")
        with pytest.raises(Unavailable) as caught:
            Registry(tmp_path / "artifacts", address).list_runs()
        assert KEY not in str(caught.value)
        assert "authorization: basic" in front.asked[0].lower()
        assert other.asked == []
