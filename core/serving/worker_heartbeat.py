"""The heartbeat of an API process: to the metrics of all workers every second, to the store every
minute."""

import os
import socket
from collections.abc import Callable
from datetime import datetime

from core.domain.installation import SAID_EVERY, ApiWorker
from core.serving.poller import Follower
from core.serving.service import PredictionService
from core.serving.telemetry.metrics import ServiceMetrics
from core.store.engine.database import Database
from core.store.installation import api_workers

_LOOK_SECONDS = 1.0


class Reporter:
    """Reports from `start` to `stop`; one a process."""

    def __init__(
        self,
        db: Database,
        service: PredictionService,
        metrics: ServiceMetrics,
        now: Callable[[], datetime],
    ) -> None:
        self._db = db
        self._service = service
        self._metrics = metrics
        self._now = now
        self._started_at = now()
        self._said_at: datetime | None = None
        self._measured_at: datetime | None = None
        self._n_measured = 0
        self._follower = Follower("reports", self.report, _LOOK_SECONDS)

    def start(self) -> None:
        """Begin to report."""
        self._follower.start()

    def stop(self) -> None:
        """Stop after the current report."""
        self._follower.stop()

    def report(self) -> None:
        """Set this process's gauges, and write its row if a minute has passed. Raises `Unavailable`
        if the store is."""
        said = self.describe()
        self._metrics.show(self._service.describe())
        if self._said_at is not None and said.at - self._said_at < SAID_EVERY:
            return
        with self._db.write() as conn:
            api_workers.save_worker(conn, said)
        self._said_at = said.at

    def describe(self) -> ApiWorker:
        """Return the row of this process as it is now."""
        serving, stages, now = self._service.describe(), self._service.stages, self._now()
        if stages.n_measured != self._n_measured:
            self._n_measured, self._measured_at = stages.n_measured, now
        return ApiWorker(
            name=f"{socket.gethostname()}:{os.getpid()}",
            started_at=self._started_at,
            at=now,
            version=serving.version,
            n_requests=stages.n_requests,
            measured_at=self._measured_at,
            stages=serving.stages,
            cache_asked=serving.cache_asked,
            cache_found=serving.cache_found,
            scorer=serving.scorer,
            scorer_reason=serving.scorer_reason,
            n_waiting=serving.n_waiting,
        )
