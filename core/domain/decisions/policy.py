"""A policy: a versioned rule that picks among candidates or has work redone, with its costs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.errors import InvalidInput

DEFAULT_EXPLORATION = 0.05
"""The share of requests where chance decides, unless a policy says otherwise."""

MAX_ATTEMPTS = 20
CONFIDENCE = 0.95
"""The probability with which a promise is held."""


class PolicyKind(StrEnum):
    """The question that a policy answers; one is in force for each."""

    PICK = "pick"  # the candidate that is shown
    REDO = "redo"  # whether work is made again before anyone sees it


class RedoAction(StrEnum):
    """The action of a redo policy."""

    ACCEPT = "accept"
    REDO = "redo"


@dataclass(frozen=True, slots=True)
class RedoCosts:
    """The costs of a redo policy, in the team's own unit. Bad work that is redone is bad again with
    the probability `bad_after_redo`; None until it is estimated from labels."""

    redo: float  # of making work once more
    bad: float  # of bad work that is shown
    bad_after_redo: float | None = None


@dataclass(frozen=True, slots=True)
class CalibrationStep:
    """The probability that work is bad for scores of this step."""

    highest: float  # the step's highest score; the one before ends below
    p_bad: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """P(bad | score), which falls as the score rises, from labelled work that a version scored."""

    version: int
    n_labels: int
    steps: tuple[CalibrationStep, ...]  # lowest scores first

    def find_p_bad(self, score: float) -> float:
        """Return the probability that work of a score is bad.

        >>> steps = (CalibrationStep(40.0, 0.9), CalibrationStep(80.0, 0.1))
        >>> [Calibration(1, 50, steps).find_p_bad(score) for score in (10.0, 40.0, 41.0, 99.0)]
        [0.9, 0.9, 0.1, 0.1]
        """
        return next(
            (step.p_bad for step in self.steps if score <= step.highest), self.steps[-1].p_bad
        )


@dataclass(frozen=True, slots=True)
class PolicyTerms:
    """The rule of a policy. A pick policy has an exploration share only. A redo policy calls work
    bad if its truth is under `bar`, and redoes it if its score is under `threshold`, which is
    given, or found from labels by the promise (the share of bad work among what is accepted) or by
    the costs."""

    kind: PolicyKind
    exploration: float = DEFAULT_EXPLORATION  # share 0..1
    bar: float | None = None
    costs: RedoCosts | None = None
    threshold: float | None = None
    promise: float | None = None  # share 0..1
    max_attempts: int = 3  # work of this attempt is accepted
    on_heuristic: RedoAction = RedoAction.ACCEPT  # where no model has scored the work
    calibration: Calibration | None = None


@dataclass(frozen=True, slots=True)
class DecisionPolicy:
    """A policy as it is kept for ever. `figures` are what labels said of it when it was set."""

    id: int
    at: datetime
    by: str
    reason: str
    terms: PolicyTerms
    figures: Mapping[str, object]

    @property
    def name(self) -> str:
        """Return the name by which people and callers call it, such as p3."""
        return policy_name(self.id)


class PolicyAction(StrEnum):
    """The way in which a policy came into force."""

    PUT_IN_FORCE = "put_in_force"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """A row of the history of what is in force for a kind; the newest counts."""

    id: int
    at: datetime
    by: str
    kind: PolicyKind
    policy_id: int
    action: PolicyAction
    reason: str


def policy_name(policy_id: int) -> str:
    """Return the name of a policy.

    >>> policy_name(3)
    'p3'
    """
    return f"p{policy_id}"


def parse_policy(text: str) -> int:
    """Return the number of a policy from `p3` or `3`; raises `InvalidInput`.

    >>> parse_policy("p3"), parse_policy("3")
    (3, 3)
    """
    digits = text.strip().lower().removeprefix("p")
    if not (digits.isascii() and digits.isdecimal()) or not 0 < int(digits) < 2**63:
        raise InvalidInput(f"'{text[:100]}' is no policy: name one as p3; `policies` lists them.")
    return int(digits)


def check_terms(terms: PolicyTerms, low: float, high: float) -> None:
    """Raise `InvalidInput` for a rule that cannot be meant on the scale from `low` to `high`.

    >>> check_terms(PolicyTerms(PolicyKind.PICK), 0.0, 100.0)
    """
    if not 0.0 <= terms.exploration < 1.0:
        raise InvalidInput(
            f"The exploration share is {terms.exploration:g}: give a share from 0 to less than 1, "
            f"such as {DEFAULT_EXPLORATION:g}."
        )
    if terms.kind is PolicyKind.PICK:
        _check_pick(terms)
    else:
        _check_redo(terms, low, high)


def _check_pick(terms: PolicyTerms) -> None:
    given = {
        "a bar": terms.bar,
        "costs": terms.costs,
        "a threshold": terms.threshold,
        "a promise": terms.promise,
    }
    for name, value in given.items():
        if value is not None:
            raise InvalidInput(
                f"A pick policy takes the best score and has no use for {name}: leave it out, or "
                "set a redo policy."
            )


def _check_redo(terms: PolicyTerms, low: float, high: float) -> None:
    if terms.bar is None:
        raise InvalidInput(
            "A redo policy needs a bar: work is bad if its truth is under it. Give one on the "
            f"scale from {low:g} to {high:g}."
        )
    if not low < terms.bar <= high:
        raise InvalidInput(
            f"The bar {terms.bar:g} is not on the scale: give one above {low:g}, under which no "
            f"truth can be, and up to {high:g}."
        )
    if terms.costs is None:
        raise InvalidInput(
            "A redo policy needs its costs, in your own unit: what a redo costs and what bad work "
            "costs when it is shown."
        )
    for name, cost in (("a redo", terms.costs.redo), ("bad work", terms.costs.bad)):
        if not (math.isfinite(cost) and cost >= 0.0):
            raise InvalidInput(f"The cost of {name} is {cost:g}: give a number of 0 or more.")
    if terms.costs.bad == 0.0:
        raise InvalidInput(
            "Bad work costs nothing, so that nothing is worth a redo: give its cost."
        )
    share = terms.costs.bad_after_redo
    if share is not None and not 0.0 <= share <= 1.0:
        raise InvalidInput(
            f"The share that is bad after a redo is {share:g}: give one from 0 to 1."
        )
    if terms.threshold is not None and terms.promise is not None:
        raise InvalidInput("A threshold is given or found by a promise: leave one of them out.")
    if terms.threshold is not None and not low <= terms.threshold <= high:
        raise InvalidInput(
            f"The threshold {terms.threshold:g} is not on the scale from {low:g} to {high:g}."
        )
    if terms.promise is not None and not 0.0 < terms.promise < 1.0:
        raise InvalidInput(
            f"The promise is {terms.promise:g}: give the share of bad work that may be shown, "
            "between 0 and 1, such as 0.02."
        )
    if not 2 <= terms.max_attempts <= MAX_ATTEMPTS:
        raise InvalidInput(
            f"The maximum of attempts is {terms.max_attempts}: give 2 to {MAX_ATTEMPTS}; with 1 "
            "nothing would be redone."
        )
