"""The prediction service: answers by what serves, and has it on disk before anyone is told."""

import gc
import importlib
import threading
import time
from array import array
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import randbytes

from core.domain.dataset import TEXT
from core.domain.deployment import EVIDENCE_SHARE
from core.domain.prediction import (
    Batch,
    Columns,
    Label,
    Prediction,
    Variant,
    build_key,
    build_predictions,
)
from core.domain.sample import HISTORY
from core.domain.trial import ShadowScore
from core.domain.version import version_name
from core.errors import OpsError
from core.log import get_logger
from core.registry import Registry
from core.serving.answer import (
    Ask,
    Received,
    ScoringAttempt,
    build_guessed_prediction,
    build_id,
    build_model_prediction,
    clip,
    find_all_limits,
    to_array,
)
from core.serving.columns import AskedColumns
from core.serving.fallback import choose_guess
from core.serving.log.prediction_log import Kept, Logbook
from core.serving.poller import Follower
from core.serving.routing import LoadedVersion, Routing, choose_shadows, choose_variant, is_sampled
from core.serving.scoring import (
    MODEL_ERRORS,
    InputRow,
    build_asked,
    carry_rows,
    recall_asked,
    score_asked,
)
from core.serving.shadow import Shadow, ShadowAsk
from core.serving.telemetry.latency_breakdown import ServiceStatus, StageClock, describe_serving
from core.serving.version_loader import Deployed
from core.settings import Scale
from core.store.engine.database import Database

_BESIDE = frozenset({TEXT, *HISTORY})
_LOOK_SECONDS = 0.25
_COPY_SECONDS = 0.5  # between two copies of the log back, so that no request waits for a long one
_SAMPLE = 64  # of so many requests, the stages of one are kept

log = get_logger(__name__)


class PredictionService:
    """Answers by the newest deployment, which it follows from `start` to `stop`; one a process,
    used by many threads."""

    def __init__(
        self,
        db: Database,
        registry: Registry,
        *,
        scale: Scale,
        now: Callable[[], datetime],
        baking: Callable[[], timedelta] = timedelta,
        random: Callable[[int], bytes] = randbytes,
        timer: Callable[[], float] = time.perf_counter,
        max_waiting_rows: int = 20_000,
        shadow_limit_seconds: float = 5.0,
        max_shadow_rows: int = 20_000,
        max_stored_rows: int = 1_000_000,
        libraries: Sequence[str] = (),
    ) -> None:
        """`baking` gives the time for which the version before a release scores some requests too.
        `random` makes ids differ and need not be a secret. While `max_stored_rows` of batches
        wait to be moved to the log, further ones are answered row by row. `libraries` are modules
        that versions need: imported beside serving, so that the first deployment is not followed
        seconds late."""
        self._db = db
        self._scale = scale
        self.now = now
        self._random = random
        self.timer = timer
        self._max_stored_rows = max_stored_rows
        self._libraries = libraries
        self.stages = StageClock(_SAMPLE)
        self._deployed = Deployed(db, registry, scale=scale, now=now, baking=baking, timer=timer)
        self._failure = ""
        self._follower = Follower("deployments", self.refresh, _LOOK_SECONDS)
        self._logbook = Logbook(db, timer=timer, max_waiting_rows=max_waiting_rows)
        self._copier = Follower("log", self._logbook.copy_back, _COPY_SECONDS)
        self._shadow = Shadow(
            self._score_shadow,
            self._keep_shadow,
            timer=timer,
            limit_seconds=shadow_limit_seconds,
            max_waiting_rows=max_shadow_rows,
        )

    def start(self) -> None:
        """Load what serves, then follow it; raises `Unavailable` where the store is away."""
        self.refresh()
        self._logbook.open()
        self._follower.start()
        self._copier.start()
        threading.Thread(target=self._import_libraries, name="imports", daemon=True).start()

    def stop(self) -> None:
        """Stop following, and write what waits to be written."""
        self._follower.stop()
        self._copier.stop()
        self._shadow.close()
        self._logbook.close()

    def refresh(self) -> None:
        """Look at the newest deployment once, and swap to it when it is loaded and warm."""
        self._deployed.refresh()

    def predict(self, asks: Sequence[Ask]) -> list[Prediction]:
        """Answer rows and wait until they are on disk; raises `Unavailable` where they are not."""
        answers = self.answer(asks, self.now(), self.timer())
        for receipt in self.log(answers):
            receipt.result()
        return answers

    def answer(self, asks: Sequence[Ask], at: datetime, started: float) -> list[Prediction]:
        """Score the rows of a batch that came in at `at`, not logged yet. Latency is from
        `started`, on this service's timer, to just before the log, and shared out evenly."""
        serving = self._deployed.in_force
        variants, scores = self._score_sides(serving, [(ask, at) for ask in asks])
        latency_ms = (self.timer() - started) * 1000 / max(len(asks), 1)
        return [
            self._build(serving, variant, ask, score, at, latency_ms)
            for variant, ask, score in zip(variants, asks, scores, strict=True)
        ]

    def answer_columns(self, asked: AskedColumns, at: datetime, started: float) -> Batch | None:
        """`answer` by columns; None where rows have to be looked at one by one: a trial runs, no
        model answers, it reads more than features, it has nothing to read in a row or no score for
        it; or where too many rows wait for the log."""
        serving = self._deployed.in_force
        model = serving.champion.artifact
        if (
            model is None
            or serving.challenger is not None
            or not model.takes_columns
            or self._deployed.n_stored + asked.n_rows > self._max_stored_rows
            or not any(isinstance(asked.features.get(name), array) for name in model.card.features)
        ):
            return None
        try:
            scores = model.score_columns(Columns(asked.features))
        except MODEL_ERRORS:
            return None
        limits = find_all_limits(scores, model.card)
        return Batch(
            key=build_key(at, self._random(8)),
            at=at,
            version=serving.champion.version,
            revision=serving.revision,
            latency_ms=(self.timer() - started) * 1000 / asked.n_rows,
            features=asked.features,
            unit_ids=asked.unit_ids,
            scores=to_array(scores),
            lows=None if limits is None else to_array(limits[0]),
            highs=None if limits is None else to_array(limits[1]),
        )

    @property
    def reads_beside(self) -> bool:
        """Whether what answers reads texts or the store, which may take long, beside features."""
        sides = (side.artifact for side in self._deployed.in_force.sides)
        return any(model is not None and _BESIDE & {*model.card.reads} for model in sides)

    def answer_together(self, rows: Sequence[Received], late: str = "") -> list[Prediction]:
        """Score rows of several requests at once, not logged yet; each has its own latency. Where
        `late` says what took too long, no model is asked and the heuristic answers for it."""
        serving = self._deployed.in_force
        asks = [(row.ask, row.at) for row in rows]
        variants, scores = self._score_sides(serving, asks, late)
        ended = self.timer()
        return [
            self._build(serving, variant, row.ask, score, row.at, (ended - row.started) * 1000)
            for variant, row, score in zip(variants, rows, scores, strict=True)
        ]

    def log(self, answers: Sequence[Prediction]) -> list[Kept]:
        """Queue attempts for the disk; raises `Unavailable` where too many wait. While a trial
        runs, the version that did not answer scores them as well, later and beside serving."""
        receipts = self._logbook.append(answers)
        self._shadow.offer(choose_shadows(self._deployed.in_force, answers))
        return receipts

    def log_batch(self, batch: Batch) -> Kept | None:
        """Put a batch on disk, whole, or queue it: None where it is there; see `log`."""
        receipt = self._logbook.append_batch(batch)
        self._deployed.n_stored += batch.n_rows
        if self._deployed.in_force.before is not None:
            sampled = [
                place for place, one in enumerate(batch.ids) if is_sampled(one, EVIDENCE_SHARE)
            ]
            self._shadow.offer(
                choose_shadows(self._deployed.in_force, build_predictions(batch, sampled))
            )
        return receipt

    def log_at_once(self, answers: Sequence[Prediction]) -> bool:
        """Write attempts from the calling thread, always the same one; False where that would have
        to wait, and `log` has to be asked."""
        if not self._logbook.append_at_once(answers):
            return False
        self._shadow.offer(choose_shadows(self._deployed.in_force, answers))
        return True

    def time_row(self, ask: Ask) -> tuple[float, float] | None:
        """The seconds that features and model take for a row, scored once more by the champion;
        None where there is no model or it has no score."""
        model = self._deployed.in_force.champion.artifact
        if model is None:
            return None
        try:
            [row] = carry_rows(self._db, model.card, [build_asked(ask, self.now())])
            return model.time_row(row, self.timer)
        except MODEL_ERRORS:
            return None

    def add_label(self, label: Label, *, observed_at_given: bool) -> Kept:
        """Queue a label for the disk; raises `Unavailable` where too many wait."""
        return self._logbook.append_label(label, observed_at_given=observed_at_given)

    def describe(self) -> ServiceStatus:
        """What this process answers with right now."""
        return describe_serving(
            self._deployed.in_force,
            self.stages.summarize(),
            self._logbook.n_waiting,
            self._find_problem(),
        )

    def check_ready(self, timeout_seconds: float) -> str | None:
        """Why this process cannot serve, or None: it takes a place in the log's queue and the
        store's write lock, without writing anything."""
        return self._find_problem() or self._logbook.check(timeout_seconds)

    def _import_libraries(self) -> None:
        for name in self._libraries:
            importlib.import_module(name)
        if self._libraries:  # they stay, as what is loaded: looking through them takes 0.1 s
            gc.freeze()

    def _find_problem(self) -> str | None:
        if not self._follower.is_alive:
            return "Deployments are not followed: the service is not started, or has to be."
        return self._logbook.find_trouble()

    def _build(
        self,
        serving: Routing,
        variant: Variant,
        ask: Ask,
        score: float | str,
        at: datetime,
        latency_ms: float,
    ) -> Prediction:
        side = serving.get_side(variant)
        attempt = ScoringAttempt(
            id=build_id(at, self._random(10)),
            at=at,
            revision=serving.revision,
            version=side.version,
            variant=variant,
            latency_ms=latency_ms,
        )
        if side.artifact is None or isinstance(score, str):
            guess = choose_guess(ask.features, self._deployed.recent, self._scale)
            return build_guessed_prediction(ask, attempt, str(score), guess)
        return build_model_prediction(ask, attempt, score, side.artifact.card, self._scale)

    def _score_sides(
        self, serving: Routing, asks: Sequence[tuple[Ask, datetime]], late: str = ""
    ) -> tuple[list[Variant], list[float | str]]:
        """The side that answers each row, and its score or why it has none: `late`, if given."""
        rows = [build_asked(ask, at) for ask, at in asks]
        if serving.challenger is None:
            return [Variant.CHAMPION] * len(rows), self._score(serving.champion, rows, late)
        variants = [
            choose_variant(ask.unit_id, serving.salt, serving.traffic, self._random(8))
            for ask, _ in asks
        ]
        scores: dict[int, float | str] = {}
        for variant in set(variants):
            places = [place for place, chosen in enumerate(variants) if chosen is variant]
            found = self._score(serving.get_side(variant), [rows[place] for place in places], late)
            scores |= zip(places, found, strict=True)
        return variants, [scores[place] for place in range(len(rows))]

    def _score_shadow(self, asks: Sequence[ShadowAsk]) -> list[float | str]:
        """A score for each row, or why there is none; asked from the shadow's thread."""
        sides = {side.version: side for side in self._deployed.in_force.loaded}
        scores: dict[int, float | str] = {}
        for version in {ask.version for ask in asks}:
            places = [place for place, ask in enumerate(asks) if ask.version == version]
            side = sides.get(version, LoadedVersion(version, None, "It does not score any more"))
            rows = [recall_asked(asks[place].answered) for place in places]
            scores |= zip(places, self._score(side, rows), strict=True)
        return [
            score if isinstance(score, str) else clip(score, self._scale)
            for score in (scores[place] for place in range(len(asks)))
        ]

    def _keep_shadow(self, scores: list[ShadowScore]) -> None:
        try:
            self._logbook.append_shadow_scores(scores)
        except OpsError as error:
            log.warning("shadow_not_kept", n_scores=len(scores), error=str(error))

    def _score(
        self, side: LoadedVersion, rows: Sequence[InputRow], late: str = ""
    ) -> list[float | str]:
        """A score for each row, or why the model has none."""
        if side.artifact is None:
            return [side.why] * len(rows)
        if late:
            return [f"{version_name(side.version)} did not answer: {late}"] * len(rows)
        return score_asked(self._db, side.artifact, side.version, rows, self._report_failure)

    def _report_failure(self, why: str) -> None:
        if why != self._failure:  # once, not at every request
            self._failure = why
            log.warning("model_failed", reason=why, exc_info=True)
