"""What somebody without a login can cost the dashboard: nothing that anybody notices."""

import asyncio
import re
import time
from pathlib import Path

import httpx
import pytest

from tests.oidc import write_secrets
from tests.ui.test_server import answers, find_port, serve, wait_until

N_SOCKETS = 1_000
N_UPLOADS = 4
UPLOAD_BYTES = 180 * 2**20
PIECE = b"x" * 2**16

pytestmark = pytest.mark.slow


def read_megabytes(pid: int) -> float:
    """The memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024


async def open_socket(port: int, origin: str) -> bytes:
    """The first line that a websocket is answered. For a foreign origin, Streamlit would ask a
    server of the internet for its own address, and answer nobody meanwhile."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /_stcore/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {origin}\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: streamlit\r\n\r\n".encode()
    )
    line = await reader.readline()
    writer.close()
    return line


async def upload(port: int, number: int) -> bytes:
    """The first line that an upload is answered, of which as much is sent as is taken."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"PUT /_stcore/upload_file/session/{number} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Length: {UPLOAD_BYTES}\r\n\r\n".encode()
    )
    try:
        for _ in range(UPLOAD_BYTES // len(PIECE)):
            writer.write(PIECE)
            await writer.drain()
    except ConnectionError:
        pass  # it listens no longer
    try:
        return await reader.readline()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def watch_health(url: str, slowest: list[float], done: asyncio.Event) -> None:
    """Ask whether the server is well, until it is enough."""
    async with httpx.AsyncClient(timeout=30) as client:
        while not done.is_set():
            started = time.monotonic()
            assert (await client.get(f"{url}/_stcore/health")).status_code == 200
            slowest.append(time.monotonic() - started)
            await asyncio.sleep(0.02)


def test_a_thousand_sockets_and_four_large_uploads_cost_nothing(tmp_path: Path, home: Path) -> None:
    port = find_port()
    secrets = tmp_path / ".streamlit" / "secrets.toml"
    secrets.parent.mkdir()
    section = write_secrets("https://id.invalid", f"http://127.0.0.1:{port}")
    lines = [f'{name} = "{value}"' for name, value in section.items()]
    secrets.write_text("\n".join(["[auth]", *lines]))

    async def storm(url: str) -> tuple[list[bytes], list[bytes], list[float]]:
        slowest: list[float] = []
        done = asyncio.Event()
        watching = asyncio.create_task(watch_health(url, slowest, done))
        uploads = [asyncio.create_task(upload(port, number)) for number in range(N_UPLOADS)]
        sockets: list[bytes] = []
        for _ in range(N_SOCKETS // 50):
            origins = [url, "http://evil.example"] * 25
            sockets += await asyncio.gather(*(open_socket(port, origin) for origin in origins))
        answered = await asyncio.gather(*uploads)
        done.set()
        await watching
        return sockets, answered, slowest

    with serve(tmp_path, home, port=port) as (url, process):
        wait_until(lambda: answers(f"{url}/_stcore/health"), "the server's start")
        wait_until(lambda: (home / "plumbline.db").exists(), "the scheduler's start")
        for _ in range(20):  # what the first answers import is not theirs
            httpx.get(url)
        before = read_megabytes(process.pid)
        sockets, answered, times = asyncio.run(storm(url))
        grown = read_megabytes(process.pid) - before
    print(f"{grown:.1f} MB more; health in {max(times):.3f} s at most, {len(times)} asked")
    assert len(sockets) == N_SOCKETS
    assert {line.split()[1] for line in sockets} == {b"403"}
    assert {line.split()[1] for line in answered if line} <= {b"401"}
    assert grown < 50
    assert max(times) < 0.5
