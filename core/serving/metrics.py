"""Metrics: counts and durations of one process, or of all workers, as Prometheus reads them."""

import os
from collections.abc import Mapping, Sequence

import prometheus_client as prometheus
from prometheus_client.multiprocess import MultiProcessCollector

from core.domain.prediction import Prediction, Source
from core.domain.version import version_name
from core.serving.stages import StageTime

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class ServiceMetrics:
    """The instruments of one API process. With several workers each counts for itself, unless
    PROMETHEUS_MULTIPROC_DIR names an empty folder when they start: then every one answers for
    all."""

    def __init__(self) -> None:
        self._registry = prometheus.CollectorRegistry()
        self._by_route: dict[tuple[str, int], prometheus.Counter] = {}
        self._by_source: dict[
            tuple[Source, int], tuple[prometheus.Counter, prometheus.Histogram]
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
            "From receipt to just before the log; a batch's time is shared out over its rows.",
            ("source",),
            buckets=_SECONDS,
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
        self._revision = prometheus.Gauge(
            "plumbline_deployment_revision",
            "The deployment that this process follows.",
            registry=self._registry,
            multiprocess_mode="livemin",
        )

    def count_request(self, route: str, status: int) -> None:
        """One request was answered."""
        counter = self._by_route.get((route, status))
        if counter is None:  # finding a label's counter takes longer than counting
            counter = self._by_route[route, status] = self._requests.labels(route, str(status))
        counter.inc()

    def count_predictions(self, predictions: Sequence[Prediction]) -> None:
        """These were answered."""
        for prediction in predictions:
            key = (prediction.source, prediction.version)
            known = self._by_source.get(key)
            if known is None:
                source, version = prediction.source.value, version_name(prediction.version)
                known = self._by_source[key] = (
                    self._predictions.labels(source, version),
                    self._latency.labels(source),
                )
            counter, latency = known
            counter.inc()
            latency.observe(prediction.latency_ms / 1000)

    def count_late(self, n: int) -> None:
        """The texts or histories of so many requests took too long."""
        self._late.inc(n)

    def count_label(self, outcome: str) -> None:
        """A label was kept, or was known already."""
        self._labels.labels(outcome).inc()

    def show_cache(self, n_asked: int, n_found: int) -> None:
        """How often a single row's score was there already."""
        self._cache.labels("found").set(n_found)
        self._cache.labels("missed").set(n_asked - n_found)

    def show_stages(self, stages: Mapping[str, StageTime]) -> None:
        """Where the time of single requests goes."""
        for name, found in stages.items():
            self._stages.labels(name, "mean").set(found.mean_ms / 1000)
            self._stages.labels(name, "p95").set(found.p95_ms / 1000)

    def render(self, *, n_waiting: int, revision: int) -> bytes:
        """All of it in Prometheus' text format."""
        self._waiting.set(n_waiting)
        self._revision.set(revision)
        registry = self._registry
        if _MULTIPROCESS in os.environ:
            registry = prometheus.CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return prometheus.generate_latest(registry)
