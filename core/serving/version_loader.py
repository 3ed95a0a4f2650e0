"""The deployed versions, followed from one deployment to the next and loaded before they serve."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.artifacts.artifact import Artifact
from core.domain.deployment import Deployment, find_release
from core.domain.history import N_RECENT_LABELS, RecentLabels, summarize_recent
from core.domain.version import HEURISTIC, Version, version_name
from core.errors import Refused
from core.log import get_logger
from core.registry import Registry
from core.serving.cache import CachedModel
from core.serving.fallback import explain_heuristic
from core.serving.routing import NOTHING, LoadedVersion, Routing
from core.serving.scoring import MODEL_ERRORS, clean_error
from core.settings import Scale
from core.store.engine.database import Database
from core.store.models import deployments, versions
from core.store.monitoring import health
from core.store.predictions import labels

DOES_NOT_LOAD = "does not load"
"""What the reason of an answer says of a version that no model answered for."""

_RETRY_SECONDS = 5.0  # before a version that did not load is tried again
_LABELS_SECONDS = 10.0  # between reads of what labels change: means, widths of intervals
_MAX_CACHED_ROWS = 10_000  # of one version, about 2 KB each

log = get_logger(__name__)


class Deployed:
    """The versions of the newest deployment at the last look, loaded.

    A version that does not load is never replaced by one that nobody chose: requests get the
    heuristic, with the reason, until it loads or another is deployed.

    Attributes: `in_force` is the routing, `recent` the newest labels for the heuristic."""

    def __init__(
        self,
        db: Database,
        registry: Registry,
        *,
        scale: Scale,
        now: Callable[[], datetime],
        baking: Callable[[], timedelta],
        timer: Callable[[], float],
    ) -> None:
        self._db = db
        self._registry = registry
        self._scale = scale
        self._now = now
        self._baking = baking
        self._timer = timer
        self.in_force = NOTHING
        self.recent = RecentLabels()
        self._retry_at = self._labels_at = float("-inf")
        self._trouble = ""

    def refresh(self) -> None:
        """Read the newest deployment once, and swap to it after its versions are loaded and
        verified."""
        serving = self.in_force
        retry = self._timer() >= self._retry_at and any(
            side.artifact is None for side in serving.sides
        )
        with self._db.read() as conn:
            if self._timer() >= self._labels_at:
                self.recent = summarize_recent(labels.load_recent_labelled(conn, N_RECENT_LABELS))
                for side in serving.loaded:
                    if side.artifact is not None:
                        side.artifact.widen(health.find_factor(conn, side.version))
                self._labels_at = self._timer() + _LABELS_SECONDS
                if serving.before_until is not None and serving.before_until < self._now():
                    serving = self.in_force = replace(serving, before=None, before_until=None)
            current = deployments.find_current(conn)
            if current is None or (current.revision == serving.revision and not retry):
                return
            plan = current.plan
            history = deployments.load_history(conn)
            numbers = [number for number in (plan.champion, plan.challenger) if number is not None]
            found = [
                None if number == HEURISTIC else versions.get_version(conn, number)
                for number in numbers
            ]
        champion, *challengers = [
            LoadedVersion(HEURISTIC, None, explain_heuristic(current))
            if version is None
            else self._open(version)
            for version in found
        ]
        challenger = challengers[0] if challengers else None
        previous = self.in_force
        following = Routing(current.revision, champion, challenger, plan.traffic, plan.salt or "")
        self._swap(following)
        if challenger is None:  # after the swap, which it must not delay
            self._load_before(history, previous)

    def _load_before(self, history: Sequence[Deployment], previous: Routing) -> None:
        """Load the version before a recent release, so that it scores some requests too."""
        release = find_release(history, self._now(), self._baking())
        if release is None or release.before is None:
            return
        if HEURISTIC in (release.before, release.row.plan.champion):
            return
        before = previous.find_loaded(release.before)
        if before is None:
            with self._db.read() as conn:
                version = versions.get_version(conn, release.before)
            before = self._open(version)
        if before.artifact is not None:
            self.in_force = replace(self.in_force, before=before, before_until=release.until_at)

    def _open(self, version: Version) -> LoadedVersion:
        """Return a version that is loaded already, or load it now."""
        kept = self.in_force.find_loaded(version.number)
        if kept is not None:
            return kept
        try:
            artifact = self._registry.load_artifact(version.artifact_hash)
            artifact.verify_golden()
            self._check_scale(artifact)
            model = CachedModel(artifact, _MAX_CACHED_ROWS)
            with self._db.read() as conn:
                model.widen(health.find_factor(conn, version.number))
            side = LoadedVersion(version.number, model, "")
            if artifact.why_uncompiled:
                log.warning(
                    "served_by_pipeline", version=version.number, reason=artifact.why_uncompiled
                )
        except MODEL_ERRORS as error:
            self._retry_at = self._timer() + _RETRY_SECONDS
            if str(error) != self._trouble:  # logged once, though loading is retried
                log.warning("version_does_not_load", version=version.number, error=str(error))
                self._trouble = str(error)
            return LoadedVersion(
                version.number, None, f"{version.name} {DOES_NOT_LOAD}: {clean_error(error)}"
            )
        return side

    def _check_scale(self, artifact: Artifact) -> None:
        card = artifact.card
        if (card.scale_low, card.scale_high) != (self._scale.low, self._scale.high):
            raise Refused(
                f"it was trained on the scale {card.scale_low:g}:{card.scale_high:g} and "
                f"PLUMBLINE_SCALE is {self._scale.low:g}:{self._scale.high:g}"
            )

    def _swap(self, following: Routing) -> None:
        previous, self.in_force = self.in_force, following
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
