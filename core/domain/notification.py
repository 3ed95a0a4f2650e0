"""A notification: what is sent to people about incidents, and the receipt of each sending."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DeliveryState(StrEnum):
    """Where a delivery stands; what is claimed and never finished is claimed again."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    SENT = "sent"
    DROPPED = "dropped"  # on purpose: `error` says why
    FAILED = "failed"  # given up


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event of an incident on its way to one channel; without an event, a test."""

    id: int
    event_id: int | None
    incident_id: int | None
    channel: str  # a short hash of the channel's address
    label: str  # its service, and which entry of the setting it is
    state: DeliveryState
    created_at: datetime
    due_at: datetime
    n_attempts: int
    finished_at: datetime | None
    error: str | None  # of the last attempt, or why it was dropped


@dataclass(frozen=True, slots=True)
class Message:
    """What a person reads: plain text, a sentence a line, and an address of ours below it.
    `critical` ones do not wait for the end of quiet hours."""

    title: str
    body: str
    critical: bool
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one message at one channel; `error` is None where it was taken."""

    channel: str
    label: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Announced work: until it ends, incidents are recorded and nobody is called."""

    at: datetime
    until_at: datetime
    by: str
    reason: str
