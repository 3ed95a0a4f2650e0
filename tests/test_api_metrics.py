"""`/metrics` of several workers: whoever answers speaks for all, and a killed one takes nothing
along."""

import os
import signal
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.registry import Registry
from core.store.engine.database import Database
from tests.api_processes import (
    ROW,
    add_linear_version,
    find_workers,
    is_ready,
    release,
    run_api,
    wait_until,
)

pytestmark = pytest.mark.slow

N_REQUESTS, N_LOOKS = 60, 12


def ask(url: str) -> None:
    """Each on a connection of its own, which either worker may take."""
    assert httpx.post(f"{url}/v1/predict", json=ROW, timeout=30).json()["source"] == "model"


def count(url: str) -> tuple[float, float]:
    """The predictions and the gauges of deployments followed, as one of the workers says it."""
    text = httpx.get(f"{url}/metrics", timeout=30).text
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return (
        samples.get("plumbline_predictions_total", 0.0),
        samples["plumbline_deployment_revision"],
    )


def test_counters_add_up_over_workers_and_never_go_back(db: Database, home: Path) -> None:
    registry = Registry(home / "artifacts", "")
    release(db, registry, add_linear_version(db, registry, 0.0))
    with run_api(home, n_workers=2, as_verb=True) as (url, process):
        wait_until(lambda: len(find_workers(process.pid)) == 2)
        for _ in range(N_REQUESTS):
            ask(url)
        assert {count(url) for _ in range(N_LOOKS)} == {(N_REQUESTS, 1.0)}
        before = find_workers(process.pid)
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda: len(set(find_workers(process.pid)) - set(before)) == 1)
        wait_until(lambda: is_ready(url))
        assert count(url)[0] == N_REQUESTS
        for _ in range(N_REQUESTS):
            ask(url)
        assert {count(url) for _ in range(N_LOOKS)} == {(2 * N_REQUESTS, 1.0)}
        live = {path.name for path in (home / "metrics").glob("api-*/gauge_live*.db")}
        assert not any(name.endswith(f"_{before[0]}.db") for name in live)
