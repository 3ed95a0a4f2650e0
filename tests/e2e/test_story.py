"""The whole story in a real browser: from a file to a deployed model, and back again."""

import csv
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.product import Product, open_browser, run_product

pytestmark = pytest.mark.browser

MINUTE_MS = 60_000
expect.set_options(timeout=MINUTE_MS)
WORDS = ("python", "sql", "prose")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with run_product(tmp_path_factory.mktemp("story") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    opened = context.new_page()
    opened.set_default_timeout(MINUTE_MS)
    yield opened
    context.close()


def work(number: int, draw: random.Random) -> dict[str, float | str]:
    """A piece of work whose score follows from its measurements, but for some noise."""
    tests, length, kind = draw.uniform(0, 100), draw.uniform(10, 400), draw.choice(WORDS)
    score = 30 + 0.5 * tests - 0.03 * length + 6 * (kind == "sql") + draw.gauss(0, 3)
    return {
        "created_at": (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)).isoformat(),
        "tests": round(tests, 2),
        "length": round(length, 1),
        "kind": kind,
        "score": round(min(max(score, 0.0), 100.0), 2),
    }


def write_file(path: Path, n_rows: int) -> Path:
    draw = random.Random(3)
    rows = [work(number, draw) for number in range(n_rows)]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def train(page: Page, product: Product, recipe: str, version: str) -> None:
    page.goto(f"{product.dashboard}/training")
    page.locator(".st-key-recipe input").first.click()
    page.get_by_role("option", name=re.compile(f"^{recipe}:")).click()
    page.locator(".st-key-train_now button").click()
    expect(page.get_by_role("combobox", name="Report of")).to_have_value(
        re.compile(f"^{version}\\b")
    )


def deploy(page: Page, product: Product, version: str, reason: str) -> None:
    page.goto(f"{product.dashboard}/deployments?version={version.removeprefix('v')}")
    page.get_by_role("button", name=f"Deploy {version}", exact=False).first.click()
    page.get_by_label("Reason").locator("visible=true").fill(reason)
    page.get_by_role("button", name=f"Deploy {version} now").click()
    wait_until_served(page, product, version)


def wait_until_served(page: Page, product: Product, version: str) -> None:
    """The page says it at once; the API follows within a second, or later on a busy machine."""
    expect(page.get_by_role("heading", name=f"{version} serves")).to_be_visible()
    for _ in range(150):
        if httpx.get(f"{product.api}/readyz", timeout=30).json()["version"] == version:
            return
        page.wait_for_timeout(200)
    pytest.fail(f"The API does not serve {version} after 30 s.")


def ask(product: Product, number: int, draw: random.Random) -> tuple[dict[str, object], float]:
    """One request of a caller, and what will turn out to be true."""
    row = work(number, draw)
    truth = float(row.pop("score"))
    row.pop("created_at")
    answer = httpx.post(f"{product.api}/v1/predict", json={"features": row}, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json(), truth


def test_from_a_file_to_a_deployed_model_and_back(
    page: Page, product: Product, tmp_path: Path
) -> None:
    # An empty installation says that nothing is known, and what to do first.
    page.goto(product.dashboard)
    expect(page.get_by_text("Unknown").first).to_be_visible()

    # Import a file.
    page.goto(f"{product.dashboard}/data")
    page.locator("input[type=file]").set_input_files(write_file(tmp_path / "reviews.csv", 800))
    page.locator(".st-key-import_now button").click()
    expect(page.get_by_text("800 new rows").first).to_be_visible()
    expect(page.get_by_role("heading", name="Rows", exact=True)).to_be_visible()

    # Train two versions, each with its verdict.
    train(page, product, "baseline", "v1")
    train(page, product, "advanced", "v2")

    # Deploy the first; the API follows without a restart.
    deploy(page, product, "v1", "the first one")
    draw = random.Random(7)
    first, _ = ask(product, 0, draw)
    assert (first["version"], first["source"]) == ("v1", "model")

    # Predictions and what turned out to be true, over HTTP.
    for number in range(60):
        answer, truth = ask(product, number, draw)
        given = httpx.post(
            f"{product.api}/v1/feedback",
            json={"prediction_id": answer["prediction_id"], "actual": truth},
            timeout=30,
        )
        assert given.status_code == 201, given.text

    # The accuracy shows up, with its labels.
    page.goto(f"{product.dashboard}/monitoring")
    expect(page.get_by_text("60 labelled").first).to_be_visible()

    # Deploy the second, then roll back in two clicks.
    deploy(page, product, "v2", "trees")
    second, _ = ask(product, 0, draw)
    assert second["version"] == "v2"
    page.get_by_role("button", name="Roll back to v1").first.click()
    page.get_by_label("Reason").locator("visible=true").fill("the first was fine")
    page.get_by_role("button", name="Roll back to v1 now").click()
    wait_until_served(page, product, "v1")
    third, _ = ask(product, 0, draw)
    assert third["version"] == "v1"
    expect(page.get_by_text("the first was fine").first).to_be_visible()
