"""The OpenAPI description: it is whole, its examples are what the API takes and gives, and whatever
schemathesis makes of it the API answers as it says."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.registry import Registry
from core.serving.decisions.bodies import DecideBody, RankBody
from core.serving.schemas import FeedbackBody, PredictBatchBody, PredictBody, SamplesBody
from core.store.engine.database import Database
from tests.api_in_process import make_api
from tests.api_processes import ROOT, add_linear_version, release, run_api

BODIES: dict[str, type] = {
    "/v1/predict": PredictBody,
    "/v1/predict/batch": PredictBatchBody,
    "/v1/rank": RankBody,
    "/v1/decide": DecideBody,
    "/v1/feedback": FeedbackBody,
    "/v1/samples": SamplesBody,
}

CONFIG = """
[checks]
not_a_server_error.enabled = false

[[operations]]
include-path = "/v1/samples"
checks.negative_data_rejection.enabled = false

[[operations]]
include-path = "/v1/predict"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path = "/v1/predict/batch"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path = "/v1/rank"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path = "/v1/decide"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path = "/v1/feedback"
checks.positive_data_acceptance.enabled = false
"""
"""A 503 without a model's score is no bug, and labelled rows are rejected one by one, in an answer
that is 200. Of a decision and a prediction one has to be named, and candidates' names differ; a
request without a feature that the version reads is refused where nothing can be guessed from."""


@pytest.fixture
def described(db: Database, now: Callable[[], datetime]) -> dict[str, Any]:
    return make_api(db, now).openapi()


def test_every_route_says_how_it_answers_and_refuses(described: dict[str, Any]) -> None:
    refusals = {"400", "401", "403", "413", "415", "422", "429", "503"}
    for path in BODIES:
        assert refusals < set(described["paths"][path]["post"]["responses"]), path
    answers = {
        path: set(operations["get"]["responses"])
        for path, operations in described["paths"].items()
        if "get" in operations
    }
    assert answers == {
        "/v1/status": {"200", "401", "403", "429", "503"},
        "/healthz": {"200", "403"},
        "/readyz": {"200", "403", "503"},
        "/metrics": {"200", "401", "403", "429", "503"},
    }
    [(media, _)] = described["paths"]["/metrics"]["get"]["responses"]["200"]["content"].items()
    assert media == "text/plain"


def test_every_answer_refers_to_a_schema_that_is_there(described: dict[str, Any]) -> None:
    text = msgspec.json.encode(described).decode()
    named = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(described["components"]["schemas"])


def test_every_body_has_an_example_that_is_taken(described: dict[str, Any]) -> None:
    for path, kind in BODIES.items():
        operation = described["paths"][path]["post"]
        msgspec.convert(operation["requestBody"]["content"]["application/json"]["example"], kind)
        for answer in operation["responses"].values():
            assert answer["content"]["application/json"]["example"]


@pytest.mark.slow
def test_schemathesis_finds_no_answer_that_is_not_described(db: Database, home: Path) -> None:
    """Bounded: 60 examples a route of each phase. `tests/schemathesis_hooks.py` adds that nothing
    breaks and that each refusal explains itself."""
    config = home / "schemathesis.toml"
    config.write_text(CONFIG)
    registry = Registry(home / "artifacts", "")
    release(db, registry, add_linear_version(db, registry, 0.0))
    with run_api(home) as (url, _):
        told = subprocess.run(
            [
                str(Path(sys.executable).parent / "schemathesis"),
                *("--config-file", config, "run", f"{url}/openapi.json"),
                *("--phases", "examples,coverage,fuzzing", "--max-examples", "60"),
                *("--seed", "20260302", "--generation-database", "none"),
                *("--suppress-health-check", "all", "--no-color", "--continue-on-failure"),
            ],
            cwd=home,  # it writes down what it found
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "SCHEMATHESIS_HOOKS": "tests.schemathesis_hooks",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert told.returncode == 0, told.stdout[-8_000:] + told.stderr[-2_000:]
