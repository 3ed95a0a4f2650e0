"""Jumps of the wall clock: recorded by who sees one, and judged like every other check."""

from datetime import datetime, timedelta

from core import text
from core.alerts.rules import Finding
from core.clock import has_passed
from core.domain.installation import ClockJump
from core.domain.monitoring import Health
from core.log import get_logger
from core.store.engine.database import Database
from core.store.installation import clock_jumps

_SAID_FOR = timedelta(hours=1)

log = get_logger(__name__)


def note_jump(db: Database, jump: ClockJump) -> None:
    """Record that the wall clock was set. Raises `Unavailable`."""
    with db.write() as conn:
        clock_jumps.append_jump(conn, jump)
    log.warning("clock_was_set", place=jump.place, seconds=jump.seconds)


def judge_clock(db: Database, now: datetime) -> Finding:
    """Return a finding on whether the wall clock was left alone for an hour."""
    with db.read() as conn:
        jump = clock_jumps.find_recent(conn, now)
    if jump is None or has_passed(jump.at, _SAID_FOR, now):
        return Finding("clock", Health.HEALTHY, "No clock was set in the last hour.")
    return Finding("clock", Health.WARNING, describe_jump(jump))


def describe_jump(jump: ClockJump) -> str:
    """Return a sentence on a jump, and what it means.

    >>> print(describe_jump(ClockJump(datetime(2026, 3, 2, 12, 5), "plum01", -10_800)))
    The clock of plum01 was set back by 3 hours, to 2026-03-02 12:05 UTC: rows written around \
then have times that do not follow each other. Intervals are not affected.
    """
    way = "forward" if jump.seconds > 0 else "back"
    return (
        f"The clock of {jump.place} was set {way} by {text.duration(abs(jump.seconds))}, to "
        f"{jump.at:%Y-%m-%d %H:%M} UTC: rows written around then have times that do not follow "
        "each other. Intervals are not affected."
    )
