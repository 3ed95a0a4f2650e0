"""The two clocks of this process, and intervals that no setting of a clock can change."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

TURNED = timedelta(minutes=1)
"""A moment that is further ahead than this was written by a clock that has been set back since."""

_BOOT: int | None = getattr(time, "CLOCK_BOOTTIME", None)


def utc_now() -> datetime:
    """Return the time of the wall clock, aware and UTC. People and other machines know it, and it
    may be set forward or back at any moment: intervals are taken from `steady_seconds`."""
    return datetime.now(UTC)


def steady_seconds() -> float:
    """Return seconds since some moment, by a clock that nobody sets; it goes on while the machine
    sleeps, where the system has such a clock."""
    return time.monotonic() if _BOOT is None else time.clock_gettime(_BOOT)


def has_passed(since_at: datetime, span: timedelta, now: datetime) -> bool:
    """Return whether `span` has passed since a moment that the wall clock gave. A moment to come
    says nothing: the clock was set back after it, and nobody waits until it is reached again.

    >>> noon = datetime(2026, 3, 2, 12)
    >>> hour = timedelta(hours=1)
    >>> has_passed(noon, hour, noon + hour), has_passed(noon, hour, noon + hour / 2)
    (True, False)
    >>> has_passed(noon, hour, noon - 3 * hour)
    True
    """
    return now - since_at >= span or since_at - now > TURNED


def pause_after(n_failures: int, first_seconds: float, most_seconds: float) -> float:
    """Return the pause, in seconds, before work that failed so many times in a row is tried again:
    it doubles with each failure, up to a limit.

    >>> [pause_after(n, 30, 3600) for n in (0, 1, 2, 3, 8, 10_000)]
    [0.0, 30.0, 60.0, 120.0, 3600.0, 3600.0]
    """
    if not n_failures:
        return 0.0
    return float(min(first_seconds * 2.0 ** min(n_failures - 1, 60), most_seconds))


@dataclass(slots=True)
class Unchanged:
    """Measures for how long something did not change while somebody looked at it, in seconds of a
    steady clock. After a pause of `blind_seconds` between two looks it begins anew: whoever slept,
    or could not look, does not know whether the others did too.

    >>> watch = Unchanged(blind_seconds=10)
    >>> [watch.look("beat 7", at) for at in (0, 4, 8, 60, 64)]
    [0.0, 4.0, 8.0, 0.0, 4.0]
    >>> watch.look("beat 8", 68)
    0.0
    """

    blind_seconds: float
    _seen: object = None
    _since: float = 0.0
    _looked: float | None = None

    def look(self, seen: object, at: float) -> float:
        """Return for how many seconds `seen` has been the same, at a moment of the steady clock."""
        if self._looked is None or at - self._looked > self.blind_seconds or seen != self._seen:
            self._seen, self._since = seen, at
        self._looked = at
        return float(at - self._since)


@dataclass(slots=True)
class WallWatch:
    """Finds out when somebody sets the wall clock, by the steady one beside it: a machine that
    slept is late by both.

    >>> noon, watch = datetime(2026, 3, 2, 12), WallWatch()
    >>> hour = timedelta(hours=1)
    >>> looks = ((0 * hour, 0), (hour, 3600), (3 * hour, 3601))
    >>> [watch.look(noon + wall, at) for wall, at in looks]
    [0.0, 0.0, 7199.0]
    """

    _ahead: float | None = None  # seconds of the wall clock less those of the steady one

    def look(self, now: datetime, at: float) -> float:
        """Return the seconds by which the wall clock was set since the last look, negative for
        back; 0 below a minute, as time servers do it every day."""
        ahead = now.timestamp() - at
        before, self._ahead = self._ahead, ahead
        turned = 0.0 if before is None else ahead - before
        return turned if abs(turned) > TURNED.total_seconds() else 0.0


@dataclass(slots=True)
class Retries:
    """Keeps what failed, and tells when each may be tried again: after pauses that double.

    >>> retries = Retries(first_seconds=60, most_seconds=3600)
    >>> retries.fail("v3", "No space left.", 0)
    >>> [retries.is_due("v3", at) for at in (59, 60)], retries.is_due("v4", 0)
    ([False, True], True)
    >>> retries.fail("v3", "No space left.", 60)
    >>> retries.is_due("v3", 179), retries.reasons
    (False, ['No space left.'])
    """

    first_seconds: float
    most_seconds: float
    _failed: dict[str, tuple[int, float, str]] = field(default_factory=dict)

    def is_due(self, key: str, at: float) -> bool:
        """Return whether something may be tried, at a moment of the steady clock."""
        n_failures, last, _ = self._failed.get(key, (0, at, ""))
        return at - last >= pause_after(n_failures, self.first_seconds, self.most_seconds)

    def fail(self, key: str, why: str, at: float) -> None:
        """Keep that an attempt failed."""
        n_failures, _, _ = self._failed.get(key, (0, at, ""))
        self._failed[key] = (n_failures + 1, at, why)

    def succeed(self, key: str) -> None:
        """Forget the failures of what went well."""
        self._failed.pop(key, None)

    @property
    def reasons(self) -> list[str]:
        """Return why the last attempt of each failed, which is not mended yet."""
        return [why for _, _, why in self._failed.values()]
