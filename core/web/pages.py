"""The page `/docs`: the OpenAPI description as plain HTML, without a script and without anything
from another server."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 50rem; padding: 0 1rem; }
pre { border: 1px solid #8886; border-radius: 4px; overflow-x: auto; padding: .5rem; }
h2 { border-top: 1px solid #8886; font-size: 1.2rem; margin-top: 2rem; padding-top: 1rem; }
summary { cursor: pointer; }
"""

DOCS_POLICY = (
    "default-src 'none'; style-src 'sha256-"
    + b64encode(sha256(_STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
).encode()
"""What a browser may load for the page: nothing but the style in it."""


def build_docs(described: Mapping[str, Any]) -> str:
    """The page of an OpenAPI document.

    >>> "/healthz" in build_docs({"info": {"title": "A"}, "paths": {"/healthz": {"get": {}}}})
    True
    """
    title = escape(described["info"]["title"])
    routes = "".join(
        _show_route(path, method, operation)
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    )
    schemas = described.get("components", {}).get("schemas", {})
    shapes = "".join(
        f"<details><summary><code>{escape(name)}</code></summary>{_show_json(schema)}</details>"
        for name, schema in schemas.items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
        "<p>JSON over HTTP. Where keys were made, each request but <code>/healthz</code>, "
        "<code>/readyz</code> and this page needs <code>Authorization: Bearer KEY</code>. "
        '<a href="/openapi.json">openapi.json</a> says the same for programs.</p>'
        f"{routes}<h2>Shapes</h2>{shapes}</body></html>"
    )


def _show_route(path: str, method: str, operation: Mapping[str, Any]) -> str:
    parts = [f"<h2><code>{method.upper()} {escape(path)}</code></h2>"]
    parts.append(f"<p>{escape(operation.get('description', ''))}</p>")
    body = operation.get("requestBody", {}).get("content", {})
    parts += _show_content("Body", body)
    for status, answer in operation.get("responses", {}).items():
        named = f"{status} {answer.get('description', '')}"
        parts += _show_content(named, answer.get("content", {}))
    return "".join(parts)


def _show_content(named: str, content: Mapping[str, Any]) -> Iterator[str]:
    for media, shown in content.items():
        shape = shown.get("schema", {}).get("$ref", "").rpartition("/")[2]
        summary = " · ".join(escape(text) for text in (named, media, shape) if text)
        if "example" in shown:
            example = _show_json(shown["example"])
            yield f"<details><summary>{summary}</summary>{example}</details>"
        else:
            yield f"<p>{summary}</p>"


def _show_json(content: object) -> str:
    return f"<pre>{escape(json.dumps(content, indent=2, ensure_ascii=False))}</pre>"
