"""The heartbeat of an API process: to the metrics of all workers every second, to the store every
minute."""

import os
import socket
from datetime import datetime

from core.domain.installation import SAID_EVERY, ApiWorker
from core.errors import OpsError
from core.log import get_logger
from core.serving.poller import Follower
from core.serving.service import PredictionService
from core.serving.telemetry.metrics import ServiceMetrics
from core.serving.telemetry.unanswered_counts import UnansweredCounts
from core.store.engine.database import Database
from core.store.installation import api_workers
from core.store.predictions.unanswered import add_unanswered

_LOOK_SECONDS = 1.0

log = get_logger(__name__)


class Reporter:
    """Reports from `start` to `stop`; one a process."""

    def __init__(
        self,
        db: Database,
        service: PredictionService,
        metrics: ServiceMetrics,
        unanswered: UnansweredCounts,
    ) -> None:
        self._db = db
        self._service = service
        self._metrics = metrics
        self._unanswered = unanswered
        self._now = service.now
        self._started_at = service.now()
        self._said_at: datetime | None = None
        self._measured_at: datetime | None = None
        self._n_measured = 0
        self._follower = Follower("reports", self.report, _LOOK_SECONDS)

    def start(self) -> None:
        """Begin to report."""
        self._follower.start()

    def stop(self) -> None:
        """Stop after the current report, and store what has been counted since."""
        self._follower.stop()
        try:
            self._store_unanswered()
        except OpsError as error:
            log.warning("counts_lost", error=str(error))

    def report(self) -> None:
        """Set this process's gauges, and write its row if a minute has passed. Raises `Unavailable`
        if the store is."""
        said = self.describe()
        self._metrics.show(self._service.describe())
        self._store_unanswered()
        if self._said_at is not None and said.at - self._said_at < SAID_EVERY:
            return
        with self._db.write() as conn:
            api_workers.save_worker(conn, said)
        self._said_at = said.at

    def _store_unanswered(self) -> None:
        counts = self._unanswered.take()
        if not counts:
            return
        try:
            with self._db.write() as conn:
                add_unanswered(conn, counts)
        except OpsError:
            self._unanswered.give_back(counts)
            raise

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
