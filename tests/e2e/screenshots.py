"""`make screenshots`: the pictures of the README, taken from the real product with demo data."""

import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
from playwright.sync_api import Page

from core.data.sources.demo import generate_demo
from core.settings import Scale
from tests.e2e.product import ROOT, Product, open_browser, run_product

PAGES = (
    *("overview", "data", "training", "experiments"),
    *("deployments", "decisions", "monitoring", "system"),
)
FOLDER = ROOT / "docs" / "images"
SEED = 9  # not the one that the rows to learn from are made with


def main() -> None:
    """Fill an installation the way a team would, and photograph every page."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        prepare(home)
        with run_product(home) as product, open_browser() as browser:
            send_traffic(product, n_requests=300)
            FOLDER.mkdir(parents=True, exist_ok=True)
            page = browser.new_page(
                viewport={"width": 1440, "height": 1000},
                color_scheme="light",
                bypass_csp=True,  # the policy forbids the script that waits below
            )
            for name in PAGES:
                photograph(page, product, name)


def prepare(home: Path) -> None:
    """Two versions on generated rows; the second one serves after the first."""
    for verb in (
        ("demo", "--rows", "4000"),
        ("train", "baseline"),
        ("train", "advanced"),
        ("deploy", "v1", "--reason", "the first that passed its gate"),
        ("deploy", "v2", "--reason", "less error on the same holdout rows"),
    ):
        subprocess.run(
            [sys.executable, "-m", "core", *verb],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "PLUMBLINE_HOME": str(home), "PLUMBLINE_USER": "ada"},
            check=True,
            stderr=subprocess.DEVNULL,
        )


def send_traffic(product: Product, n_requests: int) -> None:
    """Requests for rows that no version has seen; of four in five the truth becomes known."""
    fresh = generate_demo(n_requests, SEED, datetime.now(UTC), Scale(0.0, 100.0)).samples
    with httpx.Client(base_url=product.api, timeout=30) as api:
        for number, sample in enumerate(fresh):
            answer = api.post("/v1/predict", json={"features": dict(sample.features)}).json()
            if number % 5:
                body = {"prediction_id": answer["prediction_id"], "actual": sample.target}
                api.post("/v1/feedback", json=body)
    time.sleep(20)  # the schedule measures every fifteen seconds


def photograph(page: Page, product: Product, name: str) -> None:
    """One page, once everything on it has been drawn."""
    page.goto(product.dashboard if name == "overview" else f"{product.dashboard}/{name}")
    page.locator("h1").first.wait_for(timeout=60_000)
    page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length === 0")
    page.wait_for_timeout(3000)
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
