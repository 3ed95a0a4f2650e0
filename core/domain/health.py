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
    """One thing that was checked: what was found, and what to do next. It is confirmed where chance
    is no explanation; only then an incident is opened."""

    code: str  # "accuracy", "latency", "error_rate", "fallback", "no_traffic", "collapsed", ...
    health: Health
    message: str
    next_step: str
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The status and every check, the one that decides first, then worst first."""

    health: Health
    reasons: tuple[Reason, ...]
    at: datetime

    def find_reason(self, code: str) -> Reason | None:
        """What a check found, or None where it was not made."""
        return next((reason for reason in self.reasons if reason.code == code), None)
