"""A prediction: one attempted score, logged before it is answered."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.domain.sample import Features


class Source(StrEnum):
    """Who answered. Attempted = model + heuristic + failed, always."""

    MODEL = "model"
    HEURISTIC = "heuristic"
    FAILED = "failed"


class Variant(StrEnum):
    """Which side of the plan was asked."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


@dataclass(frozen=True, slots=True)
class Prediction:
    """`version` is the one that was asked; where it could not answer, `source` and `reason` say
    who did instead and why. Score and limits are on the scale of the settings."""

    id: str  # 32 hex digits, ordered by time
    at: datetime  # when the request was received
    version: int
    variant: Variant
    source: Source
    reason: str | None
    score: float | None  # None only where source is FAILED
    low: float | None
    high: float | None
    features: Features
    text: str | None
    unit_id: str | None
    latency_ms: float
    revision: int  # of the deployment in force; 0 before the first
    event_at: datetime | None = None  # when the scored work was made, where the caller said so
