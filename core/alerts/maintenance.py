"""Maintenance: an announced time in which incidents are recorded and no messages are sent."""

from datetime import datetime, timedelta

from core.audit.attempt import attempt
from core.domain.actor import Act, Actor, Decider
from core.domain.incident import Maintenance
from core.errors import Conflict, InvalidInput
from core.log import get_logger
from core.store.engine.database import Database
from core.store.monitoring import deliveries

MAX_MAINTENANCE = timedelta(days=7)

log = get_logger(__name__)


def announce(
    db: Database, *, duration: timedelta, by: Actor, reason: str, now: datetime
) -> Maintenance:
    """Hold messages back from now on; this replaces an earlier announcement. Raises `InvalidInput`
    without a reason, without a duration, or for more than 7 days."""
    if not timedelta(0) < duration <= MAX_MAINTENANCE:
        raise InvalidInput(
            f"Maintenance lasts up to {MAX_MAINTENANCE.days} days, and more than nothing: give a "
            "duration in between."
        )
    if not reason.strip():
        raise InvalidInput("Maintenance needs a reason: say what is done, for whoever wonders.")
    window = Maintenance(now, now + duration, by.name, reason.strip())
    details = {"minutes": duration.total_seconds() / 60}
    with (
        attempt(
            db, by, Act.MAINTENANCE, "messages", now=now, reason=window.reason, details=details
        ) as act,
        act.write() as conn,
    ):
        act.seal(Decider.MAINTENANCE_WINDOWS, deliveries.append_window(conn, window))
        act.note(after={"until_at": window.until_at})
    log.info("maintenance", until_at=window.until_at, by=by.name)
    return window


def end_maintenance(db: Database, *, by: Actor, reason: str, now: datetime) -> Maintenance:
    """Send messages again from now on, those held back included. Raises `Conflict` without
    maintenance."""
    window = Maintenance(now, now, by.name, reason.strip() or "it is over")
    with (
        attempt(db, by, Act.MAINTENANCE, "messages", now=now, reason=window.reason) as act,
        act.write() as conn,
    ):
        running = deliveries.find_window(conn, now)
        if running is None:
            raise Conflict("No maintenance is under way; nothing was changed.")
        act.seal(Decider.MAINTENANCE_WINDOWS, deliveries.append_window(conn, window))
        act.note(after={"until_at": now})
        deliveries.release_held(conn, now, running.until_at)
    log.info("maintenance_ended", by=by.name)
    return window
