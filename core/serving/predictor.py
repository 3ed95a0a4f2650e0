"""The predictor: answers rows by the loaded versions, and writes nothing."""

from array import array
from collections.abc import Callable, Sequence
from datetime import datetime

from core.domain.dataset import TEXT
from core.domain.prediction import Batch, Columns, Prediction, Route, Variant, build_key
from core.domain.sample import HISTORY
from core.domain.version import version_name
from core.log import get_logger
from core.serving.answer import (
    Ask,
    Received,
    ScoringAttempt,
    build_guessed_prediction,
    build_id,
    build_model_prediction,
    clip,
    find_all_limits,
    mark_batch,
    to_array,
)
from core.serving.columns import AskedColumns
from core.serving.fallback import choose_guess
from core.serving.routing import LoadedVersion, Routing, choose_variant
from core.serving.scoring import (
    MODEL_ERRORS,
    InputRow,
    build_asked,
    carry_rows,
    recall_asked,
    score_asked,
)
from core.serving.shadow import ShadowAsk
from core.serving.version_loader import Deployed
from core.settings import Scale
from core.store.engine.database import Database

_SLOW_INPUTS = frozenset({TEXT, *HISTORY})

log = get_logger(__name__)


class Predictor:
    """Answers rows by the versions that a `Deployed` has loaded; safe for many threads."""

    def __init__(
        self,
        db: Database,
        deployed: Deployed,
        scale: Scale,
        *,
        now: Callable[[], datetime],
        random: Callable[[int], bytes],
        timer: Callable[[], float],
        has_room: Callable[[int], bool],
    ) -> None:
        self._db = db
        self._deployed = deployed
        self._scale = scale
        self._now = now
        self._random = random
        self._timer = timer
        self._has_room = has_room
        self._failure = ""

    def answer(
        self,
        asks: Sequence[Ask],
        at: datetime,
        started: float,
        route: Route = Route.SINGLE,
    ) -> list[Prediction]:
        """Return the answers to the rows of a batch that arrived at `at`. The latency from
        `started` on the timer to now is divided equally among the rows."""
        serving = self._deployed.in_force
        variants, scores = self._score_sides(serving, [(ask, at) for ask in asks])
        latency_ms = (self._timer() - started) * 1000 / max(len(asks), 1)
        batch_rows = None if route is Route.SINGLE else 0
        answers = [
            self._build(serving, variant, ask, score, at, latency_ms, batch_rows)
            for variant, ask, score in zip(variants, asks, scores, strict=True)
        ]
        return answers if route is Route.SINGLE else mark_batch(answers)

    def answer_together(self, rows: Sequence[Received], late: str = "") -> list[Prediction]:
        """Return the answers to rows of several requests, each with its own latency. If `late`
        names a step that took too long, the heuristic answers with it as the reason."""
        serving = self._deployed.in_force
        asks = [(row.ask, row.at) for row in rows]
        variants, scores = self._score_sides(serving, asks, late)
        ended = self._timer()
        return [
            self._build(serving, variant, row.ask, score, row.at, (ended - row.started) * 1000)
            for variant, row, score in zip(variants, rows, scores, strict=True)
        ]

    def answer_columns(
        self, asked: AskedColumns, at: datetime, started: float, key_id: int | None = None
    ) -> Batch | None:
        """Return the answers as a batch of columns. None if each row has to be handled on its own:
        a trial runs, no model answers, the model reads more than features, a row has nothing to
        read or no score, or the log has no room for so many rows."""
        serving = self._deployed.in_force
        model = serving.champion.artifact
        if (
            model is None
            or serving.challenger is not None
            or not model.takes_columns
            or not self._has_room(asked.n_rows)
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
            latency_ms=(self._timer() - started) * 1000 / asked.n_rows,
            features=asked.features,
            unit_ids=asked.unit_ids,
            scores=to_array(scores),
            lows=None if limits is None else to_array(limits[0]),
            highs=None if limits is None else to_array(limits[1]),
            key_id=key_id,
        )

    @property
    def is_slow(self) -> bool:
        """True if a version reads texts or the store, which may take long."""
        sides = (side.artifact for side in self._deployed.in_force.sides)
        return any(model is not None and _SLOW_INPUTS & {*model.card.reads} for model in sides)

    def time_row(self, ask: Ask) -> tuple[float, float] | None:
        """Return the seconds for the features and for the model of a row, scored once more by the
        champion; None if there is no model or no score."""
        model = self._deployed.in_force.champion.artifact
        if model is None:
            return None
        try:
            [row] = carry_rows(self._db, model.card, [build_asked(ask, self._now())])
            return model.time_row(row, self._timer)
        except MODEL_ERRORS:
            return None

    def score_shadows(self, asks: Sequence[ShadowAsk]) -> list[float | str]:
        """Return a score for each row by the version that it names, or the reason why there is
        none."""
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

    def _build(
        self,
        serving: Routing,
        variant: Variant,
        ask: Ask,
        score: float | str,
        at: datetime,
        latency_ms: float,
        batch_rows: int | None = None,
    ) -> Prediction:
        side = serving.get_side(variant)
        attempt = ScoringAttempt(
            id=build_id(at, self._random(10)),
            at=at,
            revision=serving.revision,
            version=side.version,
            variant=variant,
            latency_ms=latency_ms,
            batch_rows=batch_rows,
        )
        if side.artifact is None or isinstance(score, str):
            guess = choose_guess(ask.features, self._deployed.recent, self._scale)
            card = None if side.artifact is None else side.artifact.card
            return build_guessed_prediction(ask, attempt, str(score), guess, card)
        return build_model_prediction(ask, attempt, score, side.artifact.card, self._scale)

    def _score_sides(
        self, serving: Routing, asks: Sequence[tuple[Ask, datetime]], late: str = ""
    ) -> tuple[list[Variant], list[float | str]]:
        """Return the variant that answers each row, and its score or the reason why it has none."""
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

    def _score(
        self, side: LoadedVersion, rows: Sequence[InputRow], late: str = ""
    ) -> list[float | str]:
        """Return a score for each row, or the reason why the model has none."""
        if side.artifact is None:
            return [side.why] * len(rows)
        if late:
            return [f"{version_name(side.version)} did not answer: {late}"] * len(rows)
        return score_asked(self._db, side.artifact, side.version, rows, self._report_failure)

    def _report_failure(self, why: str) -> None:
        if why != self._failure:  # logged once, not at every request
            self._failure = why
            log.warning("model_failed", reason=why, exc_info=True)
