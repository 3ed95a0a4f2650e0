"""A decision: what a policy did to a request, with the probability that it had of doing that."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.domain.decisions.policy import PolicyKind, RedoAction
from core.domain.prediction import ChosenBy, Prediction

MIN_CANDIDATES, MAX_CANDIDATES = 2, 100


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """A decision as it is kept. `prediction_id` is that of the picked candidate or of the decided
    work; `probability` is that of the action which was taken, given the scores."""

    id: str  # as a prediction's
    at: datetime
    kind: PolicyKind
    policy_id: int | None  # None where no pick policy was in force: the best score, always
    group_id: str | None  # the caller's name for a request, decided once
    unit_id: str | None
    attempt: int
    action: RedoAction | None  # None for a pick
    prediction_id: str
    probability: float
    explored: bool  # chance decided, also where it decided as the rule would have
    p_bad: float | None
    threshold: float | None
    n_candidates: int
    key_id: int | None = None

    @property
    def chosen_by(self) -> ChosenBy:
        """Return how its work comes to be labelled, where it is.

        Work that is to be redone is labelled by chance if at all."""
        if self.action is RedoAction.REDO:
            return ChosenBy.FEEDBACK
        if self.explored:
            return ChosenBy.EXPLORED
        return ChosenBy.PICKED if self.kind is PolicyKind.PICK else ChosenBy.ACCEPTED


@dataclass(frozen=True, slots=True)
class DecidedRequest:
    """A decision with what was scored for it; `ranks` are from 1, in the order of the candidates.
    Of work whose prediction was logged before, no prediction is new."""

    decision: LoggedDecision
    predictions: Sequence[Prediction]
