"""The OpenAPI description of routes whose bodies msgspec decodes, not FastAPI."""

import http
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

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
_ID = "019cae6b660070008000000000000000"

BODY_ERRORS = (400, 401, 403, 413, 415, 422, 429, 503)
"""What a route that takes a body may refuse with."""
KEY_ERRORS = (401, 403, 429, 503)
"""What one without a body may, where it asks for a key."""


@dataclass(frozen=True, slots=True)
class StatusAnswer(SystemStatus):
    """The installation, and what the process that answers serves with."""

    serving: ServiceStatus


_PREDICTED = PredictAnswer(_ID, 71.5, 65.5, 77.5, "model", "v3", "champion", 0.412)
_FEATURES: dict[str, float | str | None] = {
    "codeQuality": 82.5,
    "testCoverage": 61.0,
    "language": "python",
}
_EXAMPLES: Mapping[type, object] = {
    PredictBody: PredictBody(_FEATURES, unit_id="repository 17"),
    PredictBatchBody: PredictBatchBody([PredictBody(_FEATURES)]),
    FeedbackBody: FeedbackBody(_ID, 74.0, rating=0.8),
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
    403: ErrorDetail("The key may not do this: make one with the scope that it needs."),
    413: ErrorDetail(str(BodyTooLarge(8_388_608, is_open=False))),
    415: ErrorDetail("The body is 'text/csv': send Content-Type: application/json."),
    422: ErrorDetail("Object missing required field `features`.", "features"),
    429: ErrorDetail("1,000 of your requests wait already: send fewer at once."),
    503: ErrorDetail("The log did not take it within 10 s: try again in a moment."),
}
_SCHEMAS = (*_EXAMPLES, StatusAnswer, ErrorAnswer)


def describe(
    body: type | None,
    answers: Mapping[int, type | None],
    errors: Sequence[int],
    *,
    beside_json: str = "",
) -> dict[str, Any]:
    """What OpenAPI says of a route; its bodies are decoded by msgspec, not by FastAPI. An answer
    without a type is plain text. What is done may be asked and answered in the media type
    `beside_json` as well."""
    beside = {beside_json: {"schema": _string("binary")}} if beside_json else {}
    responses = {
        status: _describe_answer(status, {_TEXT: {"schema": _string()}})
        if answer is None
        else _describe_answer(status, _show(answer) | beside)
        for status, answer in answers.items()
    }
    responses |= {status: _describe_answer(status, _show_refusal(status)) for status in errors}
    described: dict[str, Any] = {"responses": {str(n): said for n, said in responses.items()}}
    if body is not None:
        described["requestBody"] = {"required": True, "content": _show(body) | beside}
    return described


def build_openapi(api: FastAPI, documented: APIRouter, scale: Scale) -> dict[str, Any]:
    """The description of the documented routes, made once; labels are on the `scale` of this
    installation. What FastAPI adds of its own, an answer of any kind, is left out."""
    if api.openapi_schema is None:
        _, schemas = msgspec.json.schema_components(_SCHEMAS, ref_template=_REF)
        schemas[FeedbackBody.__name__]["properties"]["actual"] |= {
            "minimum": scale.low,
            "maximum": scale.high,
        }
        described = get_openapi(title=api.title, version=api.version, routes=documented.routes)
        for operations in described["paths"].values():
            for operation in operations.values():
                ok = operation["responses"]["200"]["content"]
                if _TEXT in ok:
                    del ok[JSON]
        described["components"] = {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        }
        described["security"] = [{"key": []}, {}]
        api.openapi_schema = described
    return api.openapi_schema


def _describe_answer(status: int, content: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": http.HTTPStatus(status).phrase,
        "headers": {"X-Request-Id": {"schema": _string(), "description": "Yours, or a new one."}},
        "content": content,
    }
    if status in (429, 503):
        described["headers"]["Retry-After"] = {"schema": _string(), "description": "Seconds."}
    return described


def _show(kind: type) -> dict[str, Any]:
    """A body or an answer in JSON, with an example where there is one."""
    shown: dict[str, Any] = {"schema": {"$ref": _REF.format(name=kind.__name__)}}
    if kind in _EXAMPLES:
        shown["example"] = msgspec.to_builtins(_EXAMPLES[kind])
    return {JSON: shown}


def _show_refusal(status: int) -> dict[str, Any]:
    [(media, shown)] = _show(ErrorAnswer).items()
    return {media: shown | {"example": msgspec.to_builtins(ErrorAnswer(_REFUSALS[status]))}}


def _string(form: str = "") -> dict[str, Any]:
    return {"type": "string", "format": form} if form else {"type": "string"}
