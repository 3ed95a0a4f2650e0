"""The alpha that one gate spent: its chance of promoting a version that is no better."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AlphaSpending:
    """A version that was compared with the champion of its time; appended, never edited."""

    version: int
    champion: int
    alpha: float
    at: datetime
