"""The policy of notifications: the events that send messages, their time and words; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from email.utils import parsedate_to_datetime

from core import text
from core.domain.incident import (
    FINDINGS,
    DeliveryState,
    EventKind,
    Incident,
    IncidentEvent,
    Maintenance,
    Message,
    describe_cause,
)
from core.domain.monitoring import Health
from core.safety.plain_text import leave_out_middle, show_hidden

CALLING = frozenset({EventKind.OPENED, EventKind.WORSENED, EventKind.RESOLVED, EventKind.MENDED})
"""The events that send messages; what people did, and what improves, is on the page only."""

FLAP_WINDOW = timedelta(hours=6)
FLAP_LIMIT = 3
"""An incident is flapping if its cause opened more often than this in the window up to its
opening."""
FLAP_HOLD = timedelta(hours=1)
"""The time for which a warning of a flapping incident waits; it is told if the incident still lasts
then."""

LONGEST_WAIT = timedelta(hours=24)
_BACK_OFF = (30, 60, 120, 300, 900, 1800, 3600)  # seconds

MAX_LISTED = 10

_WORDS = {
    EventKind.OPENED: "began",
    EventKind.JOINED: "began",
    EventKind.WORSENED: "is getting worse",
    EventKind.RESOLVED: "is over",
    EventKind.MENDED: "was acted upon",
}


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The time from one time of day to another, UTC; past midnight if the end is earlier."""

    start: time
    end: time

    def find_end(self, now: datetime) -> datetime | None:
        """Return the end of the current quiet hours, or None outside them.

        >>> from datetime import UTC
        >>> night = QuietHours(time(22), time(7))
        >>> night.find_end(datetime(2026, 3, 2, 23, tzinfo=UTC)).isoformat()
        '2026-03-03T07:00:00+00:00'
        >>> night.find_end(datetime(2026, 3, 2, 12, tzinfo=UTC)) is None
        True
        """
        for day in (now.date() - timedelta(days=1), now.date()):
            start = datetime.combine(day, self.start, now.tzinfo)
            last = day if self.start < self.end else day + timedelta(days=1)
            end = datetime.combine(last, self.end, now.tzinfo)
            if start <= now < end:
                return end
        return None


@dataclass(frozen=True, slots=True)
class Call:
    """The decision on the message of an event: due now or later, or dropped. `supersedes` is True
    if earlier messages on the incident that still wait would be out of date then."""

    state: DeliveryState
    due_at: datetime
    why: str | None = None
    supersedes: bool = False


def decide_call(
    event: IncidentEvent,
    incident: Incident,
    *,
    n_opened: int,
    silent: Sequence[str],
    maintenance: Maintenance | None,
    quiet: QuietHours | None,
    now: datetime,
) -> Call | None:
    """Return the decision on the message of an event; None if its kind sends none.

    `n_opened` counts the openings of the same first check in the `FLAP_WINDOW` up to the opening of
    this incident, which is included. `silent` are muted causes, which are only recorded: an
    incident calls from its first other check on. Whoever was called hears the end in the same way:
    the end of an incident that was critical waits for nothing but maintenance."""
    cause = incident.events[0].check or incident.cause
    first_loud = _find_first_loud(incident, silent)
    if event.kind not in CALLING and event != first_loud:
        return None
    if event.kind is EventKind.RESOLVED and not incident.was_opened:
        return None
    if first_loud is None or event.at < first_loud.at:
        return Call(DeliveryState.DROPPED, now, f"'{cause}' is muted: it is recorded only")
    urgent = _is_urgent(event, incident, silent)
    due_at, why = now, None
    if n_opened > FLAP_LIMIT and not urgent and event.at < first_loud.at + FLAP_HOLD:
        why = f"'{cause}' is flapping: opened {n_opened} times in {FLAP_WINDOW.seconds // 3600} h"
        if event.kind is EventKind.RESOLVED:
            return Call(DeliveryState.DROPPED, now, why, supersedes=True)
        due_at, why = max(now, first_loud.at + FLAP_HOLD), f"{why}; told if it stays"
    if maintenance is not None and maintenance.until_at > due_at:
        due_at, why = maintenance.until_at, f"held until the maintenance of {maintenance.by} ends"
    ends_at = None if urgent or quiet is None else quiet.find_end(due_at)
    if ends_at is not None:
        due_at, why = ends_at, "held until the quiet hours end"
    if due_at > now:
        return Call(DeliveryState.WAITING, due_at, why)
    return Call(DeliveryState.WAITING, now, supersedes=event != first_loud)


def _is_urgent(event: IncidentEvent, incident: Incident, silent: Sequence[str]) -> bool:
    """Return True for what a critical check found, for what was done about it, and for the end of
    an incident in which a check that is not muted was critical."""
    if event.kind is not EventKind.RESOLVED:
        return event.severity is Health.CRITICAL or event.kind is EventKind.MENDED
    return event.severity is Health.CRITICAL or any(
        one.severity is Health.CRITICAL and (one.check or incident.cause) not in silent
        for one in incident.events
        if one.kind in FINDINGS
    )


def count_opened(openings: Sequence[datetime], incident: Incident) -> int:
    """Return the number of openings in the `FLAP_WINDOW` up to that of an incident; 0 for one that
    was never opened."""
    at = next((one.at for one in incident.events if one.kind is EventKind.OPENED), None)
    return 0 if at is None else sum(at - FLAP_WINDOW < one <= at for one in openings)


def choose_wait(n_attempts: int, retry_after: str | None, now: datetime) -> timedelta:
    """Return the time after which a channel is tried again that failed `n_attempts` times before:
    pauses that grow to an hour, and at least what its answer asks for, up to a day. `retry_after`
    is the header of that name, in seconds or as a date (RFC 9110, 10.2.3).

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> [choose_wait(n, None, noon).seconds for n in (0, 1, 99)]
    [30, 60, 3600]
    >>> [choose_wait(0, at, noon).seconds for at in ("5", "90", "Mon, 02 Mar 2026 12:10:00 GMT")]
    [30, 90, 600]
    """
    wait = timedelta(seconds=_BACK_OFF[min(n_attempts, len(_BACK_OFF) - 1)])
    return min(max(wait, _read_retry_after(retry_after or "", now)), LONGEST_WAIT)


def _read_retry_after(header: str, now: datetime) -> timedelta:
    """Return the time that a header asks for; 0 if it cannot be read."""
    try:
        return timedelta(seconds=min(float(header), LONGEST_WAIT.total_seconds()))
    except (ValueError, OverflowError):
        pass
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return timedelta(0)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) - now


def _find_first_loud(incident: Incident, silent: Sequence[str]) -> IncidentEvent | None:
    """Return the event from which an incident sends messages: its opening, or the first check that
    is not muted; None if there is none."""
    opened, checks = False, set()
    for event in incident.events:
        opened = opened or event.kind is EventKind.OPENED
        if event.kind in FINDINGS:
            checks.add(event.check or incident.cause)
        if opened and not checks.issubset(silent):
            return event
    return None


@dataclass(frozen=True, slots=True)
class IncidentSummary:
    """An incident with its context, for a message."""

    incident: Incident
    event: IncidentEvent  # what the message is about
    context: tuple[str, ...]  # what came before it, where it is, what to do next
    link: str


def build_message(stories: Sequence[IncidentSummary]) -> Message:
    """Return one message on all incidents that a channel is due: one in full, several as a list,
    worst first."""
    if len(stories) == 1:
        return _tell(stories[0])
    ordered = sorted(stories, key=lambda story: (not _is_critical(story), story.incident.id))
    n_critical = sum(map(_is_critical, stories))
    lines = [f"- {_headline(story)}: {story.event.message}" for story in ordered[:MAX_LISTED]]
    if len(ordered) > MAX_LISTED:
        lines.append(f"- and {len(ordered) - MAX_LISTED:,} more")
    title = f"Plumbline: {len(stories):,} incidents changed"
    if n_critical:
        title += f", {n_critical:,} of them critical"
    link = ordered[0].link.partition("?")[0]
    return Message(title, _join(lines), n_critical > 0, link)


def build_test(by: str, now: datetime) -> Message:
    """Return the message that `incidents test` sends."""
    return Message(
        "Plumbline: a test",
        _join(
            [
                f"{by} asked at {now:%Y-%m-%d %H:%M} UTC whether this channel works. It does, and "
                "nothing is wrong."
            ]
        ),
        critical=False,
    )


def _tell(story: IncidentSummary) -> Message:
    lines = [story.event.message]
    if story.event.kind is not EventKind.OPENED:
        lines.append(f"Began {story.incident.opened_at:%Y-%m-%d %H:%M} UTC.")
    title = f"Plumbline: {_headline(story)}"
    return Message(title, _join([*lines, *story.context]), _is_critical(story), story.link)


def _join(sentences: Sequence[str]) -> str:
    """Join sentences, one a line; a line break in a name starts no line of its own."""
    return "\n".join(leave_out_middle(show_hidden(sentence)) for sentence in sentences)


def _headline(story: IncidentSummary) -> str:
    cause = describe_cause(story.incident.cause)
    word = _WORDS[story.event.kind]
    if story.event.kind is EventKind.RESOLVED:
        length = story.event.at - story.incident.opened_at
        return f"incident {story.incident.id} ({cause}) {word} after {text.duration(length)}"
    return f"{story.event.severity.value} incident {story.incident.id} ({cause}) {word}"


def _is_critical(story: IncidentSummary) -> bool:
    return story.event.severity is Health.CRITICAL
