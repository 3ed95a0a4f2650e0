"""In a real browser no page of a store full of hostile texts loads anything or makes a link."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page

from core import bootstrap
from tests.e2e.product import START_SECONDS, open_browser, run_streamlit
from tests.pages import poison
from tests.pages.conftest import fill
from tests.pages.test_poisoned import STATES

pytestmark = pytest.mark.browser

_LINKS = """port => [...document.querySelectorAll("img, a, iframe, object, link, script, video")]
    .map(e => e.src || e.href || e.data || "").filter(at => String(at).includes(`:${port}`))"""


@contextmanager
def listen() -> Iterator[tuple[int, list[str]]]:
    """The port of a listener on this machine, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1]), asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_no_page_of_a_poisoned_store_asks_elsewhere_or_links_there(tmp_path: Path) -> None:
    home, now = tmp_path / "home", datetime.now(UTC)
    with listen() as (port, asked):
        app = bootstrap.build_app({"PLUMBLINE_HOME": str(home)}, lambda: now)
        fill(app)
        poison.poison(app, port)
        app.close()
        with (
            run_streamlit("app.py", PLUMBLINE_HOME=str(home)) as address,
            open_browser() as browser,
        ):
            # without the policy, which would stop what the escapes are to stop
            page = browser.new_page(viewport={"width": 1600, "height": 1200}, bypass_csp=True)
            said = ""
            # Monitoring first: the scheduler measures the segments anew within a minute
            for name, query in sorted(STATES, key=lambda state: state[0] != "monitoring"):
                page.goto(f"{address}/{name if name != 'overview' else ''}?{urlencode(query)}")
                _open_everything(page)
                said += page.inner_text("body")
                assert page.evaluate(_LINKS, port) == [], name
                assert page.locator("[data-testid=stException]").count() == 0, name
            for where in ("deployments.reason", "incident_events.message", "segment_reports.body"):
                assert poison.build_marker(where, port) in said
        assert asked == []


_STILL = """() => {
  const length = document.body.innerText.length
  if (window.seen !== length) { window.seen = length; window.since = Date.now() }
  return Date.now() - window.since > 1000
}"""
"""A page whose text has not changed for a second: Streamlit draws the end of a long one later."""


def _open_everything(page: Page) -> None:
    """Wait until the page is whole, then show what is folded."""
    page.locator("[data-testid=stMain] h1").wait_for(timeout=START_SECONDS * 1000)
    page.wait_for_function(
        "!document.querySelector('[data-testid=stStatusWidget], [data-testid=stSkeleton]')",
        timeout=START_SECONDS * 1000,
    )
    page.wait_for_function(_STILL, timeout=START_SECONDS * 1000)
    page.evaluate(
        "() => document.querySelectorAll('[data-testid=stExpander] details:not([open]) summary')"
        ".forEach(e => e.click())"
    )
    for tab in page.locator("[data-testid=stTab]").all():
        tab.click()
    for popover in page.locator("[data-testid=stPopover] button:enabled").all():
        popover.click()
        page.keyboard.press("Escape")
    page.wait_for_load_state("networkidle")
