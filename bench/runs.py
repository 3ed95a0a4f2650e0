"""The list of runs: pages of an MLflow store with 10,000 of them, at each order.

Run as `python -m bench.runs [N]`. The runs are written straight into the SQLite tables of a store
that MLflow has made in a temporary folder; what is timed is `Registry.load_run_page`, the call
behind the experiments page, and, where Chromium is installed, that page in it: from the address to
its title and to the first fifty runs, each time in a fresh browser session, and from choosing each
order to the runs in it."""

import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Locator

from core.log import configure
from core.registry import RUN_SORTS, Registry
from tests.e2e.product import open_browser, run_product
from ui.experiments.runs import SORTS, describe_order

N_RUNS, ROUNDS, PAGE = 10_000, 5, 50
METRICS = (
    *("version", "mae", "mae_low", "mae_high", "rmse", "r2", "accuracy", "skill", "seconds"),
    *("champion_mae", "improvement", "naive_mean_mae", "cv_mae_mean", "random_split_mae"),
)
PARAMS = ("seed", "split", "n_train", "n_holdout", "features", "snapshot", "search_max_depth")
START_MS = 1_780_000_000_000


def add_runs(path: Path, experiment_id: str, n: int) -> None:
    """Write runs as MLflow does: a row of each, its metrics (history and latest), params, tags."""
    names = [f"{number:032x}" for number in range(n)]
    with sqlite3.connect(path) as conn:
        conn.executemany(
            "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time,"
            " lifecycle_stage, experiment_id) VALUES (?, ?, 'LOCAL', 'ana', 'FINISHED', ?, ?,"
            " 'active', ?)",
            [
                (
                    name,
                    f"v{i + 1}",
                    START_MS + i * 60_000,
                    START_MS + i * 60_000 + 4_000,
                    experiment_id,
                )
                for i, name in enumerate(names)
            ],
        )
        values = [
            (key, float((i * 7_919 + k * 31) % n) if key != "version" else float(i + 1), name)
            for i, name in enumerate(names)
            for k, key in enumerate(METRICS)
        ]
        for table in ("metrics", "latest_metrics"):
            conn.executemany(
                f"INSERT INTO {table} (key, value, timestamp, run_uuid, step, is_nan)"
                " VALUES (?, ?, 0, ?, 0, 0)",
                values,
            )
        recipes = ("advanced", "baseline", "enhanced", "ensemble")
        conn.executemany(
            "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
            [("recipe", recipes[i % 4], name) for i, name in enumerate(names)]
            + [(key, str(i % 9), name) for i, name in enumerate(names) for key in PARAMS],
        )
        conn.executemany(
            "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)",
            [
                tag
                for i, name in enumerate(names)
                for tag in (("version", f"v{i + 1}", name), ("gate", "passed", name))
            ],
        )
    conn.close()


def time_page(registry: Registry, sort: str, token: str | None = None) -> float:
    """The median seconds of a page."""
    found = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        page = registry.load_run_page(PAGE, sort=sort, token=token)
        found.append(time.perf_counter() - started)
        if len(page.runs) != PAGE:
            raise RuntimeError(f"a page of {len(page.runs)} runs")
    return statistics.median(found)


def add_version(home: Path) -> None:
    """A version, without which the page has nothing to compare."""
    for verb in (("demo", "--rows", "300"), ("train", "baseline")):
        subprocess.run(
            [sys.executable, "-m", "core", *verb],
            env={**os.environ, "PLUMBLINE_HOME": str(home), "PLUMBLINE_USER": "bench"},
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def time_browser(home: Path) -> dict[str, float]:
    """The median seconds from the page's address to its title and to its first runs, each time in
    a fresh session; and from choosing an order to the first runs in it."""
    found: dict[str, list[float]] = {}

    def wait(name: str, locator: Locator, started: float) -> None:
        locator.wait_for(timeout=120_000)
        found.setdefault(name, []).append(time.perf_counter() - started)

    with run_product(home) as product, open_browser() as browser:
        for _ in range(ROUNDS + 1):  # the first one makes the server import
            page = browser.new_page(viewport={"width": 1440, "height": 1000})
            started = time.perf_counter()
            page.goto(f"{product.dashboard}/experiments", wait_until="commit")
            wait("title", page.locator("h1", has_text="Experiments"), started)
            wait("the first runs", page.get_by_text(f"Runs 1 to {PAGE}"), started)
            for sort in [sort for sort in RUN_SORTS if sort != "started_at"]:
                order = describe_order(sort)
                page.get_by_role("combobox", name="Sort by").click()
                option = page.get_by_role("option", name=SORTS[sort], exact=True)
                option.wait_for()
                started = time.perf_counter()
                option.click()
                wait(f"runs {order}", page.get_by_text(f"Runs 1 to {PAGE}, {order}"), started)
            page.close()
    return {name: statistics.median(seconds[1:]) for name, seconds in found.items()}


def main(n: int) -> None:
    """Fill a store and print what its pages cost."""
    configure()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        add_version(home)
        path = home / "mlflow.db"
        registry = Registry(home / "artifacts", f"sqlite:///{path}")
        registry.prepare()
        experiment_id = registry.load_run_page(1).experiment_id
        add_runs(path, experiment_id, n)
        registry.count_rows()
        print(f"{n:,} runs, pages of {PAGE}, median of {ROUNDS}")
        token: str | None = None
        for sort in RUN_SORTS:
            print(f"  by {sort:<12} {time_page(registry, sort) * 1e3:7.0f} ms")
        n_pages = 20
        for _ in range(n_pages):
            token = registry.load_run_page(PAGE, token=token).next_token
        print(f"  page {n_pages + 1:<12} {time_page(registry, 'started_at', token) * 1e3:7.0f} ms")
        if shutil.which("chromium") or shutil.which("google-chrome"):
            for name, seconds in time_browser(home).items():
                print(f"  in Chromium: {name:<28} {seconds * 1e3:7.0f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else N_RUNS)
