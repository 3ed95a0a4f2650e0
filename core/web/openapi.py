"""The OpenAPI document of the API, made from the types that msgspec encodes, and `/docs`."""

import http
import inspect
import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from typing import Any

import msgspec
from starlette.types import ASGIApp

from core.serving.decisions.bodies import (
    Candidate,
    DecideAnswer,
    DecideBody,
    RankAnswer,
    RankBody,
    RankedCandidate,
)
from core.serving.schemas import (
    AliveAnswer,
    ErrorAnswer,
    ErrorDetail,
    FeedbackAnswer,
    FeedbackBody,
    PredictAnswer,
    PredictBatchAnswer,
    PredictBatchBody,
    PredictBody,
    ReadyAnswer,
    RejectedRow,
    SampleRow,
    SamplesAnswer,
    SamplesBody,
)
from core.serving.telemetry.latency_breakdown import ServiceStatus
from core.settings import Scale
from core.system import SystemStatus
from core.web.http import JSON, BodyTooLarge

_REF = "#/components/schemas/{name}"
_TEXT = "text/plain"
_STRING = {"type": "string"}
_ID = "019cae6b660070008000000000000000"

BODY_ERRORS = (400, 401, 403, 413, 415, 422, 429, 503)
"""The statuses of refusals of a request with a body."""

_KEY_ERRORS = (401, 403, 429, 503)


@dataclass(frozen=True, slots=True)
class StatusAnswer(SystemStatus):
    """The state of the installation, with the state of the process that answers."""

    serving: ServiceStatus


_PREDICTED = PredictAnswer(_ID, 71.5, 65.5, 77.5, "model", "v3", "champion", 0.412)
_RANKED = RankedCandidate("a", _ID, 71.5, 65.5, 77.5, 1, "model")
_FEATURES: dict[str, float | str | None] = {
    "codeQuality": 82.5,
    "testCoverage": 61.0,
    "language": "python",
}
_EXAMPLES: Mapping[type, object] = {
    PredictBody: PredictBody(_FEATURES, unit_id="repository 17"),
    PredictBatchBody: PredictBatchBody([PredictBody(_FEATURES)]),
    FeedbackBody: FeedbackBody(74.0, _ID, rating=0.8),
    RankBody: RankBody([Candidate(_FEATURES, "a"), Candidate(_FEATURES, "b")], "question 17"),
    RankAnswer: RankAnswer(_ID, "a", 0.975, False, "p1", [_RANKED]),
    DecideBody: DecideBody(_FEATURES, attempt=1),
    DecideAnswer: DecideAnswer(
        _ID, "accept", 0.04, 62.0, 1.0, False, "p2", _ID, 71.5, 65.5, 77.5, "model"
    ),
    SamplesBody: SamplesBody([SampleRow(_FEATURES, 74.0, id="answer 17")]),
    PredictAnswer: _PREDICTED,
    PredictBatchAnswer: PredictBatchAnswer([_PREDICTED]),
    FeedbackAnswer: FeedbackAnswer(_ID, "new"),
    SamplesAnswer: SamplesAnswer(2, 1, 0, [RejectedRow(2, "target: 'high' is not a number")]),
    AliveAnswer: AliveAnswer("alive"),
    ReadyAnswer: ReadyAnswer("ready", "v3", "model"),
}
_REFUSALS: Mapping[int, ErrorDetail] = {
    400: ErrorDetail("The connection ended before the body did."),
    401: ErrorDetail("A key is needed: send it as Authorization: Bearer KEY."),
    404: ErrorDetail("There is no policy p9: `policies` lists those that there are."),
    409: ErrorDetail("No redo policy is in force: set one with `policies set redo`, or name one."),
    403: ErrorDetail("The key may not do this: make one with the scope that it needs."),
    413: ErrorDetail(str(BodyTooLarge(8_388_608, is_open=False))),
    415: ErrorDetail("The body is 'text/csv': send Content-Type: application/json."),
    422: ErrorDetail("Object missing required field `features`.", "features"),
    429: ErrorDetail("1,000 of your requests wait already: send fewer at once."),
    503: ErrorDetail("The log did not take it within 10 s: try again in a moment."),
}
_SCHEMAS = (*_EXAMPLES, StatusAnswer, ErrorAnswer)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method and path: the application that answers it, whose docstring describes it, and the
    types of its body and answers. An answer without a type is plain text."""

    at: tuple[str, str]  # its method and its path
    app: ASGIApp
    name: str
    answers: Mapping[int, type | None]  # by their status
    errors: Sequence[int] = ()  # the statuses of errors; empty for those of a body or a key
    body: type | None = None


def build_openapi(
    operations: Sequence[Operation], scale: Scale, root_path: str = ""
) -> dict[str, Any]:
    """Return the OpenAPI document of the operations, which a proxy may show below a `root_path`,
    with labels on the `scale` of this installation."""
    _, schemas = msgspec.json.schema_components(_SCHEMAS, ref_template=_REF)
    schemas[FeedbackBody.__name__]["properties"]["actual"] |= {
        "minimum": scale.low,
        "maximum": scale.high,
    }
    paths: dict[str, Any] = {}
    for operation in operations:
        method, path = operation.at
        paths.setdefault(path, {})[method.lower()] = _describe(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Plumbline prediction API", "version": "1"},
        **({"servers": [{"url": root_path}]} if root_path else {}),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}, {}],
    }


def _describe(operation: Operation) -> dict[str, Any]:
    method, path = operation.at
    responses = {
        status: _describe_answer(
            status, {_TEXT: {"schema": _STRING}} if kind is None else _show(kind)
        )
        for status, kind in operation.answers.items()
    }
    errors = operation.errors or (BODY_ERRORS if operation.body else _KEY_ERRORS)
    responses |= {status: _describe_answer(status, _show_refusal(status)) for status in errors}
    described: dict[str, Any] = {
        "summary": operation.name.replace("_", " ").title(),
        "description": inspect.getdoc(operation.app) or "",
        "operationId": re.sub(r"\W", "_", f"{operation.name}{path}_{method.lower()}"),
        "responses": {str(status): answer for status, answer in responses.items()},
    }
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _show(operation.body)}
    return described


def _describe_answer(status: int, content: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": http.HTTPStatus(status).phrase,
        "headers": {"X-Request-Id": {"schema": _STRING, "description": "Yours, or a new one."}},
        "content": content,
    }
    if status in (429, 503):
        described["headers"]["Retry-After"] = {"schema": _STRING, "description": "Seconds."}
    return described


def _show(kind: type) -> dict[str, Any]:
    """Return the media type of a body or an answer in JSON, with an example if its type has one."""
    shown: dict[str, Any] = {"schema": {"$ref": _REF.format(name=kind.__name__)}}
    if kind in _EXAMPLES:
        shown["example"] = _build_example(_EXAMPLES[kind])
    return {JSON: shown}


def _show_refusal(status: int) -> dict[str, Any]:
    [(media, shown)] = _show(ErrorAnswer).items()
    return {media: shown | {"example": _build_example(ErrorAnswer(_REFUSALS[status]))}}


def _build_example(value: object) -> object:
    """Return an example as JSON values, without fields that are None."""
    if isinstance(value, dict):
        return {name: _build_example(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_build_example(one) for one in value]
    return (
        _build_example(msgspec.to_builtins(value)) if isinstance(value, msgspec.Struct) else value
    )


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
"""The content security policy of the page: only its inline style."""


def build_docs(described: Mapping[str, Any]) -> str:
    """Return the HTML page of an OpenAPI document.

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
    root = next((escape(one["url"]) for one in described.get("servers", ())), "")
    shapes = "".join(
        f"<details><summary><code>{escape(name)}</code></summary>{_show_json(schema)}</details>"
        for name, schema in schemas.items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
        "<p>JSON over HTTP. Where keys were made, each request but <code>/healthz</code>, "
        "<code>/readyz</code> and this page needs <code>Authorization: Bearer KEY</code>. "
        f'<a href="{root}/openapi.json">openapi.json</a> says the same for programs.</p>'
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
