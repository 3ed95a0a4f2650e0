"""A setting change: an operator's runtime choice that overrides the environment's."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SettingChange:
    """`value` is the text as it would stand in the environment; None returns to that."""

    name: str
    value: str | None
    at: datetime
    by: str
    reason: str
