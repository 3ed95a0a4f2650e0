"""A lease: the right to do something alone for a while, in whatever process."""

from dataclasses import dataclass
from datetime import datetime

SCHEDULER = "scheduler"
"""Whoever holds this runs the scheduled tasks and the jobs."""


@dataclass(frozen=True, slots=True)
class Lease:
    """`holder` names a process ("worker:host:pid"); after `expires_at` anyone may take over."""

    name: str
    holder: str
    acquired_at: datetime
    expires_at: datetime
