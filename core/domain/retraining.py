"""A retraining decision: whether to train again now, and why."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RetrainingDecision:
    """Appended at every check whose outcome or reasons changed."""

    at: datetime
    retrain: bool
    reasons: tuple[str, ...]
    signals: tuple[str, ...]  # the codes of what decided: "age", "new_rows", "cool_down", ...
    job_id: int | None  # the training that it started, where it did
    by: str
