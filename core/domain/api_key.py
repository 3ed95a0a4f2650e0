"""An API key: who may call the prediction API, and for what. Only its hash is stored."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Scope(StrEnum):
    """What a key allows."""

    PREDICT = "predict"
    FEEDBACK = "feedback"
    SAMPLES = "samples"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`prefix` is the part that may be shown."""

    id: int
    name: str
    prefix: str
    scopes: frozenset[Scope]
    created_at: datetime
    created_by: str
    revoked_at: datetime | None
