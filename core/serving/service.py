"""The prediction service: answers by what serves, and has it on disk before anyone is told."""

import importlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from random import randbytes

from core.domain.deployment import Deployment
from core.domain.label import Label
from core.domain.prediction import Prediction, Variant
from core.domain.sample import Features
from core.domain.version import HEURISTIC, Version, version_name
from core.errors import OpsError, Refused
from core.log import get_logger
from core.registry import Artifact, Registry
from core.serving.answer import (
    Ask,
    Attempt,
    build_guessed_prediction,
    build_id,
    build_model_prediction,
    check_scores,
    choose_refusal,
)
from core.serving.follower import Follower
from core.serving.heuristic import choose_guess
from core.serving.journal import Journal, Receipt
from core.settings import Scale
from core.store import deployments, labels, predictions, versions
from core.store.database import Database

MODEL_ERRORS = (
    OpsError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a fitted pipeline may raise on a row it does not like; the heuristic answers instead."""

_LOOK_SECONDS = 0.25
_RETRY_SECONDS = 5.0  # before a version that did not load is tried again
_LABELS_SECONDS = 10.0  # before the labels that the heuristic may use are read again
_N_RECENT_LABELS = 200
_MAX_ENTRY_ROWS = 2_000
_TROUBLE_SECONDS = 5.0

log = get_logger(__name__)


class LabelOutcome(StrEnum):
    """What became of a label."""

    NEW = "new"
    SAME = "same"  # the newest label of the prediction said so already
    UNKNOWN = "unknown"  # kept; joined when the prediction is logged


@dataclass(frozen=True, slots=True)
class InForce:
    """What answers: the plan's version with its artifact, or why there is none."""

    revision: int
    version: int
    artifact: Artifact | None
    why: str  # empty where a model answers


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """What a process answers with, for `status` and the system page."""

    revision: int
    version: int
    source: str  # "model" or "heuristic"
    reason: str | None  # why no model answers
    n_waiting: int  # rows that are not on disk yet
    problem: str | None  # why it cannot serve at all


@dataclass(frozen=True, slots=True)
class _GivenLabel:
    label: Label
    observed_at_given: bool


_Entry = Sequence[Prediction] | _GivenLabel
_NOTHING = InForce(0, HEURISTIC, None, "No version is deployed")


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
        libraries: Sequence[str] = (),
    ) -> None:
        """`random` makes ids differ and need not be a secret. `libraries` are modules that versions
        need: imported beside serving, so that the first deployment is not followed seconds late."""
        self._db = db
        self._registry = registry
        self._scale = scale
        self.now = now
        self._random = random
        self.timer = timer
        self._libraries = libraries
        self._in_force = _NOTHING
        self._recent: Sequence[float] = ()
        self._retry_at = self._labels_at = float("-inf")
        self._failure = ""
        self._trouble = ""
        self._trouble_at = float("-inf")
        self._follower = Follower("deployments", self.refresh, _LOOK_SECONDS)
        self._journal: Journal[_Entry, LabelOutcome | None] = Journal(
            self._write, max_batch_rows=_MAX_ENTRY_ROWS, max_waiting_rows=max_waiting_rows
        )

    def start(self) -> None:
        """Load what serves, then follow it; raises `Unavailable` where the store is away."""
        self.refresh()
        self._follower.start()
        threading.Thread(target=self._import_libraries, name="imports", daemon=True).start()

    def stop(self) -> None:
        """Stop following, and write what waits to be written."""
        self._follower.stop()
        self._journal.close()

    def refresh(self) -> None:
        """Look at the newest deployment once, and swap to it when it is loaded and warm."""
        serving = self._in_force
        retry = serving.artifact is None and self.timer() >= self._retry_at
        with self._db.read() as conn:
            if self.timer() >= self._labels_at:
                self._recent = labels.load_recent_actuals(conn, _N_RECENT_LABELS)
                self._labels_at = self.timer() + _LABELS_SECONDS
            current = deployments.find_current(conn)
            if current is None or (current.revision == serving.revision and not retry):
                return
            champion = current.plan.champion
            version = None if champion == HEURISTIC else versions.get_version(conn, champion)
        if version is None:
            self._swap(InForce(current.revision, HEURISTIC, None, _why_off(current)))
        elif serving.artifact is not None and serving.version == version.number:
            self._swap(InForce(current.revision, version.number, serving.artifact, ""))
        else:
            self._swap(self._load(version, current.revision))

    def predict(self, asks: Sequence[Ask]) -> list[Prediction]:
        """Answer rows and wait until they are on disk; raises `Unavailable` where they are not."""
        answers = self.answer(asks, self.now(), self.timer())
        for receipt in self.log(answers):
            receipt.result()
        return answers

    def answer(self, asks: Sequence[Ask], at: datetime, started: float) -> list[Prediction]:
        """Score rows that came in at `at`, not logged yet. Latency is from `started`, on this
        service's timer, to just before
        the log; the rows of a batch share it out evenly."""
        serving = self._in_force
        scores = self._score(serving, asks)
        latency_ms = (self.timer() - started) * 1000 / max(len(asks), 1)
        return [
            self._build(serving, ask, score, at, latency_ms)
            for ask, score in zip(asks, scores, strict=True)
        ]

    def log(self, answers: Sequence[Prediction]) -> list[Receipt[LabelOutcome | None]]:
        """Queue attempts for the disk; raises `Unavailable` where too many wait."""
        return [
            self._journal.append(answers[start : start + _MAX_ENTRY_ROWS], n_rows)
            for start in range(0, len(answers), _MAX_ENTRY_ROWS)
            for n_rows in [min(_MAX_ENTRY_ROWS, len(answers) - start)]
        ]

    def add_label(self, label: Label, *, observed_at_given: bool) -> Receipt[LabelOutcome | None]:
        """Queue a label for the disk; raises `Unavailable` where too many wait."""
        return self._journal.append(_GivenLabel(label, observed_at_given))

    def describe(self) -> ServiceStatus:
        """What this process answers with right now."""
        serving = self._in_force
        return ServiceStatus(
            revision=serving.revision,
            version=serving.version,
            source="heuristic" if serving.artifact is None else "model",
            reason=serving.why or None,
            n_waiting=self._journal.n_waiting,
            problem=self._find_problem(),
        )

    def check_ready(self, timeout_seconds: float) -> str | None:
        """Why this process cannot serve, or None: it takes a place in the log's queue and the
        store's write lock, without writing anything."""
        problem = self._find_problem()
        if problem is not None:
            return problem
        try:
            self._journal.append((), 0).result(timeout_seconds)
        except TimeoutError:
            return f"The log did not take anything within {timeout_seconds:g} s."
        except OpsError as error:
            return str(error)
        return None

    def _import_libraries(self) -> None:
        for name in self._libraries:
            importlib.import_module(name)

    def _find_problem(self) -> str | None:
        if not self._follower.is_alive:
            return "Deployments are not followed: the service is not started, or has to be."
        if self._trouble and self.timer() - self._trouble_at < _TROUBLE_SECONDS:
            return self._trouble
        return None

    def _load(self, version: Version, revision: int) -> InForce:
        try:
            artifact = self._registry.load_artifact(version.artifact_hash)
            artifact.verify_golden()
            self._check_scale(artifact)
        except MODEL_ERRORS as error:
            self._retry_at = self.timer() + _RETRY_SECONDS
            return InForce(
                revision, version.number, None, f"{version.name} does not load: {_clean(error)}"
            )
        return InForce(revision, version.number, artifact, "")

    def _check_scale(self, artifact: Artifact) -> None:
        card = artifact.card
        if (card.scale_low, card.scale_high) != (self._scale.low, self._scale.high):
            raise Refused(
                f"it was trained on the scale {card.scale_low:g}:{card.scale_high:g} and "
                f"PLUMBLINE_SCALE is {self._scale.low:g}:{self._scale.high:g}"
            )

    def _swap(self, following: InForce) -> None:
        previous, self._in_force = self._in_force, following
        if following == previous:
            return
        if following.artifact is None and following.version != HEURISTIC:
            log.warning("version_not_served", version=following.version, reason=following.why)
        else:
            log.info("serves", version=version_name(following.version), revision=following.revision)

    def _build(
        self, serving: InForce, ask: Ask, score: float | str, at: datetime, latency_ms: float
    ) -> Prediction:
        attempt = Attempt(
            id=build_id(at, self._random(10)),
            at=at,
            revision=serving.revision,
            version=serving.version,
            variant=Variant.CHAMPION,
            latency_ms=latency_ms,
        )
        if serving.artifact is None or isinstance(score, str):
            guess = choose_guess(ask.features, self._recent, self._scale)
            return build_guessed_prediction(ask, attempt, str(score), guess)
        return build_model_prediction(ask, attempt, score, serving.artifact.card, self._scale)

    def _score(self, serving: InForce, asks: Sequence[Ask]) -> list[float | str]:
        """A score for each row, or why the model has none."""
        artifact = serving.artifact
        if artifact is None:
            return [serving.why] * len(asks)
        refusals = [choose_refusal(ask.features, artifact.card, serving.version) for ask in asks]
        rows = [ask.features for ask, refusal in zip(asks, refusals, strict=True) if not refusal]
        scores = iter(self._score_rows(serving.version, artifact, rows))
        return [refusal or next(scores) for refusal in refusals]

    def _score_rows(
        self, version: int, artifact: Artifact, rows: Sequence[Features]
    ) -> list[float | str]:
        if not rows:
            return []
        try:
            scores: list[float] = artifact.score(rows).tolist()
            check_scores(scores, len(rows))
        except MODEL_ERRORS as error:
            if len(rows) > 1:  # one bad row does not take the others' model away
                return [self._score_rows(version, artifact, [row])[0] for row in rows]
            why = f"{version_name(version)} cannot score this row: {_clean(error)}"
            self._report_failure(why)
            return [why]
        return list(scores)

    def _report_failure(self, why: str) -> None:
        if why != self._failure:  # once, not at every request
            self._failure = why
            log.warning("model_failed", reason=why, exc_info=True)

    def _write(self, entries: Sequence[_Entry]) -> list[LabelOutcome | None]:
        rows = [row for entry in entries if not isinstance(entry, _GivenLabel) for row in entry]
        outcomes: list[LabelOutcome | None] = []
        try:
            with self._db.write() as conn:
                predictions.append_predictions(conn, rows)
                for entry in entries:
                    if not isinstance(entry, _GivenLabel):
                        outcomes.append(None)
                        continue
                    is_new = labels.append_label(
                        conn, entry.label, observed_at_given=entry.observed_at_given
                    )
                    is_known = predictions.has_prediction(conn, entry.label.prediction_id)
                    outcomes.append(_judge_label(is_new, is_known))
        except OpsError as error:
            self._trouble, self._trouble_at = str(error), self.timer()
            log.warning("log_not_written", n_entries=len(entries), error=str(error))
            raise
        self._trouble = ""
        return outcomes


def _judge_label(is_new: bool, is_known: bool) -> LabelOutcome:
    if not is_known:
        return LabelOutcome.UNKNOWN
    return LabelOutcome.NEW if is_new else LabelOutcome.SAME


def _why_off(current: Deployment) -> str:
    reason = current.reason.rstrip(".")
    return f"{current.by} deployed the heuristic in place of a model ({reason})"


def _clean(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300].rstrip(".")
