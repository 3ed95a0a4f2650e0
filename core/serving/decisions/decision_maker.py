"""The decision maker: follows the policies in force, and decides what was scored by them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.decisions.choices import choose_action, choose_pick, draw_numbers
from core.domain.decisions.decision import DecidedRequest, LoggedDecision
from core.domain.decisions.policy import DecisionPolicy, PolicyKind, parse_policy
from core.domain.prediction import AnswerSource, Prediction
from core.errors import InvalidInput, Refused
from core.serving.answer import build_id
from core.store.engine.database import Database
from core.store.models import policies


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """A request to decide: its id to be, its moment and its caller's names."""

    id: str
    at: datetime
    group_id: str | None = None
    unit_id: str | None = None
    attempt: int = 1
    key_id: int | None = None


class DecisionMaker:
    """Decides by the policies that were in force at the last look; used by many threads."""

    def __init__(self, db: Database, random: Callable[[int], bytes]) -> None:
        """`random` makes ids differ."""
        self._db = db
        self._random = random
        self._in_force: dict[PolicyKind, DecisionPolicy] = {}
        self._newest_change = 0

    def refresh(self) -> None:
        """Look once whether other policies are in force."""
        with self._db.read() as conn:
            newest = policies.find_newest_change(conn)
            if newest != self._newest_change:
                self._in_force = policies.load_in_force(conn)
                self._newest_change = newest

    def build_id(self, at: datetime) -> str:
        """Return the id of a decision on a request that came in at `at`."""
        return build_id(at, self._random(10))

    def find_in_force(self, kind: PolicyKind) -> DecisionPolicy | None:
        """Return the policy in force, None where there is none; for a redo that is `Refused`."""
        found = self._in_force.get(kind)
        if found is None and kind is PolicyKind.REDO:
            raise Refused(
                "No redo policy is in force, so that nothing says what is bad: set one with "
                "`policies set redo`, or name one."
            )
        return found

    def get_policy(self, kind: PolicyKind, name: str) -> DecisionPolicy:
        """Return the policy that a caller names, read from the store unless it is in force. Raises
        `InvalidInput` for another kind, and `NotFound`."""
        number = parse_policy(name)
        known = self._in_force.get(kind)
        if known is not None and known.id == number:
            return known
        with self._db.read() as conn:
            policy = policies.get_policy(conn, number)
        if policy.terms.kind is not kind:
            raise InvalidInput(
                f"{policy.name} is a {policy.terms.kind.value} policy: name another."
            )
        return policy

    def pick(
        self,
        request: DecisionRequest,
        candidates: Sequence[Prediction],
        policy: DecisionPolicy | None,
    ) -> DecidedRequest:
        """Pick among scored candidates; without a policy the best score, always."""
        policy_id = None if policy is None else policy.id
        choice = choose_pick(
            [one.score for one in candidates],
            0.0 if policy is None else policy.terms.exploration,
            draw_numbers(request.id, policy_id, 3),
        )
        decision = LoggedDecision(
            id=request.id,
            at=request.at,
            kind=PolicyKind.PICK,
            policy_id=policy_id,
            group_id=request.group_id,
            unit_id=request.unit_id,
            attempt=request.attempt,
            action=None,
            prediction_id=candidates[choice.place].id,
            probability=choice.probability,
            explored=choice.explored,
            p_bad=None,
            threshold=None,
            n_candidates=len(candidates),
            key_id=request.key_id,
        )
        return DecidedRequest(decision, candidates)

    def judge(
        self,
        request: DecisionRequest,
        scored: Prediction,
        policy: DecisionPolicy,
        *,
        is_new: bool,
    ) -> DecidedRequest:
        """Accept or redo scored work; `is_new` where its prediction is not logged yet."""
        [number] = draw_numbers(request.id, policy.id, 1)
        by_model = scored.source is AnswerSource.MODEL
        choice = choose_action(scored.score, by_model, request.attempt, policy.terms, number)
        decision = LoggedDecision(
            id=request.id,
            at=request.at,
            kind=PolicyKind.REDO,
            policy_id=policy.id,
            group_id=None,
            unit_id=request.unit_id,
            attempt=request.attempt,
            action=choice.action,
            prediction_id=scored.id,
            probability=choice.probability,
            explored=choice.explored,
            p_bad=choice.p_bad,
            threshold=policy.terms.threshold,
            n_candidates=1,
            key_id=request.key_id,
        )
        return DecidedRequest(decision, [scored] if is_new else [])
