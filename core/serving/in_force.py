"""What is in force: the versions that answer and score, and which of them is asked what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.domain.prediction import Prediction, Variant
from core.domain.retired import EVIDENCE_SHARE
from core.domain.version import HEURISTIC
from core.serving.assignment import is_sampled
from core.serving.cache import CachedModel
from core.serving.shadow import ShadowAsk


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

    def get_side(self, variant: Variant) -> Side:
        """The version that answers as this variant."""
        challenger = self.challenger
        return self.champion if variant is Variant.CHAMPION or challenger is None else challenger

    def find_loaded(self, number: int) -> Side | None:
        """The version of this number where it is loaded."""
        for side in self.loaded:
            if side.version == number and side.artifact is not None:
                return side
        return None


NOTHING = InForce(0, Side(HEURISTIC, None, "No version is deployed"))


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
