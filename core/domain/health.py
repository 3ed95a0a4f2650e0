"""Health: whether the predictor can be trusted right now, with the reasons."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Health(StrEnum):
    """Nothing is healthy by default: without data it is unknown, with old data stale."""

    HEALTHY = "healthy"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that was checked: what was found, and what to do next."""

    code: str  # "accuracy", "latency", "error_rate", "fallback", "no_traffic", "collapsed", ...
    health: Health
    message: str
    next_step: str


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The status and every reason for it, worst first."""

    health: Health
    reasons: tuple[Reason, ...]
    at: datetime
