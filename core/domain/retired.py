"""The version that served before: it goes on scoring for a while, as evidence for the change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.domain.deployment import Action, Deployment
from core.domain.version import HEURISTIC

EVIDENCE_FOR = timedelta(days=14)
"""How long a version that was replaced goes on scoring."""

EVIDENCE_SHARE = 0.1
"""The share of the requests that it scores: each costs the API's process a second scoring."""


@dataclass(frozen=True, slots=True)
class Retired:
    """A version that was replaced by a deployment or promotion."""

    version: int
    revision: int  # the row that replaced it
    since_at: datetime
    until_at: datetime


def find_retired(history: Sequence[Deployment], now: datetime) -> Retired | None:
    """The model that the champion has replaced within the last 14 days, by every row, oldest first.
    None while a trial runs, after a rollback (what was left for a reason is not asked again), and
    where one of the two is no model.

    >>> find_retired([], datetime.max) is None
    True
    """
    if not history or history[-1].plan.challenger is not None:
        return None
    champion = history[-1].plan.champion
    for before, row in zip(reversed(history[:-1]), reversed(history[1:]), strict=True):
        replaced = before.plan.champion
        if replaced == champion:
            continue
        until_at = row.at + EVIDENCE_FOR
        is_chosen = row.action in (Action.DEPLOY, Action.PROMOTE)
        if HEURISTIC in (replaced, champion) or not is_chosen or now >= until_at:
            return None
        return Retired(replaced, row.revision, row.at, until_at)
    return None
