"""A prediction: one attempted score, logged before it is answered."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from core.domain.sample import Features

_ID = re.compile(r"[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")
_LAST_MILLIS = 253_402_300_799_000  # the end of the year 9999


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


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A reason why no model answered, and how many requests had it."""

    source: Source  # the heuristic answered instead, or nobody did
    reason: str
    n: int


def find_id_time(prediction_id: str) -> datetime | None:
    """When the request of a prediction was received, to the millisecond, by its id, which is a UUID
    of version 7 without dashes; None for what is none.

    >>> find_id_time("019cae6b660070008000000000000000").isoformat()
    '2026-03-02T12:00:00+00:00'
    >>> find_id_time("order-17") is None
    True
    """
    if not _ID.fullmatch(prediction_id):
        return None
    millis = int(prediction_id[:12], 16)
    if millis > _LAST_MILLIS:
        return None
    return datetime.fromtimestamp(millis / 1000, UTC)


def was_removed(prediction_id: str, kept_from: datetime | None) -> bool:
    """Whether a prediction that is not in the log is so old that it was taken out of it, where the
    log begins at `kept_from`.

    >>> was_removed("019cae6b660070008000000000000000", datetime(2026, 3, 3, tzinfo=UTC))
    True
    """
    at = find_id_time(prediction_id)
    return kept_from is not None and at is not None and at < kept_from
