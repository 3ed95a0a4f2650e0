"""An alert rule: since when incidents of a cause are kept, and from when on they call people."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AlertRule:
    """In force until a newer one of the same cause; appended, never edited."""

    cause: str
    at: datetime
    live_at: datetime  # until then it runs dry: it is recorded, and nobody is called
    by: str  # a person, or "plumbline"
    reason: str
