"""Somebody who has never seen the page rolls back: two clicks and a few words, in ten seconds."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.bootstrap import build_app
from core.deployment.release import deploy
from core.store.models import deployments
from tests.api_processes import add_linear_version
from tests.e2e.product import open_browser, run_product
from tests.people import person

pytestmark = pytest.mark.browser

MINUTE_MS = 60_000


def test_rolling_back_takes_two_clicks_and_less_than_ten_seconds(tmp_path: Path) -> None:
    """From the moment at which the page is opened to the one at which it says what serves."""
    home = tmp_path / "home"
    app = build_app({"PLUMBLINE_HOME": str(home), "PLUMBLINE_USER": "ada"})
    for offset in (0.0, 10.0):
        number = add_linear_version(app.db, app.registry, offset)
        deploy(
            app.db,
            app.registry,
            number,
            reason="tests",
            by=person("ada"),
            override=False,
            now=datetime.now(UTC),
        )
    with run_product(home) as product, open_browser() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(MINUTE_MS)
        page.goto(product.dashboard)  # the first visit of all makes the process import its pages
        expect(page.get_by_text("Serves: v2")).to_be_visible(timeout=MINUTE_MS)
        page.wait_for_timeout(20_000)  # a dashboard has been running when something goes wrong
        opened = time.monotonic()
        page.goto(f"{product.dashboard}/deployments")
        button = page.get_by_role("button", name="Roll back to v1").first
        button.wait_for()
        box = button.bounding_box()
        assert box is not None
        assert box["y"] < 900, "the way back is not on the first screen"
        button.click()
        page.get_by_label("Reason").locator("visible=true").fill("it got worse")
        page.get_by_role("button", name="Roll back to v1 now").click()
        expect(page.get_by_role("heading", name="v1 serves")).to_be_visible(timeout=MINUTE_MS)
        seconds = time.monotonic() - opened
        expect(page.get_by_text(re.compile("Rolled back from v2 to v1"))).to_be_visible()
    with app.db.read() as conn:
        newest = deployments.load_history(conn)[-1]
    app.close()
    assert (newest.plan.champion, newest.by, newest.reason) == (1, "ada", "it got worse")
    assert seconds < 10, f"it took {seconds:.1f} s"
