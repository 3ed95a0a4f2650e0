"""Looking back: what a version promised when it was promoted, and what it delivered in the 14 days
after."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from core import text
from core.domain.deployment import Deployment
from core.domain.monitoring import DAY, Outcomes, Rollup, floor_time
from core.domain.prediction import AnswerSource
from core.domain.version import HEURISTIC, version_name
from core.monitoring.health.degradation import KEPT, ErrorGrowth, LiveError, measure_delivery
from core.monitoring.measure.rollup_updates import load_window
from core.monitoring.measure.rollups import merge_outcomes
from core.store.engine.database import Connection, Database
from core.store.models import deployments, versions

SPAN = timedelta(days=14)
_MOST = 20


@dataclass(frozen=True, slots=True)
class Promotion:
    """A version that became champion, and until when it is looked back on: 14 days, or until
    another took its place."""

    version: int
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Lookback:
    """`delivered` is None where too few labels came."""

    promotion: Promotion
    delivered: LiveError | None
    verdict: str


def load_lookbacks(db: Database, now: datetime) -> tuple[Lookback, ...]:
    """The newest promotions, newest first, each with promised against delivered."""
    with db.read() as conn:
        found = list_promotions(deployments.load_history(conn))[-_MOST:]
        return tuple(_look_back(conn, promotion, now) for promotion in reversed(found))


def list_promotions(history: list[Deployment]) -> list[Promotion]:
    """Each time that another version became champion, oldest first; the heuristic is none."""
    changes = [
        row
        for before, row in zip([None, *history], history, strict=False)
        if before is None or before.plan.champion != row.plan.champion
    ]
    ends = [*(row.at for row in changes), None][1:]
    return [
        Promotion(
            row.plan.champion, row.at, row.at + SPAN if end is None else min(end, row.at + SPAN)
        )
        for row, end in zip(changes, ends, strict=True)
        if row.plan.champion != HEURISTIC
    ]


def describe_lookback(promotion: Promotion, delivered: LiveError | None, now: datetime) -> str:
    """Describe in one sentence whether the live improvement was the promised one."""
    name = version_name(promotion.version)
    when = "" if now >= promotion.until else f" So far: {name} is looked back on for 14 days."
    if delivered is None:
        return f"Not known: too few labels came while {name} served.{when}"
    ratio, promised = delivered.ratio.shown, delivered.promised.mae
    return (
        f"{_judge(delivered.ratio)}: MAE {delivered.mae:.2f} over {delivered.n_labelled:,} labels, "
        f"promised {text.figure(promised.value)}; {text.figure(ratio.value)} times "
        f"({text.interval_by('days', ratio)}).{when}"
    )


def _judge(growth: ErrorGrowth) -> str:
    """Return the verdict; where labels of one day have no interval, their rows alone decide."""
    if growth.shown.low > 1:
        return "Broken"
    if growth.shown.high < 1:
        return "Better than promised"
    if growth.value <= KEPT:
        return "Kept, as far as can be told"
    if not growth.shown.is_known and growth.surely > 1:
        return "Broken on these rows, all of one day"
    return "Larger than promised, perhaps by chance"


def _look_back(conn: Connection, promotion: Promotion, now: datetime) -> Lookback:
    version = versions.get_version(conn, promotion.version)
    end = min(promotion.until, now)
    days = _merge_days(
        [
            rollup
            for rollup in load_window(conn, promotion.at, end, timedelta(days=1))
            if rollup.version == promotion.version and rollup.source is AnswerSource.MODEL
        ]
    )
    promised = {promotion.version: version.report.metrics}
    delivered = measure_delivery(
        promised, [{promotion.version: day} for day in days], end - promotion.at
    )
    return Lookback(promotion, delivered, describe_lookback(promotion, delivered, now))


def _merge_days(found: list[Rollup]) -> list[Outcomes]:
    ordered = sorted((r for r in found if r.outcomes.n), key=lambda rollup: rollup.start_at)
    return [
        merge_outcomes([rollup.outcomes for rollup in members])
        for _, members in groupby(ordered, key=lambda rollup: floor_time(rollup.start_at, DAY))
    ]
