"""The prediction service: answers by the deployed version, and logs before anyone is told."""

import gc
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import randbytes

from core.domain.decisions.decision import DecidedRequest
from core.domain.deployment import EVIDENCE_SHARE
from core.domain.prediction import Batch, Label, Prediction, build_predictions
from core.domain.trial import ShadowScore
from core.errors import OpsError
from core.libraries import import_library
from core.log import get_logger
from core.registry import Registry
from core.serving.answer import Ask
from core.serving.decisions.decision_maker import DecisionMaker
from core.serving.log.prediction_log import Kept, Logbook
from core.serving.poller import Follower
from core.serving.predictor import Predictor
from core.serving.routing import choose_shadows, is_sampled
from core.serving.shadow import Shadow
from core.serving.telemetry.latency_breakdown import ServiceStatus, StageClock, describe_serving
from core.serving.version_loader import Deployed
from core.settings import Scale
from core.store.engine.database import Database

_LOOK_SECONDS = 0.25
_COPY_SECONDS = 0.5  # between copies of the write-ahead log, so that no request waits for one
_SAMPLE = 64  # the stages of one request in so many are recorded

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """The settings of a service that have defaults."""

    baking: Callable[[], timedelta] = timedelta
    """Returns the time after a release during which the version before it scores some requests."""

    libraries: Sequence[str] = ()
    """Modules that versions need, imported in the background after the start, so that the first
    deployment loads without a delay of seconds."""

    max_waiting_rows: int = 20_000
    max_shadow_rows: int = 20_000
    shadow_limit_seconds: float = 5.0


_PLAIN = ServiceOptions()


class PredictionService:
    """Answers by the newest deployment, which it follows from `start` to `stop`; one a process,
    safe for many threads. `predictor` scores, `decisions` decides, and the service logs the
    answers."""

    def __init__(
        self,
        db: Database,
        registry: Registry,
        options: ServiceOptions = _PLAIN,
        *,
        scale: Scale,
        now: Callable[[], datetime],
        random: Callable[[int], bytes] = randbytes,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`random` makes ids unique and need not be secret."""
        self.now = now
        self.timer = timer
        self._libraries = options.libraries
        self.stages = StageClock(_SAMPLE)
        self._deployed = Deployed(
            db, registry, scale=scale, now=now, baking=options.baking, timer=timer
        )
        self._logbook = Logbook(db, timer=timer, max_waiting_rows=options.max_waiting_rows)
        self.predictor = Predictor(
            db,
            self._deployed,
            scale,
            now=now,
            random=random,
            timer=timer,
            has_room=self._logbook.has_room,
        )
        self.decisions = DecisionMaker(db, random)
        self._follower = Follower("deployments", self.refresh, _LOOK_SECONDS)
        self._copier = Follower("log", self._logbook.copy_back, _COPY_SECONDS)
        self._shadow = Shadow(
            self.predictor.score_shadows,
            self._keep_shadow,
            timer=timer,
            limit_seconds=options.shadow_limit_seconds,
            max_waiting_rows=options.max_shadow_rows,
        )

    def start(self) -> None:
        """Load the deployed versions, then follow deployments; raises `Unavailable` if the store
        is."""
        self.refresh()
        self._logbook.open()
        self._follower.start()
        self._copier.start()
        threading.Thread(target=self._import_libraries, name="imports", daemon=True).start()

    def stop(self) -> None:
        """Stop following, and write all waiting rows."""
        self._follower.stop()
        self._copier.stop()
        self._shadow.close()
        self._logbook.close()

    def refresh(self) -> None:
        """Read the newest deployment, the policies in force and the log's free space once; a new
        version serves once it is loaded."""
        self._deployed.refresh()
        self.decisions.refresh()
        self._logbook.count_stored()

    def predict(self, asks: Sequence[Ask]) -> list[Prediction]:
        """Return the answers to rows once they are on disk; raises `Unavailable` if they cannot
        be."""
        answers = self.predictor.answer(asks, self.now(), self.timer())
        for receipt in self.log(answers):
            receipt.result()
        return answers

    def log(self, answers: Sequence[Prediction]) -> list[Kept]:
        """Queue predictions for the disk; raises `Unavailable` if too many wait. During a trial,
        the version that did not answer scores them later."""
        receipts = self._logbook.append(answers)
        self._shadow.offer(choose_shadows(self._deployed.in_force, answers))
        return receipts

    def log_batch(self, batch: Batch) -> Kept | None:
        """Write a batch whole, or queue it. Return None if it is on disk, else its receipt; raises
        as `log` does."""
        receipt = self._logbook.append_batch(batch)
        if self._deployed.in_force.before is not None:
            sampled = [
                place for place, one in enumerate(batch.ids) if is_sampled(one, EVIDENCE_SHARE)
            ]
            self._shadow.offer(
                choose_shadows(self._deployed.in_force, build_predictions(batch, sampled))
            )
        return receipt

    def log_at_once(self, answers: Sequence[Prediction]) -> bool:
        """Write predictions in the calling thread, always the same one. Return False if the write
        would have to wait, so that `log` has to be called."""
        if not self._logbook.append_at_once(answers):
            return False
        self._shadow.offer(choose_shadows(self._deployed.in_force, answers))
        return True

    def log_decided(self, request: DecidedRequest) -> Kept | None:
        """Write a decision with its predictions in the thread of `log_at_once`. Return None if it
        is on disk, else the receipt of the write; raises as `log` does."""
        receipt = None
        if not self._logbook.append_decided_at_once(request):
            receipt = self._logbook.append_decided(request)
        self._shadow.offer(choose_shadows(self._deployed.in_force, request.predictions))
        return receipt

    def add_label(self, label: Label, *, observed_at_given: bool) -> Kept:
        """Queue a label for the disk; raises `Unavailable` if too many rows wait."""
        return self._logbook.append_label(label, observed_at_given=observed_at_given)

    def describe(self) -> ServiceStatus:
        """Return the current status of this process."""
        return describe_serving(
            self._deployed.in_force,
            self.stages.summarize(),
            self._logbook.n_waiting,
            self._find_problem(),
        )

    def check_ready(self, timeout_seconds: float) -> str | None:
        """Return the reason why this process cannot serve; None if it can. It queues an empty entry
        in the log and takes the store's write lock."""
        return self._find_problem() or self._logbook.check(timeout_seconds)

    def _import_libraries(self) -> None:
        for name in self._libraries:
            import_library(name)
        if self._libraries:  # modules stay loaded, and each collection would scan them for 0.1 s
            gc.freeze()

    def _find_problem(self) -> str | None:
        if not self._follower.is_alive:
            return "Deployments are not followed: the service is not started, or has to be."
        return self._logbook.find_trouble()

    def _keep_shadow(self, scores: list[ShadowScore]) -> None:
        try:
            self._logbook.append_shadow_scores(scores)
        except OpsError as error:
            log.warning("shadow_not_kept", n_scores=len(scores), error=str(error))
