"""Routing: the version that answers each request, by the deployment and the share that a unit falls
in."""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.domain.deployment import EVIDENCE_SHARE
from core.domain.prediction import Prediction, Variant
from core.domain.version import HEURISTIC
from core.serving.cache import CachedModel
from core.serving.shadow import ShadowAsk

_BYTES = 8
_FULL = float(2 ** (8 * _BYTES))
_SAMPLED = float(2**32)


def choose_variant(unit_id: str | None, salt: str, traffic: float, random: bytes) -> Variant:
    """Return the variant that answers. A unit always gets the same one, by a hash with the trial's
    `salt`, so that the next trial assigns units anew; a request without a unit is assigned by
    `random` (8 bytes). A unit that has the challenger keeps it as the traffic grows.

    >>> choose_variant("repo-7", "salt", 1.0, bytes(8)).value
    'challenger'
    >>> choose_variant(None, "salt", 0.5, bytes([255] * 8)).value
    'champion'
    """
    drawn = random if unit_id is None else hashlib.sha256(f"{salt}:{unit_id}".encode()).digest()
    place = int.from_bytes(drawn[:_BYTES], "big") / _FULL
    return Variant.CHALLENGER if place < traffic else Variant.CHAMPION


def is_sampled(prediction_id: str, share: float) -> bool:
    """Return True for this share of predictions, by a checksum of their ids, since the ids of a
    batch differ in few digits.

    >>> is_sampled("019cae6b660070008000000000000000", 0.1)
    False
    >>> is_sampled("019cae6b660070008000000000000000", 0.98)
    True
    """
    return zlib.crc32(prediction_id.encode()) < share * _SAMPLED


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """A version of the deployment with its artifact, or with the reason why it has none."""

    version: int
    artifact: CachedModel | None
    why: str  # empty where a model answers


@dataclass(frozen=True, slots=True)
class Routing:
    """The champion and, during a trial, the challenger with its share of the answers. After a
    release, until `before_until`, `before` is the version that a rollback would restore; it scores
    some of the requests as well."""

    revision: int
    champion: LoadedVersion
    challenger: LoadedVersion | None = None
    traffic: float = 0.0
    salt: str = ""
    before: LoadedVersion | None = None
    before_until: datetime | None = None

    @property
    def sides(self) -> tuple[LoadedVersion, ...]:
        """The versions that answer: the champion and the challenger."""
        return (self.champion,) if self.challenger is None else (self.champion, self.challenger)

    @property
    def loaded(self) -> tuple[LoadedVersion, ...]:
        """The versions that answer, and the one before the release, which only scores."""
        return self.sides if self.before is None else (*self.sides, self.before)

    def get_side(self, variant: Variant) -> LoadedVersion:
        """Return the version that answers as this variant."""
        challenger = self.challenger
        return self.champion if variant is Variant.CHAMPION or challenger is None else challenger

    def find_loaded(self, number: int) -> LoadedVersion | None:
        """Return the version of this number if it is loaded; else None."""
        for side in self.loaded:
            if side.version == number and side.artifact is not None:
                return side
        return None


NOTHING = Routing(0, LoadedVersion(HEURISTIC, None, "No version is deployed"))


def choose_shadows(serving: Routing, answers: Sequence[Prediction]) -> list[ShadowAsk]:
    """Return the second scores to make of answered requests: during a trial by the other variant;
    after a release by the version before, for one request in ten."""
    if serving.challenger is None:
        before, until_at = serving.before, serving.before_until
        if before is None or until_at is None:
            return []
        return [
            ShadowAsk(answer, before.version)
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
