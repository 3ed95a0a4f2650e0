"""Metrics: what Prometheus reads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.domain.installation import StageTime
from core.domain.prediction import AnswerSource
from core.serving.telemetry.latency_breakdown import ServiceStatus
from core.serving.telemetry.metrics import ServiceMetrics
from tests.fakes import make_prediction


def make_status() -> ServiceStatus:
    """A process with five rows in its log's queue."""
    return ServiceStatus(
        revision=3,
        version="v3",
        source="model",
        reason=None,
        challenger=None,
        challenger_reason=None,
        scorer="compiled",
        scorer_reason=None,
        cache_asked=10,
        cache_found=4,
        stages={"log": StageTime(7, 0.5, 1.0)},
        n_waiting=5,
        problem=None,
    )


def _samples(metrics: ServiceMetrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = metrics.render().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_predictions_are_counted_by_who_answered_and_which_version() -> None:
    metrics = ServiceMetrics()
    metrics.count_predictions(
        [
            make_prediction("a"),
            make_prediction("b", source=AnswerSource.HEURISTIC),
            make_prediction("c", source=AnswerSource.HEURISTIC),
            make_prediction("d", source=AnswerSource.FAILED, version=0),
        ]
    )
    samples = _samples(metrics)
    name = "plumbline_predictions_total"
    assert samples[name, (("source", "model"), ("version", "v3"))] == 1
    assert samples[name, (("source", "heuristic"), ("version", "v3"))] == 2
    assert samples[name, (("source", "failed"), ("version", "heuristic"))] == 1


def test_latency_is_in_seconds() -> None:
    metrics = ServiceMetrics()
    metrics.count_predictions([make_prediction("a", latency_ms=20.0)])
    samples = _samples(metrics)
    name = "plumbline_prediction_latency_seconds"
    assert samples[f"{name}_sum", (("source", "model"),)] == pytest.approx(0.02)
    assert samples[f"{name}_bucket", (("le", "0.02"), ("source", "model"))] == 1
    assert samples[f"{name}_bucket", (("le", "0.01"), ("source", "model"))] == 0


def test_requests_labels_and_the_state_are_there() -> None:
    metrics = ServiceMetrics()
    metrics.count_request("/v1/predict", 200)
    metrics.count_label("new")
    metrics.show(make_status())
    samples = _samples(metrics)
    assert samples["plumbline_requests_total", (("route", "/v1/predict"), ("status", "200"))] == 1
    assert samples["plumbline_labels_total", (("outcome", "new"),)] == 1
    assert samples["plumbline_log_waiting_rows", ()] == 5
    assert samples["plumbline_deployment_revision", ()] == 3


def test_two_in_one_process_do_not_share_counts() -> None:
    ServiceMetrics().count_label("new")
    assert ("plumbline_labels_total", (("outcome", "new"),)) not in _samples(ServiceMetrics())


@pytest.mark.slow  # two processes
def test_workers_that_share_a_folder_answer_for_all(tmp_path: Path) -> None:
    script = (
        "from core.serving.telemetry.metrics import ServiceMetrics as M; "
        "m = M(); m.count_label('new'); "
        "from tests.serving.telemetry.test_metrics import make_status; m.show(make_status()); "
        "print(m.render().decode())"
    )
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    texts = [
        subprocess.run(
            [sys.executable, "-c", script], env=environ, check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    ]
    assert 'plumbline_labels_total{outcome="new"} 1.0' in texts[0]
    assert 'plumbline_labels_total{outcome="new"} 2.0' in texts[1]
    assert "plumbline_log_waiting_rows 5.0" in texts[1]  # the first has ended, and waits no more
