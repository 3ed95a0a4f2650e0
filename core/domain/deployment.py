"""A deployment: one row of the plan of what serves. The newest row is in force."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Action(StrEnum):
    """What a row of the deployment history did."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    START_TRIAL = "start_trial"
    RAMP = "ramp"
    PROMOTE = "promote"
    STOP_TRIAL = "stop_trial"


@dataclass(frozen=True, slots=True)
class Plan:
    """What serves: the champion, and on trial a challenger with its share of the answers."""

    champion: int
    challenger: int | None = None
    traffic: float = 0.0  # share 0..1 of the answers that come from the challenger
    ab_test: str | None = None
    salt: str | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A plan with who decided it, when and why; appended, never edited."""

    revision: int
    at: datetime
    by: str
    action: Action
    reason: str
    plan: Plan
    override: bool  # the gate had refused and a person decided all the same
    evidence: Mapping[str, object]  # what the decision rested on
