"""The OpenAPI description of routes whose bodies msgspec decodes, not FastAPI."""

import http
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from core.serving.bodies import (
    ErrorAnswer,
    FeedbackAnswer,
    FeedbackBody,
    PredictAnswer,
    PredictBatchAnswer,
    PredictBatchBody,
    PredictBody,
    SamplesAnswer,
    SamplesBody,
)
from core.web.answers import JSON

_REF = "#/components/schemas/{name}"
_BODIES = (
    PredictBody,
    PredictBatchBody,
    FeedbackBody,
    SamplesBody,
    PredictAnswer,
    PredictBatchAnswer,
    FeedbackAnswer,
    SamplesAnswer,
    ErrorAnswer,
)


def describe(
    body: type | None, answers: Mapping[int, type], *, beside_json: str = ""
) -> dict[str, Any]:
    """What OpenAPI says of a route; its bodies are decoded by msgspec, not by FastAPI. What is done
    may be asked and answered in the media type `beside_json` as well."""
    binary = {beside_json: {"schema": {"type": "string", "format": "binary"}}}
    beside = binary if beside_json else {}
    described: dict[str, Any] = {"responses": {}}
    errors = dict.fromkeys((401, 403, 413, 415, 422, 503), ErrorAnswer) if body else {}
    for status, answer in {**answers, **errors}.items():
        described["responses"][str(status)] = {
            "description": http.HTTPStatus(status).phrase,
            "content": {
                JSON: {"schema": {"$ref": _REF.format(name=answer.__name__)}},
                **(beside if status in answers else {}),
            },
        }
    if body is not None:
        schema = {"$ref": _REF.format(name=body.__name__)}
        content = {JSON: {"schema": schema}, **beside}
        described["requestBody"] = {"required": True, "content": content}
    return described


def build_openapi(api: FastAPI, documented: APIRouter) -> dict[str, Any]:
    """The description of the documented routes, made once."""
    if api.openapi_schema is None:
        _, schemas = msgspec.json.schema_components(_BODIES, ref_template=_REF)
        described = get_openapi(title=api.title, version=api.version, routes=documented.routes)
        described["components"] = {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        }
        described["security"] = [{"key": []}, {}]
        api.openapi_schema = described
    return api.openapi_schema
