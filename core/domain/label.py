"""A label: what turned out to be true of a prediction. All are kept; the last received counts."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Label:
    """`actual` is on the scale of the settings; 0 is a value. The prediction may not exist yet."""

    prediction_id: str
    actual: float
    observed_at: datetime
    given_by: str
    received_at: datetime
