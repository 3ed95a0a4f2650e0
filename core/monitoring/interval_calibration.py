"""Measuring what the newest labels ask of each version's intervals, and keeping what changed."""

from datetime import datetime

import numpy as np

from core.domain.model_card import find_half_width
from core.domain.version import HEURISTIC, Version, Widening
from core.log import get_logger
from core.registry import Registry
from core.stats.conformal import Adapted, adapt_widths
from core.store.engine.database import Database
from core.store.models import deployments, versions
from core.store.monitoring import health, segments

MAX_LABELS = 1_000
"""Newest labels that are looked at: the width needs 300, and the level time to settle."""

_LEAST_WIDTH = 1e-9  # of a band in which training met no error at all

log = get_logger(__name__)


def measure_widenings(db: Database, registry: Registry, now: datetime) -> list[Widening]:
    """Look at the newest labels of the versions that answer, and keep how wide their intervals are
    to be from now on where that changes; what was appended. Raises `NotFound` where the card of one
    is gone."""
    with db.read() as conn:
        current = deployments.find_current(conn)
        numbers = [] if current is None else [current.plan.champion, current.plan.challenger]
        serving = [
            versions.get_version(conn, number)
            for number in numbers
            if number not in (None, HEURISTIC)
        ]
    found = [_measure(db, registry, version, now) for version in serving]
    changed = [widening for widening in found if widening is not None]
    for widening in changed:
        log.info("intervals_widened", version=widening.version, factor=widening.factor)
    return changed


def _measure(db: Database, registry: Registry, version: Version, now: datetime) -> Widening | None:
    card = registry.load_card(version.artifact_hash)
    with db.read() as conn:
        rows = segments.load_labelled(conn, version.number, version.created_at, MAX_LABELS)
    ratios = [
        abs(row.actual - row.score) / max(width, _LEAST_WIDTH)
        for row in reversed(rows)
        if (width := find_half_width(card, row.score)) is not None
    ]
    adapted = adapt_widths(np.array(ratios, dtype=np.float64))[-1]
    with db.write() as conn:  # not around the rest: requests wait for this lock
        before = health.find_widening(conn, version.number)
        following = _follow(before, adapted, version.number, now)
        if following is not None:
            health.append_widening(conn, following)
    return following


def _follow(
    before: Widening | None, adapted: Adapted, version: int, now: datetime
) -> Widening | None:
    """Return the new widening factor, or None if it has not changed."""
    if adapted.factor == (1.0 if before is None else before.factor):
        return None
    since = None if before is None else before.since_at
    return Widening(
        version=version,
        at=now,
        factor=adapted.factor,
        n_labels=adapted.n,
        n_inside=adapted.n_inside,
        since_at=None if adapted.factor == 1.0 else since or now,
    )
