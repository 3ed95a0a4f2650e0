"""What a load generator counts is what the store counts, by outcome and kind of request, whatever
goes wrong: bodies that are none, slow lines, a locked store, a full disk, too many calls."""

import resource
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import Popen
from urllib.parse import urlsplit

import httpx
import pytest

from core.domain.prediction import AnswerSource, Route
from core.monitoring.measure.rollup_updates import load_window, measure
from core.monitoring.measure.traffic import Traffic, summarize_traffic
from core.registry import Registry
from core.store.engine.database import Database
from core.store.predictions.unanswered import load_unanswered
from tests.api_processes import ROW, add_linear_version, release, run_api, wait_until
from tests.streams import SCALE, TOLERANCE

pytestmark = pytest.mark.slow

Counted = Counter[tuple[str, str]]
"""How many requests of a kind had an outcome."""

LOCKED_SECONDS = 12.0  # longer than callers are kept waiting


class Generator:
    """Sends requests from threads, and counts what came back."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.counted: Counted = Counter()
        self._client = httpx.Client(base_url=url, timeout=60)
        self._threads = ThreadPoolExecutor(8)

    def close(self) -> None:
        self._threads.shutdown()
        self._client.close()

    def send(self, n: int, body: object, route: Route = Route.SINGLE) -> Counted:
        """Send a body so often, at once; what came of these."""
        path = "/v1/predict" if route is Route.SINGLE else "/v1/predict/batch"
        content = {"content": body} if isinstance(body, bytes) else {"json": body}

        def once(_: int) -> tuple[str, str]:
            reply = self._client.post(path, **content)  # type: ignore[arg-type]
            return route.value, read_outcome(reply.status_code, reply.json())

        came = Counter(self._threads.map(once, range(n)))
        self.counted += came
        return came

    def dribble(self, seconds: float) -> None:
        """Send a body on a slow line."""
        at = urlsplit(self.url)
        content = b'{"features": {"codeQuality": 80, "testCoverage": 60}}'
        head = f"POST /v1/predict HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Type: application/json"
        head += f"\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        with socket.create_connection((at.hostname, at.port), timeout=30) as line:
            line.sendall(head.encode() + content[:5])
            time.sleep(seconds)  # the line is slow: that is what is tried
            line.sendall(content[5:])
            answer = b"".join(iter(lambda: line.recv(65_536), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        self.counted["single", "model"] += 1


def read_outcome(status: int, content: dict[str, object]) -> str:
    """Whose mistake an answer says it is, or who answered."""
    if status == 200:
        rows = content.get("predictions", [content])
        assert isinstance(rows, list)
        sources = {row["source"] for row in rows}
        return "heuristic" if "heuristic" in sources else "model"
    return "refused" if status < 500 else "failed"


@contextmanager
def locked(db: Database) -> Iterator[None]:
    """Hold the store's write lock."""
    with closing(sqlite3.connect(str(db.engine.url.database))) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.rollback()


@contextmanager
def full_disk(pid: int) -> Iterator[None]:
    """Let a process write no file any longer than a page."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def generate(home: Path, **variables: str) -> Iterator[tuple[Generator, "Popen[bytes]"]]:
    """A load generator at an API that is stopped, as a person stops it, in the end."""
    with run_api(home, **variables) as (url, process):
        with closing(Generator(url)) as generator:
            yield generator, process
        process.terminate()
        process.wait(30)


@pytest.fixture
def registry(db: Database, home: Path) -> Registry:
    """A registry whose one version serves."""
    registry = Registry(home / "artifacts", f"sqlite:///{home / 'mlflow.db'}")
    release(db, registry, add_linear_version(db, registry, 0.0))
    return registry


def load_traffic(db: Database) -> Traffic:
    now = datetime.now(UTC) + timedelta(minutes=1)
    measure(db, now, scale=SCALE, tolerance=TOLERANCE)
    with db.read() as conn:
        from_at = now - timedelta(hours=1)
        counted = load_window(conn, from_at, now)
        missed = load_unanswered(conn, from_at, now)
    return summarize_traffic(counted, from_at, now, scale=SCALE, unanswered=missed)


def count_ours(traffic: Traffic) -> Counted:
    ours: Counted = Counter()
    for route, counts in traffic.routes.items():
        ours[route.value, "model"] = counts.n_model
        ours[route.value, "heuristic"] = counts.n_heuristic
        ours[route.value, "failed"] = counts.n_failed
        ours[route.value, "refused"] = counts.n_refused
    return +ours


def until_well(send: Callable[[], Counted]) -> None:
    """Send until the store takes writes again."""
    wait_until(lambda: set(send()) == {("single", "model")})


@pytest.mark.usefixtures("registry")
def test_a_load_generator_and_the_store_count_the_same_whatever_goes_wrong(
    db: Database, home: Path
) -> None:
    with generate(home) as (generator, process):
        generator.send(40, ROW)
        generator.send(5, {"rows": [ROW] * 20}, Route.BATCH)
        generator.send(5, {"rows": [ROW] * 400}, Route.BATCH)  # answered by columns
        generator.send(3, {"rows": [ROW, {"features": {}}]}, Route.BATCH)
        refused = [(b"{", Route.SINGLE), (b'{"rows": 1}', Route.BATCH), (b"", Route.SINGLE)]
        for body, route in refused:
            assert set(generator.send(7, body, route)) == {(route.value, "refused")}
        assert set(generator.send(9, {"features": {}})) == {("single", "refused")}
        assert set(generator.send(4, {"rows": [{"features": {}}]}, Route.BATCH)) == {
            ("batch", "refused")
        }
        generator.dribble(1.5)
        with locked(db), ThreadPoolExecutor(2) as both:
            waiting = both.submit(generator.send, 16, ROW)
            batches = both.submit(generator.send, 3, {"rows": [ROW] * 20}, Route.BATCH)
            time.sleep(LOCKED_SECONDS)  # what the callers are given is what is looked at
        assert waiting.result()["single", "failed"] >= 8
        batches.result()
        until_well(lambda: generator.send(1, ROW))
        with full_disk(process.pid):
            assert set(generator.send(60, ROW)) == {("single", "failed")}
            assert set(generator.send(4, {"rows": [ROW] * 20}, Route.BATCH)) == {
                ("batch", "failed")
            }
        until_well(lambda: generator.send(1, ROW))
    traffic = load_traffic(db)
    assert count_ours(traffic) == generator.counted
    causes = {one.cause for one in traffic.unanswered if one.source is AnswerSource.FAILED}
    assert causes == {"store"}
    p99 = traffic.routes[Route.SINGLE].p99_ms
    assert p99 is not None
    assert p99 < 1_000  # the slow line took longer


@pytest.mark.usefixtures("registry")
def test_calls_beyond_the_rate_are_counted_as_refused(db: Database, home: Path) -> None:
    with generate(home, PLUMBLINE_RATE_LIMIT="5") as (generator, _):
        assert generator.send(80, ROW)["single", "refused"] >= 40
    traffic = load_traffic(db)
    assert count_ours(traffic) == generator.counted
    assert {one.cause for one in traffic.unanswered} == {"too_many"}
