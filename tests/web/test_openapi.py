"""`/docs` needs nothing but itself, and nothing of another server or of what it describes can run
in it."""

import asyncio
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from core.store.engine.database import Database
from core.web.openapi import build_docs
from tests.api_in_process import Reply, ask, make_api, run_lifespan


def test_the_page_loads_nothing_and_its_policy_allows_nothing_but_its_style(
    db: Database, now: Callable[[], datetime]
) -> None:
    api = make_api(db, now)

    async def look() -> list[Reply]:
        async with run_lifespan(api):
            return [await ask(api, "GET", path) for path in ("/docs", "/docs", "/redoc")]

    page, again, gone = asyncio.run(look())
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert again.content == page.content
    assert gone.status == 404
    text = page.content.decode()
    for path in api.openapi()["paths"]:
        assert path in text
    assert "PredictBody" in text
    assert not re.search(r"<script|<link|<img|\bsrc=|\bon\w+=|url\(|@import", text)
    assert re.findall(r'href="([^"]*)"', text) == ["/openapi.json"]
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    hashed = b64encode(sha256(style.encode()).digest()).decode()
    assert page.headers["content-security-policy"] == (
        f"default-src 'none'; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def test_what_is_described_is_text() -> None:
    hostile = "<script>alert(1)</script>"
    page = build_docs(
        {
            "info": {"title": hostile},
            "paths": {f"/{hostile}": {"get": {"description": hostile}}},
            "components": {"schemas": {hostile: {"description": hostile}}},
        }
    )
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5
