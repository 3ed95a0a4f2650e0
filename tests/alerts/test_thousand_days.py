"""A thousand days of callers' mistakes, faults of the machine and bad releases: only the last are
rolled back, each within the time that is promised."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from core.alerts.rollback_rules import Preference, choose_cure, judge_evidence, promise_rollback
from core.alerts.rules import decide_steps, read_findings
from core.domain.deployment import (
    Action,
    Deployment,
    Plan,
    ReleaseEvidence,
    Slowness,
)
from core.domain.incident import ENDS, EventKind, Incident, IncidentEvent
from core.domain.installation import AUTOMATION
from core.domain.monitoring import Health, HealthReport
from core.monitoring.health.expected_traffic import Spread
from core.monitoring.health.health import judge_health
from core.monitoring.health.inputs import HealthInputs, Recent
from core.monitoring.health.service_checks import check_recent
from core.monitoring.measure.traffic import Counts
from core.settings import Thresholds
from core.stats.histogram import latency_bucket, quantile
from core.store.monitoring.incidents import _incident
from tests.streams import DAY, NOON

LOOK = timedelta(seconds=15)
WINDOW = timedelta(minutes=15)
N_BEFORE, N_AFTER = 80, 160  # looks before and after the release: 20 and 40 minutes
LIMITS = Thresholds()
FAST_MS, SLOW_MS = 8.0, 400.0
HISTORY = (
    Deployment(1, NOON - 7 * DAY, "ada", Action.DEPLOY, "r", Plan(1), override=False, evidence={}),
    Deployment(2, NOON, "ada", Action.DEPLOY, "r", Plan(2), override=False, evidence={}),
)

GOOD = (
    "nothing in a body",
    "no number in a body",
    "no body at all",
    "slow clients",
    "a full disk",
    "a locked store",
    "a busy machine",
    "a clock that jumps",
    "a quiet day",
)
BAD = {
    "fails": "error_rate",
    "falls back": "fallback",
    "reads what nobody sends": "fallback",
    "is slow": "latency",
    "gives one score": "collapsed",
}


@dataclass
class Slot:
    """What came in between two looks."""

    at: datetime
    n: int = 0  # requests to the version that serves
    n_failed: int = 0  # of these, logged as failed
    n_heuristic: int = 0
    n_unreadable: int = 0
    n_lost: int = 0  # failed, and in no log
    n_refused: int = 0  # in no log either
    n_slow: int = 0


@dataclass
class Day:
    """One day: what happens in it, how many requests come, and which share of them it is about."""

    kind: str
    rate: float  # requests a minute
    share: float
    begins: int  # the look with which it begins; a fault of the release begins with the release
    lasts: int  # looks
    jump: timedelta
    slots: list[Slot] = field(default_factory=list)

    def is_on(self, look: int) -> bool:
        return self.begins <= look < self.begins + self.lasts


def draw_day(rng: np.random.Generator) -> Day:
    bad = rng.random() < 0.4
    kind = str(rng.choice(list(BAD) if bad else GOOD))
    begins = N_BEFORE if bad else int(rng.integers(N_BEFORE - 20, N_BEFORE + 60))
    lasts = N_AFTER if bad else int(rng.integers(2, 120))
    if kind == "a locked store":
        lasts = int(rng.integers(1, 5))
    shares = {"gives one score": (1.0, 1.0), "falls back": (0.8, 1.0), "fails": (0.2, 1.0)}
    low, high = shares.get(kind, (0.8, 1.0) if kind.startswith("reads") else (0.2, 1.0))
    return Day(
        kind=kind,
        rate=float(np.exp(rng.uniform(np.log(15), np.log(600)))),
        share=float(rng.uniform(low, high)),
        begins=begins,
        lasts=lasts,
        jump=timedelta(hours=float(rng.uniform(-6, 6))),
    )


def draw_slot(day: Day, look: int, rng: np.random.Generator) -> Slot:
    at = NOON + (look - N_BEFORE) * LOOK
    if day.kind == "a clock that jumps" and look >= day.begins:
        at += day.jump
    slot = Slot(at, n=int(rng.poisson(day.rate / 4)))
    some = int(rng.binomial(slot.n, day.share)) if day.is_on(look) else 0
    match day.kind:
        case "nothing in a body" | "reads what nobody sends":
            slot.n_unreadable = some
        case "no number in a body" | "fails":
            slot.n_failed = some
        case "falls back":
            slot.n_heuristic = some
        case "no body at all":
            slot.n_refused = some
        case "a full disk" | "a locked store":
            slot.n_lost, slot.n = some, slot.n - some
        case "a busy machine" | "is slow":
            slot.n_slow = some
    return slot


def build_recent(slots: list[Slot], window: timedelta) -> Recent:
    def add(name: str) -> int:
        return sum(getattr(slot, name) for slot in slots)

    n, n_lost, n_unreadable = add("n"), add("n_lost"), add("n_unreadable")
    n_failed, n_heuristic, n_slow = add("n_failed"), add("n_heuristic"), add("n_slow")
    refused = add("n_refused")
    n_taken = n - n_unreadable - refused
    latency = {latency_bucket(FAST_MS): n_taken - n_slow}
    latency[latency_bucket(SLOW_MS)] = n_slow
    latency = {bucket: count for bucket, count in latency.items() if count}
    counts = Counts(
        n_model=n_taken - n_failed - n_heuristic,
        n_heuristic=n_heuristic,
        n_failed=n_failed + n_lost,
        n_refused=n_unreadable + refused,
        n_unreadable=n_unreadable,
        n_rows=n,
        p95_ms=quantile(latency, 0.95),
    )
    return Recent(counts, latency, window)


def judge(day: Day, now: datetime, before: frozenset[str]) -> HealthReport:
    within = [slot for slot in day.slots if now - WINDOW < slot.at <= now]
    since = sum(slot.n for slot in day.slots if slot.at > NOON)
    one_score = day.kind == "gives one score"
    facts = HealthInputs(
        champion=2,
        last_prediction_at=now,
        expected_requests=0.0,
        recent=(build_recent(within, WINDOW),),
        labelled=None,
        tolerance=5.0,
        spread=Spread(min(since, 500), 1.0 if one_score else 0.1, 60.0),
        bad_before=before,
    )
    return judge_health(facts, LIMITS, now)


def find_critical(slots: list[Slot]) -> frozenset[str]:
    checks = check_recent(build_recent(slots, WINDOW), LIMITS)
    return frozenset(check.code for check in checks if check.health is Health.CRITICAL)


def gather(day: Day, now: datetime, rng: np.random.Generator) -> ReleaseEvidence:
    """What replaying the newest requests of this day would say."""
    own = [slot for slot in day.slots if slot.at > NOON and now - WINDOW < slot.at <= now]
    earlier = [slot for slot in day.slots if NOON - WINDOW < slot.at <= NOON]
    n_unscored = min(sum(s.n_failed + s.n_heuristic + s.n_unreadable for s in own), 400)
    of_its_making = day.kind in BAD
    slow_model = day.kind == "is slow"
    noise = rng.uniform(0.8, 1.25, 2)
    own_ms, before_ms = (380.0, 3.0) if slow_model else tuple(FAST_MS * noise)
    recent = build_recent(own, WINDOW)
    return ReleaseEvidence(
        bad_since=find_critical(own),
        bad_before=find_critical(earlier),
        n_distinct=400,
        fullest=1.0 if day.kind == "gives one score" else 0.1,
        fullest_before=0.1,
        n_unscored=n_unscored,
        n_unscored_before=int(rng.binomial(n_unscored, 0.05)) if of_its_making else n_unscored,
        n_elsewhere=sum(slot.n_lost for slot in own),
        slowness=(
            Slowness(
                recent.counts.p95_ms or 0.0,
                LIMITS.latency_critical_ms,
                own_ms,
                before_ms,
                day.rate / 60,
            ),
        ),
    )


def live(day: Day, rng: np.random.Generator) -> tuple[datetime | None, bool]:
    """When the release was rolled back, if it was, and whether anything was critical."""
    events: dict[int, list[IncidentEvent]] = {}
    bad: frozenset[str] = frozenset()
    was_critical = False
    for look in range(N_BEFORE + N_AFTER):
        day.slots.append(draw_slot(day, look, rng))
        if look < N_BEFORE - 20:
            continue
        now = day.slots[-1].at
        report = judge(day, now, bad)
        bad = frozenset(
            one.code for one in report.reasons if one.health in (Health.WARNING, Health.CRITICAL)
        )
        was_critical = was_critical or report.health is Health.CRITICAL
        unresolved = [one for one in map(fold, events.items()) if not is_over(one)]
        for step in decide_steps(read_findings(report), unresolved, [], now):
            number = step.incident_id or len(events) + (step.kind is EventKind.PENDING)
            events.setdefault(number, []).append(
                IncidentEvent(
                    number,
                    now,
                    step.kind,
                    step.severity,
                    step.message,
                    AUTOMATION,
                    check=step.check,
                )
            )
        if look < N_BEFORE:
            continue
        unresolved = [one for one in map(fold, events.items()) if not is_over(one)]
        cure = choose_cure(HISTORY, unresolved, report, now, DAY)
        if cure is None:
            continue
        evidence = gather(day, now, rng)
        if judge_evidence(evidence, cure.checks, 1).answer is Preference.BETTER:
            return now, was_critical
    return None, was_critical


def fold(numbered: tuple[int, list[IncidentEvent]]) -> Incident:
    number, events = numbered
    row = SimpleNamespace(id=number, cause=events[0].check, opened_at=events[0].at)
    return _incident(row, tuple(events))


def is_over(incident: Incident) -> bool:
    return any(event.kind in ENDS for event in incident.events)


@pytest.mark.slow
def test_only_bad_releases_are_rolled_back_and_each_in_its_time() -> None:
    rng = np.random.default_rng(20261201)
    n_days: Counter[str] = Counter()
    n_critical: Counter[str] = Counter()
    wrong: list[str] = []
    late: list[str] = []
    for number in range(1_000):
        day = draw_day(rng)
        at, was_critical = live(day, rng)
        n_days[day.kind] += 1
        n_critical[day.kind] += was_critical
        said = f"day {number}: {replace(day, slots=[])}"
        if day.kind in GOOD:
            wrong += [said] if at is not None else []
            continue
        promised = promise_rollback(
            LIMITS,
            BAD[day.kind],
            requests_per_minute=day.rate,
            share=day.share,
            look_seconds=LOOK.total_seconds(),
        )
        assert promised is not None
        if promised < N_AFTER * LOOK and (at is None or at - NOON > promised):
            late.append(f"{said}: {at}, promised {promised}")
    assert wrong == []
    assert late == []
    assert set(n_days) == {*GOOD, *BAD}
    assert min(n_days.values()) >= 30
    for kind in ("no number in a body", "a full disk", "a busy machine"):  # it was tempted
        assert n_critical[kind] > n_days[kind] / 2
