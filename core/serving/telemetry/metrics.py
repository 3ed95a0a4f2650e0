"""Prometheus metrics: counts and durations of one process, or of all workers together."""

import os
import re
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import prometheus_client as prometheus
from prometheus_client.multiprocess import MultiProcessCollector

from core.domain.decisions.decision import DecidedRequest
from core.domain.prediction import AnswerSource, Batch, Prediction
from core.domain.version import version_name
from core.serving.telemetry.latency_breakdown import ServiceStatus

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
_PID = re.compile(r"_(?P<pid>[0-9]+)\.db$")
_LIVE = re.compile(r"gauge_live\w+_(?P<pid>[0-9]+)\.db")
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class ServiceMetrics:
    """The instruments of one API process. With several workers, PROMETHEUS_MULTIPROC_DIR names a
    folder, empty at the start, in which they count together, so that each answers for all."""

    def __init__(self) -> None:
        self._registry = prometheus.CollectorRegistry()
        self._by_route: dict[tuple[str, int], prometheus.Counter] = {}
        self._by_source: dict[
            tuple[AnswerSource, int], tuple[prometheus.Counter, prometheus.Histogram]
        ] = {}
        self._requests = prometheus.Counter(
            "plumbline_requests",
            "Requests answered.",
            ("route", "status"),
            registry=self._registry,
        )
        self._predictions = prometheus.Counter(
            "plumbline_predictions",
            "Predictions attempted and on disk, by who answered and which version was asked.",
            ("source", "version"),
            registry=self._registry,
        )
        self._latency = prometheus.Histogram(
            "plumbline_prediction_latency_seconds",
            "From receipt to just before the log; a batch's time is shared out over its rows, and "
            "one that is answered by columns counts once.",
            ("source",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._decisions = prometheus.Counter(
            "plumbline_decisions",
            "Requests decided and on disk: a candidate was picked, work accepted or redone; "
            "explored where chance decided.",
            ("kind", "action", "explored"),
            registry=self._registry,
        )
        self._late = prometheus.Counter(
            "plumbline_late_features",
            "Predictions left to the heuristic because text or history took too long.",
            registry=self._registry,
        )
        self._labels = prometheus.Counter(
            "plumbline_labels", "Labels received.", ("outcome",), registry=self._registry
        )
        self._refused = prometheus.Counter(
            "plumbline_refused",
            "Requests refused, by what was wrong with them.",
            ("cause",),
            registry=self._registry,
        )
        self._waiting = prometheus.Gauge(
            "plumbline_log_waiting_rows",
            "Rows that are not on disk yet.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._cache = prometheus.Gauge(
            "plumbline_cache_lookups",
            "Single rows whose score was looked up, since the champion was loaded.",
            ("outcome",),
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._stages = prometheus.Gauge(
            "plumbline_stage_seconds",
            "Where the time of a single request goes, in the newest thousand that were measured.",
            ("stage", "statistic"),
            registry=self._registry,
            multiprocess_mode="livemax",
        )

    @cached_property
    def _revision(self) -> prometheus.Gauge:
        """The gauge of the revision, created at the first value: a starting worker would set the
        lowest to 0."""
        return prometheus.Gauge(
            "plumbline_deployment_revision",
            "The deployment that this process follows; of several, the oldest.",
            registry=self._registry,
            multiprocess_mode="livemin",
        )

    def count_request(self, route: str, status: int) -> None:
        """Count an answered request."""
        counter = self._by_route.get((route, status))
        if counter is None:  # the look-up of a label takes longer than counting
            counter = self._by_route[route, status] = self._requests.labels(route, str(status))
        counter.inc()

    def count_refused(self, cause: str) -> None:
        """Count a refused request by its cause."""
        self._refused.labels(cause).inc()

    def count_predictions(self, predictions: Sequence[Prediction]) -> None:
        """Count predictions and their latencies."""
        for prediction in predictions:
            counter, latency = self._find_counters(prediction.source, prediction.version)
            counter.inc()
            latency.observe(prediction.latency_ms / 1000)

    def count_batch(self, batch: Batch) -> None:
        """Count the predictions of a batch, with one latency."""
        counter, latency = self._find_counters(AnswerSource.MODEL, batch.version)
        counter.inc(batch.n_rows)
        latency.observe(
            batch.latency_ms / 1000
        )  # once: for each row it would take as long as scoring

    def count_decision(self, request: DecidedRequest) -> None:
        """This was decided, with the predictions that were made for it."""
        decision = request.decision
        action = "pick" if decision.action is None else decision.action.value
        explored = str(decision.explored).lower()
        self._decisions.labels(decision.kind.value, action, explored).inc()
        self.count_predictions(request.predictions)

    def count_late(self, n: int) -> None:
        """Count requests whose texts or histories took too long."""
        self._late.inc(n)

    def count_label(self, outcome: str) -> None:
        """Count a label by its outcome."""
        self._labels.labels(outcome).inc()

    def show(self, serving: ServiceStatus) -> None:
        """Set the gauges of this process."""
        self._waiting.set(serving.n_waiting)
        self._revision.set(serving.revision)
        self._cache.labels("found").set(serving.cache_found)
        self._cache.labels("missed").set(serving.cache_asked - serving.cache_found)
        for name, found in serving.stages.items():
            self._stages.labels(name, "mean").set(found.mean_ms / 1000)
            self._stages.labels(name, "p95").set(found.p95_ms / 1000)

    def _find_counters(
        self, source: AnswerSource, version: int
    ) -> tuple[prometheus.Counter, prometheus.Histogram]:
        """Return the counters of a source and a version, which are cached because the look-up of a
        label takes longer than counting."""
        found = self._by_source.get((source, version))
        if found is None:
            found = self._by_source[source, version] = (
                self._predictions.labels(source.value, version_name(version)),
                self._latency.labels(source.value),
            )
        return found

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format; with several workers, those of all of
        them."""
        registry = self._registry
        folder = os.environ.get(_MULTIPROCESS)
        if folder is not None:
            remove_ended(Path(folder))
            registry = prometheus.CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return prometheus.generate_latest(registry)


def remove_ended(folder: Path) -> None:
    """Delete the gauges of workers that have ended from their common folder; their counts stay. A
    killed worker cannot delete its own."""
    for path in folder.glob("gauge_live*.db"):
        found = _LIVE.fullmatch(path.name)
        if found is not None and not _runs(int(found["pid"])):
            path.unlink(missing_ok=True)


def remove_ended_folders(above: Path) -> None:
    """Remove the folders of servers of which every process has ended. One in which nobody counts
    yet is of a server that starts just now, and stays."""
    for folder in above.glob("api-*"):
        found = (_PID.search(path.name) for path in folder.glob("*.db"))
        pids = {int(one["pid"]) for one in found if one}
        if pids and not any(map(_runs, pids)):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
