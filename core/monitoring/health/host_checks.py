"""Checks of what monitoring needs: labels that keep coming, and free space on the disk."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core import text
from core.domain.monitoring import Health, Reason

MIN_SILENCE = timedelta(hours=6)
"""How long no label has to come before their absence is looked at."""

MIN_EXPECTED = 10.0
"""Labels that should have come before their absence is no chance: P(none) = e^-10."""

DISK_WARNING_BYTES, DISK_CRITICAL_BYTES = 1_000_000_000, 200_000_000


@dataclass(frozen=True, slots=True)
class LabelSilence:
    """Since when no label has come, and how many the same hours of the last days brought."""

    last_at: datetime
    expected: float


@dataclass(frozen=True, slots=True)
class Disk:
    """The room on the disk of the home folder."""

    free_bytes: int
    total_bytes: int


def check_labels(silence: LabelSilence | None, now: datetime) -> list[Reason]:
    """A warning where labels have stopped that used to come; nothing where none ever came.

    >>> noon = datetime(2026, 3, 2, 12)
    >>> reason, = check_labels(LabelSilence(noon - timedelta(hours=8), 40.0), noon)
    >>> reason.message
    'No label has come for 8 hours, since 2026-03-02 04:00 UTC; about 40 would be usual by now.'
    """
    if silence is None:
        return []
    length = now - silence.last_at
    if length < MIN_SILENCE or silence.expected < MIN_EXPECTED:
        message = f"The last label came {text.duration(length)} ago, which is not unusual."
        return [Reason("labels", Health.HEALTHY, message, "")]
    message = (
        f"No label has come for {text.duration(length)}, since {silence.last_at:%Y-%m-%d %H:%M} "
        "UTC; about "
        f"{silence.expected:,.0f} would be usual by now."
    )
    step = "Check whoever sends to POST /v1/feedback: without labels the accuracy grows old unseen."
    return [Reason("labels", Health.WARNING, message, step)]


def check_disk(disk: Disk | None) -> list[Reason]:
    """A warning below 1 GB, critical below 200 MB: with a full disk no prediction is answered.

    >>> [reason.health.value for reason in check_disk(Disk(150_000_000, 8_000_000_000))]
    ['critical']
    >>> check_disk(Disk(5_000_000_000, 8_000_000_000))
    []
    """
    if disk is None or disk.free_bytes >= DISK_WARNING_BYTES:
        return []
    critical = disk.free_bytes < DISK_CRITICAL_BYTES
    message = (
        f"The disk is nearly full: {text.size(disk.free_bytes)} of "
        f"{text.size(disk.total_bytes)} are free; when it is full, no prediction is answered."
    )
    step = "Free some space on the disk of PLUMBLINE_HOME, or move it to a larger one."
    return [Reason("disk", Health.CRITICAL if critical else Health.WARNING, message, step)]
