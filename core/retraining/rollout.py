"""The release of a retrained version that passed its gate: a trial if it can decide in time, else a
deployment on the gate's own comparison."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from core import text
from core.deployment import release, trials
from core.deployment.trial import build_settings
from core.domain.actor import Actor
from core.domain.version import HEURISTIC, Version, version_name
from core.errors import Conflict, Refused
from core.log import get_logger
from core.registry import Registry
from core.settings import Settings
from core.store.engine.database import Database
from core.store.models import deployments
from core.store.predictions import rollups

TRIAL_SHARE = 0.1
"""The challenger's share of the answers when an automatic trial begins."""

_WEEK = timedelta(days=7)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rollout:
    """`how` is "refused", "trial" or "direct", `why` the reason as a sentence."""

    how: str
    why: str


def choose_rollout(
    version: Version, champion: int | None, labels_per_day: float, n_needed: int, every_days: float
) -> Rollout:
    """Choose how a retrained version is released.

    A trial compares both on the same live requests and needs about `n_needed` labelled pairs; where
    they do not come before the next retraining is due, every trial would be ended by the next, and
    the gate's paired comparison on the newest held-out rows is all the evidence there will be."""
    name = version.name
    if not version.report.gate.passed:
        failed = " ".join(r for r in version.report.gate.reasons if r.startswith("Failed"))
        return Rollout("refused", f"{name} stays out of service, its gate refused it. {failed}")
    if champion is None or champion == HEURISTIC:
        return Rollout("direct", f"{name} passed its gate and no model serves.")
    expected = labels_per_day * every_days
    pairs = (
        f"about {expected:,.0f} labelled pairs come before the next retraining and a trial needs "
        f"{n_needed:,}"
    )
    if expected < n_needed:
        return Rollout(
            "direct",
            f"{name} passed its gate, which compared it with {version_name(champion)} on the same "
            f"held-out rows; it serves without a trial, since {pairs}.",
        )
    return Rollout(
        "trial",
        f"{name} passed its gate and is tried at {text.chosen_percent(TRIAL_SHARE)}: {pairs}.",
    )


def roll_out(
    db: Database,
    registry: Registry,
    version: Version,
    settings: Settings,
    *,
    by: Actor,
    now: datetime,
) -> Rollout:
    """Start a trial or deploy a retrained version, and return what was done. A refusal, such as of
    a second trial, is reported and changes nothing."""
    trial = build_settings(settings)
    with db.read() as conn:
        current = deployments.find_current(conn)
        n_labels = rollups.count_labelled(conn, now - _WEEK, now)
    champion = None if current is None else current.plan.champion
    chosen = choose_rollout(
        version, champion, n_labels / 7, trial.t_star, settings.retrain_every_days
    )
    try:
        if chosen.how == "direct":
            release.deploy(
                db, registry, version.number, reason=chosen.why, by=by, override=False, now=now
            )
        elif chosen.how == "trial":
            trials.start_trial(
                db,
                registry,
                trials.TrialStart(
                    version.number,
                    name=f"retrained-{version.name}",
                    traffic=TRIAL_SHARE,
                    settings=trial,
                    salt=secrets.token_hex(8),
                ),
                reason=chosen.why,
                by=by,
                override=False,
                now=now,
            )
    except (Conflict, Refused) as error:
        chosen = Rollout("refused", f"{version.name} stays out of service: {error}")
    log.info("rollout", version=version.number, how=chosen.how)
    return chosen
