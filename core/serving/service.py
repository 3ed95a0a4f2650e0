"""The prediction service: answers by what serves, and has it on disk before anyone is told."""

import gc
import importlib
import threading
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import randbytes

from core.artifacts.artifact import Artifact
from core.domain.api_worker import StageTime
from core.domain.batch import Batch, Columns, build_key, build_predictions
from core.domain.feature import HISTORY
from core.domain.label import Label
from core.domain.prediction import Prediction, Variant
from core.domain.recent import N_RECENT_LABELS, RecentLabels, summarize_recent
from core.domain.retired import EVIDENCE_SHARE, find_retired
from core.domain.snapshot import TEXT
from core.domain.trial import ShadowScore
from core.domain.version import HEURISTIC, Version, version_name
from core.errors import OpsError, Refused
from core.log import get_logger
from core.registry import Registry
from core.serving.answer import (
    Ask,
    Attempt,
    Received,
    build_guessed_prediction,
    build_id,
    build_model_prediction,
    clip,
    find_all_limits,
    to_array,
)
from core.serving.assignment import choose_variant, is_sampled
from core.serving.cache import CachedModel
from core.serving.carry import Asked, build_asked, carry_rows, recall_asked
from core.serving.columns import AskedColumns
from core.serving.follower import Follower
from core.serving.heuristic import choose_guess, explain_heuristic
from core.serving.logbook import Kept, Logbook
from core.serving.scoring import MODEL_ERRORS, clean_error, score_asked
from core.serving.shadow import Shadow, ShadowAsk
from core.serving.stages import StageClock
from core.settings import Scale
from core.store import (
    batches,
    deployments,
    labels,
    versions,
    widenings,
)
from core.store.database import Database

_BESIDE = frozenset({TEXT, *HISTORY})
_LOOK_SECONDS = 0.25
_COPY_SECONDS = 0.5  # between two copies of the log back, so that no request waits for a long one
_RETRY_SECONDS = 5.0  # before a version that did not load is tried again
_LABELS_SECONDS = 10.0  # before what comes of labels is read again: means, widths of intervals
_MAX_CACHED_ROWS = 10_000  # a version, of about 2 KB each
_SAMPLE = 64  # of so many requests, the stages of one are kept

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Side:
    """A version of the plan with its artifact, or why there is none."""

    version: int
    artifact: CachedModel | None
    why: str  # empty where a model answers


@dataclass(frozen=True, slots=True)
class InForce:
    """What answers: the champion and, while a trial runs, the challenger with its share. Without a
    trial, `retired` is the model before, which scores some requests beside the answers for a
    while."""

    revision: int
    champion: Side
    challenger: Side | None = None
    traffic: float = 0.0
    salt: str = ""
    retired: Side | None = None
    retired_until: datetime | None = None

    @property
    def sides(self) -> tuple[Side, ...]:
        """The versions that score."""
        return (self.champion,) if self.challenger is None else (self.champion, self.challenger)

    @property
    def loaded(self) -> tuple[Side, ...]:
        """The versions that may score, answers or beside them."""
        return self.sides if self.retired is None else (*self.sides, self.retired)


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """What a process answers with, for `status` and the system page."""

    revision: int
    version: str  # as it is written, such as "v3"
    source: str  # "model" or "heuristic"
    reason: str | None  # why no model answers
    challenger: str | None  # the version on trial
    challenger_reason: str | None  # why it does not score
    scorer: str  # "compiled", "pipeline", or "heuristic" where no model answers
    scorer_reason: str | None  # why it is not a compiled one
    cache_asked: int  # single rows that were looked up, since the version was loaded
    cache_found: int  # and those whose score was there
    stages: Mapping[str, StageTime]  # where the time of single requests goes
    n_waiting: int  # rows that are not on disk yet
    problem: str | None  # why it cannot serve at all


_NOTHING = InForce(0, Side(HEURISTIC, None, "No version is deployed"))


class PredictionService:
    """Follows the newest deployment from `start` to `stop`; one a process, used by many threads.

    A version that does not load is never replaced by one that nobody chose: the heuristic answers
    with the reason until the version loads or another is deployed."""

    def __init__(
        self,
        db: Database,
        registry: Registry,
        *,
        scale: Scale,
        now: Callable[[], datetime],
        random: Callable[[int], bytes] = randbytes,
        timer: Callable[[], float] = time.perf_counter,
        max_waiting_rows: int = 20_000,
        shadow_limit_seconds: float = 5.0,
        max_shadow_rows: int = 20_000,
        max_stored_rows: int = 1_000_000,
        libraries: Sequence[str] = (),
    ) -> None:
        """`random` makes ids differ and need not be a secret. While `max_stored_rows` of batches
        wait to be moved to the log, further ones are answered row by row. `libraries` are modules
        that versions need: imported beside serving, so that the first deployment is not followed
        seconds late."""
        self._db = db
        self._registry = registry
        self._scale = scale
        self.now = now
        self._random = random
        self.timer = timer
        self._max_stored_rows = max_stored_rows
        self._n_stored = 0  # rows of batches that wait, as counted last, with what came since
        self._libraries = libraries
        self.stages = StageClock(_SAMPLE)
        self._in_force = _NOTHING
        self._recent = RecentLabels()
        self._retry_at = self._labels_at = float("-inf")
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
        serving = self._in_force
        retry = self.timer() >= self._retry_at and any(
            side.artifact is None for side in serving.sides
        )
        with self._db.read() as conn:
            if self.timer() >= self._labels_at:
                self._recent = summarize_recent(labels.load_recent_labelled(conn, N_RECENT_LABELS))
                for side in serving.loaded:
                    if side.artifact is not None:
                        side.artifact.widen(widenings.find_factor(conn, side.version))
                self._labels_at = self.timer() + _LABELS_SECONDS
            self._n_stored = batches.count_rows(conn)
            current = deployments.find_current(conn)
            if current is None or (current.revision == serving.revision and not retry):
                return
            plan = current.plan
            retired = find_retired(deployments.load_history(conn), self.now())
            before = None if retired is None else versions.get_version(conn, retired.version)
            numbers = [number for number in (plan.champion, plan.challenger) if number is not None]
            found = [
                None if number == HEURISTIC else versions.get_version(conn, number)
                for number in numbers
            ]
        champion, *challengers = [
            Side(HEURISTIC, None, explain_heuristic(current))
            if version is None
            else self._open(version)
            for version in found
        ]
        challenger = challengers[0] if challengers else None
        kept = None if before is None else self._find_loaded(before.number)
        following = InForce(current.revision, champion, challenger, plan.traffic, plan.salt or "")
        self._swap(following)
        if before is not None and retired is not None:
            side = kept or self._open(before)  # loaded after the swap, which it must not delay
            if side.artifact is not None:
                self._in_force = replace(following, retired=side, retired_until=retired.until_at)

    def predict(self, asks: Sequence[Ask]) -> list[Prediction]:
        """Answer rows and wait until they are on disk; raises `Unavailable` where they are not."""
        answers = self.answer(asks, self.now(), self.timer())
        for receipt in self.log(answers):
            receipt.result()
        return answers

    def answer(self, asks: Sequence[Ask], at: datetime, started: float) -> list[Prediction]:
        """Score the rows of a batch that came in at `at`, not logged yet. Latency is from
        `started`, on this service's timer, to just before the log, and shared out evenly."""
        serving = self._in_force
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
        serving = self._in_force
        model = serving.champion.artifact
        if (
            model is None
            or serving.challenger is not None
            or not model.takes_columns
            or asked.texts is not None
            or asked.event_ats is not None
            or self._n_stored + asked.n_rows > self._max_stored_rows
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
        sides = (side.artifact for side in self._in_force.sides)
        return any(model is not None and _BESIDE & {*model.card.reads} for model in sides)

    def answer_together(self, rows: Sequence[Received], late: str = "") -> list[Prediction]:
        """Score rows of several requests at once, not logged yet; each has its own latency. Where
        `late` says what took too long, no model is asked and the heuristic answers for it."""
        serving = self._in_force
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
        self._shadow.offer(choose_shadows(self._in_force, answers))
        return receipts

    def log_batch(self, batch: Batch) -> Kept | None:
        """Put a batch on disk, whole, or queue it: None where it is there; see `log`."""
        receipt = self._logbook.append_batch(batch)
        self._n_stored += batch.n_rows
        if self._in_force.retired is not None:
            sampled = [
                place for place, one in enumerate(batch.ids) if is_sampled(one, EVIDENCE_SHARE)
            ]
            self._shadow.offer(choose_shadows(self._in_force, build_predictions(batch, sampled)))
        return receipt

    def log_at_once(self, answers: Sequence[Prediction]) -> bool:
        """Write attempts from the calling thread, always the same one; False where that would have
        to wait, and `log` has to be asked."""
        if not self._logbook.append_at_once(answers):
            return False
        self._shadow.offer(choose_shadows(self._in_force, answers))
        return True

    def time_row(self, ask: Ask) -> tuple[float, float] | None:
        """The seconds that features and model take for a row, scored once more by the champion;
        None where there is no model or it has no score."""
        model = self._in_force.champion.artifact
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
        serving = self._in_force
        champion, challenger = serving.champion, serving.challenger
        why = champion.why if champion.artifact is None else champion.artifact.why_uncompiled
        scorer = "pipeline" if why else "compiled"
        return ServiceStatus(
            revision=serving.revision,
            version=version_name(champion.version),
            source="heuristic" if champion.artifact is None else "model",
            reason=champion.why or None,
            challenger=None if challenger is None else version_name(challenger.version),
            challenger_reason=None if challenger is None else challenger.why or None,
            scorer="heuristic" if champion.artifact is None else scorer,
            scorer_reason=why or None,
            cache_asked=0 if champion.artifact is None else champion.artifact.n_asked,
            cache_found=0 if champion.artifact is None else champion.artifact.n_found,
            stages=self.stages.summarize(),
            n_waiting=self._logbook.n_waiting,
            problem=self._find_problem(),
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

    def _open(self, version: Version) -> Side:
        """The version as it is loaded already, or loaded now."""
        kept = self._find_loaded(version.number)
        if kept is not None:
            return kept
        try:
            artifact = self._registry.load_artifact(version.artifact_hash)
            artifact.verify_golden()
            self._check_scale(artifact)
            model = CachedModel(artifact, _MAX_CACHED_ROWS)
            with self._db.read() as conn:
                model.widen(widenings.find_factor(conn, version.number))
            side = Side(version.number, model, "")
            if artifact.why_uncompiled:
                log.warning(
                    "served_by_pipeline", version=version.number, reason=artifact.why_uncompiled
                )
        except MODEL_ERRORS as error:
            self._retry_at = self.timer() + _RETRY_SECONDS
            return Side(version.number, None, f"{version.name} does not load: {clean_error(error)}")
        return side

    def _find_loaded(self, number: int) -> Side | None:
        for side in self._in_force.loaded:
            if side.version == number and side.artifact is not None:
                return side
        return None

    def _check_scale(self, artifact: Artifact) -> None:
        card = artifact.card
        if (card.scale_low, card.scale_high) != (self._scale.low, self._scale.high):
            raise Refused(
                f"it was trained on the scale {card.scale_low:g}:{card.scale_high:g} and "
                f"PLUMBLINE_SCALE is {self._scale.low:g}:{self._scale.high:g}"
            )

    def _swap(self, following: InForce) -> None:
        previous, self._in_force = self._in_force, following
        if following.revision != previous.revision:
            for side in following.sides:
                if side.artifact is not None:
                    side.artifact.clear()
        if following == previous:
            return
        for side in following.sides:
            if side.artifact is None and side.version != HEURISTIC:
                log.warning("version_not_served", version=side.version, reason=side.why)
        champion, challenger = following.champion, following.challenger
        if champion.artifact is not None or champion.version == HEURISTIC:
            log.info(
                "serves",
                version=version_name(champion.version),
                challenger=None if challenger is None else version_name(challenger.version),
                traffic=following.traffic,
                revision=following.revision,
            )

    def _build(
        self,
        serving: InForce,
        variant: Variant,
        ask: Ask,
        score: float | str,
        at: datetime,
        latency_ms: float,
    ) -> Prediction:
        side = _side(serving, variant)
        attempt = Attempt(
            id=build_id(at, self._random(10)),
            at=at,
            revision=serving.revision,
            version=side.version,
            variant=variant,
            latency_ms=latency_ms,
        )
        if side.artifact is None or isinstance(score, str):
            guess = choose_guess(ask.features, self._recent, self._scale)
            return build_guessed_prediction(ask, attempt, str(score), guess)
        return build_model_prediction(ask, attempt, score, side.artifact.card, self._scale)

    def _score_sides(
        self, serving: InForce, asks: Sequence[tuple[Ask, datetime]], late: str = ""
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
            found = self._score(_side(serving, variant), [rows[place] for place in places], late)
            scores |= zip(places, found, strict=True)
        return variants, [scores[place] for place in range(len(rows))]

    def _score_shadow(self, asks: Sequence[ShadowAsk]) -> list[float | str]:
        """A score for each row, or why there is none; asked from the shadow's thread."""
        sides = {side.version: side for side in self._in_force.loaded}
        scores: dict[int, float | str] = {}
        for version in {ask.version for ask in asks}:
            places = [place for place, ask in enumerate(asks) if ask.version == version]
            side = sides.get(version, Side(version, None, "It does not score any more"))
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

    def _score(self, side: Side, rows: Sequence[Asked], late: str = "") -> list[float | str]:
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


def choose_shadows(serving: InForce, answers: Sequence[Prediction]) -> list[ShadowAsk]:
    """Which versions shall score answered requests as well: on a trial the other side of each, else
    the version before for one in ten, until its time is over."""
    if serving.challenger is None:
        retired, until_at = serving.retired, serving.retired_until
        if retired is None or until_at is None:
            return []
        return [
            ShadowAsk(answer, retired.version)
            for answer in answers
            if answer.version == serving.champion.version
            and answer.at < until_at
            and is_sampled(answer.id, EVIDENCE_SHARE)
        ]
    numbers = [side.version for side in serving.sides]
    return [
        ShadowAsk(answer, number)
        for answer in answers
        if answer.version in numbers
        for number in numbers
        if number != answer.version
    ]


def _side(serving: InForce, variant: Variant) -> Side:
    challenger = serving.challenger
    return serving.champion if variant is Variant.CHAMPION or challenger is None else challenger
