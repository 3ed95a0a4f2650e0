"""The few pages that somebody sees who may not see the dashboard (yet): no script, both themes."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from starlette.responses import HTMLResponse

from ui.gate.headers import hash_source, join_policy

_UI = Path(__file__).resolve().parents[1]
_STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --card: #f6f7f5; --line: #d7dad8;
  --text: #1d2731; --quiet: #4d5762; --accent: #0f6e7c; --on-accent: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ground: #12181f; --card: #1b242d;
  --line: #303b46; --text: #e3e8ed; --quiet: #aab5c0; --accent: #1c7f8e; --on-accent: #ffffff; } }
body { margin: 0; min-height: 100vh; display: grid; place-items: center;
  background: var(--ground); color: var(--text);
  font: 15px/1.5 'Source Sans', 'Source Sans Pro', 'Segoe UI', 'Helvetica Neue', Arial,
    sans-serif; }
main { box-sizing: border-box; width: min(26rem, calc(100vw - 2rem)); padding: 2rem;
  background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
svg { display: block; height: 28px; width: auto; }
h1 { font-size: 1.15rem; font-weight: 600; margin: 1.5rem 0 .5rem; }
p { margin: 0 0 1rem; color: var(--quiet); overflow-wrap: anywhere; }
a, button { box-sizing: border-box; display: block; width: 100%; margin: .75rem 0 0;
  padding: .55rem 1rem; text-align: center; text-decoration: none; font: inherit;
  font-weight: 600; color: var(--on-accent); background: var(--accent);
  border: 1px solid var(--accent); border-radius: 6px; cursor: pointer; }
a:focus-visible, button:focus-visible { outline: 2px solid var(--text); outline-offset: 2px; }
"""
_POLICY = join_policy(
    [
        ("default-src", "'none'"),
        ("style-src", hash_source(_STYLE)),
        ("img-src", "data:"),
        ("base-uri", "'none'"),
        ("form-action", "'self'"),
        ("frame-ancestors", "'none'"),
    ]
)


def build_page(
    title: str, text: str, links: Sequence[tuple[str, str]] = (), *, status: int
) -> HTMLResponse:
    """Return a page with a heading, a sentence, and links as (label, address)."""
    icon = base64.b64encode((_UI / "mark.svg").read_bytes()).decode()
    buttons = "".join(
        f'<a href="{escape(address)}">{escape(label)}</a>' for label, address in links
    )
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Plumbline</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:image/svg+xml;base64,{icon}"><style>{_STYLE}</style></head>'
        f"<body><main>{(_UI / 'logo.svg').read_text(encoding='utf-8')}<h1>{escape(title)}</h1>"
        f"<p>{escape(text)}</p>{buttons}</main></body></html>"
    )
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(page, status_code=status, headers=headers)
