"""What one hostile key takes from the others: their p50 and p99, before it comes and while it sends
what it can at full speed.

Run as `python -m bench.hostile`. One API process of the benchmark's model, started as `make run`
starts it; four connections of an ordinary key ask for single rows one after the other, and then a
hostile key sends, over eight connections, each kind of body for some seconds."""

import asyncio
import json
import os
import shutil
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import httpx

from bench.peers.model import body_path
from bench.serving import DATA, HOME, PATH, PORT, list_servers, prepare_model, run
from core.bootstrap import build_app
from core.domain.actor import Actor, Role
from core.domain.installation import Scope
from core.serving.keys import create_key

SECONDS, N_CALLERS, N_HOSTILE = 6.0, 4, 8
URL = f"http://127.0.0.1:{PORT}"
FEATURES = json.dumps({f"f{i}": i for i in range(400_000)})

BENCH = Actor("bench", Role.ADMIN)


def list_attacks() -> dict[str, tuple[str, bytes]]:
    """Each kind of body with where it is sent."""
    row = {"features": {f"f{i}": i for i in range(1_900)}}
    return {
        "400,000 features": (PATH, f'{{"features": {FEATURES}}}'.encode()),
        "400,000 features in a batch": (
            f"{PATH}/batch",
            f'{{"rows": [{{"features": {FEATURES}}}]}}'.encode(),
        ),
        "the largest row": (
            PATH,
            json.dumps(row | {"text": "x" * 490_000}).encode(),
        ),
        "batches of 150 wide rows": (f"{PATH}/batch", json.dumps({"rows": [row] * 150}).encode()),
        "small rows": (PATH, b'{"features": {"a": 1}}'),
        "wrong bodies": (PATH, b'{"features": {"a": [' * 1_000),
    }


async def ask(key: str, path: str, body: bytes, until: float, seconds: list[float]) -> None:
    """Ask again and again on one connection until then, and note what each answer took."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    async with httpx.AsyncClient(base_url=URL, headers=headers, timeout=60) as client:
        while time.perf_counter() < until:
            started = time.perf_counter()
            await client.post(path, content=body)
            seconds.append(time.perf_counter() - started)


def attack(key: str, path: str, body: bytes, seconds: float) -> int:
    """Run the hostile key's connections; how many requests were answered."""

    async def all_of_them() -> int:
        until = time.perf_counter() + seconds
        took: list[float] = []
        await asyncio.gather(*(ask(key, path, body, until, took) for _ in range(N_HOSTILE)))
        return len(took)

    return asyncio.run(all_of_them())


def measure(key: str, body: bytes, seconds: float) -> list[float]:
    """What the ordinary callers' answers took."""

    async def all_of_them() -> list[float]:
        until = time.perf_counter() + seconds
        took: list[float] = []
        await asyncio.gather(*(ask(key, PATH, body, until, took) for _ in range(N_CALLERS)))
        return took

    return asyncio.run(all_of_them())


def describe(took: Sequence[float]) -> str:
    """Answers, median and 99th percentile."""
    cuts = statistics.quantiles(took, n=100)
    return (
        f"{len(took) / SECONDS:7.0f}/s   p50 {cuts[49] * 1e3:7.2f}   p99 {cuts[98] * 1e3:8.2f} ms"
    )


def main() -> None:
    """Measure and print."""
    prepare_model()
    home = DATA / "hostile"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(DATA / "home", home)  # keys would close the other benchmarks' one
    found = next(server for server in list_servers() if server.name == "Plumbline, process")
    server = replace(found, environment={HOME: str(home)})
    row = body_path(DATA, "plumbline", 0).read_bytes()
    with run(server):
        with closing(build_app({HOME: str(home)})) as app:
            keys = [
                create_key(app.db, name, frozenset({Scope.PREDICT}), by=BENCH, now=app.now())[1]
                for name in ("ordinary", "hostile")
            ]
        measure(keys[0], row, 2.0)  # and the process has read the keys
        print(f"{'nobody hostile':32}{describe(measure(keys[0], row, SECONDS))}")
        for name, (path, content) in list_attacks().items():
            child = os.fork()
            if child == 0:
                n_answered = attack(keys[1], path, content, SECONDS + 1)
                print(f"{'':32}{n_answered} hostile requests answered", flush=True)
                os._exit(0)
            time.sleep(0.5)
            print(f"{name:32}{describe(measure(keys[0], row, SECONDS))}", flush=True)
            os.waitpid(child, 0)


if __name__ == "__main__":
    main()
