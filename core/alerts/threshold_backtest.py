"""The rehearsal of a threshold: the incidents that it would have opened in the past days."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from core.alerts.rules import read_findings
from core.domain.incident import describe_cause
from core.domain.monitoring import Health
from core.errors import InvalidInput
from core.monitoring.health.health import judge_health
from core.monitoring.health.inputs import HealthInputs
from core.monitoring.health.queries import load_past_facts
from core.settings import Scale, Thresholds
from core.store.engine.database import Database

REHEARSED = {
    "accuracy_warning": ("accuracy", "error_growth"),
    "accuracy_critical": ("accuracy", "error_growth"),
    "error_growth_warning": ("error_growth",),
    "error_growth_critical": ("error_growth",),
    "latency_warning_ms": ("latency",),
    "latency_critical_ms": ("latency",),
    "batch_latency_warning_ms": ("latency",),
    "batch_latency_critical_ms": ("latency",),
    "refused_warning": ("refused",),
    "error_rate_warning": ("error_rate",),
    "error_rate_critical": ("error_rate",),
    "fallback_warning": ("fallback",),
    "fallback_critical": ("fallback",),
}
"""The settings that can be rehearsed, with their checks, which the rollups of any moment can
judge."""

_BAD = (Health.WARNING, Health.CRITICAL)

DAYS = 7
_STEP, _STEP_OF_ERRORS = timedelta(minutes=15), timedelta(hours=6)
"""The steps through the past days: requests are judged over 15 minutes or more, errors over a day
or more."""


@dataclass(frozen=True, slots=True)
class Opening:
    """An incident that a rule would have opened, with its first message."""

    at: datetime
    worst: Health
    message: str


@dataclass(frozen=True, slots=True)
class ThresholdBacktest:
    """The incidents of one cause over some days, by the proposed and by the current rule."""

    setting: str
    cause: str
    from_at: datetime
    to_at: datetime
    n_looks: int  # moments that were judged again
    n_judged: int  # of them, those at which enough was known to say how it stood
    would_be: tuple[Opening, ...]
    as_is: tuple[Opening, ...]


def rehearse(
    db: Database,
    setting: str,
    *,
    would_be: Thresholds,
    as_is: Thresholds,
    scale: Scale,
    tolerance: float,
    now: datetime,
    days: int = DAYS,
) -> ThresholdBacktest:
    """Judge the last days by both thresholds, step by step, with the code of the live checks;
    writes nothing. Labels count from the time of their prediction, although they came later.

    Raises `InvalidInput` for a setting whose rule looks at more than the rollups keep."""
    checks = REHEARSED.get(setting)
    if checks is None:
        raise InvalidInput(
            f"What '{setting}' would have opened cannot be told from what is kept. These can be "
            f"rehearsed: {', '.join(REHEARSED)}."
        )
    errors = "error_growth" in checks
    step = _STEP_OF_ERRORS if errors else _STEP
    from_at = now - timedelta(days=days)
    replays = [_Replay(thresholds, checks) for thresholds in (would_be, as_is)]
    with db.read() as conn:
        for i in range(1, (now - from_at) // step + 1):
            at = from_at + i * step
            facts = load_past_facts(
                conn, as_is, scale=scale, tolerance=tolerance, at=at, errors=errors
            )
            for replay in replays:
                replay.look(facts, at)
    return ThresholdBacktest(
        setting,
        checks[0],
        from_at,
        now,
        n_looks=(now - from_at) // step,
        n_judged=replays[0].n_judged,
        would_be=tuple(replays[0].opened),
        as_is=tuple(replays[1].opened),
    )


def describe_rehearsal(rehearsal: ThresholdBacktest, value: str) -> str:
    """Return sentences on the difference that a value would have made.

    >>> at = datetime(2026, 3, 2, 12, 5)
    >>> slow = Opening(at, Health.WARNING, "The p95 latency is 130 ms.")
    >>> week = (at - timedelta(days=7), at)
    >>> found = ThresholdBacktest("latency_warning_ms", "latency", *week, 672, 670, (slow,), ())
    >>> print(describe_rehearsal(found, "120"))
    With latency_warning_ms at 120 there would have been 1 incident (latency) in the last 7 days, \
with the value in force none; it could be judged at 670 of 672 moments. The newest: 2026-03-02 \
12:05 UTC, warning: The p95 latency is 130 ms.
    """
    days = (rehearsal.to_at - rehearsal.from_at).days
    if not rehearsal.n_judged:
        return (
            f"What {rehearsal.setting} at {value} would have opened in the last {days} days cannot "
            f"be said: at none of {rehearsal.n_looks} moments was enough known to judge by."
        )
    said = (
        f"With {rehearsal.setting} at {value} there would have been "
        f"{_count(len(rehearsal.would_be))} ({describe_cause(rehearsal.cause)}) in the last {days} "
        f"days, with the value in force {len(rehearsal.as_is) or 'none'}; it could be judged at "
        f"{rehearsal.n_judged} of {rehearsal.n_looks} moments."
    )
    if not rehearsal.would_be:
        return said
    newest = rehearsal.would_be[-1]
    return (
        f"{said} The newest: {newest.at:%Y-%m-%d %H:%M} UTC, {newest.worst.value}: {newest.message}"
    )


@dataclass(slots=True)
class _Replay:
    """One rule, applied to one moment after the other, and the incidents that it opened."""

    thresholds: Thresholds
    checks: Sequence[str]
    opened: list[Opening] = field(default_factory=list)
    bad_before: frozenset[str] = frozenset()
    lasts: bool = False
    n_judged: int = 0

    def look(self, facts: HealthInputs, at: datetime) -> None:
        report = judge_health(replace(facts, bad_before=self.bad_before), self.thresholds, at)
        self.bad_before = frozenset(r.code for r in report.reasons if r.health in _BAD)
        found = [one for one in read_findings(report) if one.cause in self.checks]
        bad = [one for one in found if one.severity is not Health.HEALTHY]
        critical = any(one.severity is Health.CRITICAL for one in bad)
        if bad and not self.lasts:
            worst = Health.CRITICAL if critical else Health.WARNING
            self.opened.append(Opening(at, worst, bad[0].message))
        elif critical and self.opened:
            self.opened[-1] = replace(self.opened[-1], worst=Health.CRITICAL)
        if found:  # what cannot be said for sure changes nothing
            self.n_judged += 1
            self.lasts = bool(bad)


def _count(n: int) -> str:
    return "no incident" if n == 0 else f"{n} incident{'' if n == 1 else 's'}"
