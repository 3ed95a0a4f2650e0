"""Bodies of the routes that decide: what they take, what they answer, and what is wrong."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from core.decisions.choices import rank_scores
from core.domain.decisions.decision import MAX_CANDIDATES, MIN_CANDIDATES, LoggedDecision
from core.domain.decisions.policy import MAX_ATTEMPTS, policy_name
from core.domain.prediction import AnswerSource, Prediction
from core.serving.answer import Ask
from core.serving.schemas import BadBody, Features, Id, Text, check_text

_COUNT = {"minItems": MIN_CANDIDATES, "maxItems": MAX_CANDIDATES}
_Policy = Annotated[
    str | None, msgspec.Meta(description="A policy such as p3; the one in force unless given.")
]
_MOST_NAMED = 3


class Candidate(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One of several pieces of work for the same request."""

    features: Features
    id: Annotated[
        Id | None, msgspec.Meta(description="Your name for it; its number from 1 unless given.")
    ] = None
    text: Annotated[Text | None, msgspec.Meta(description="The work itself.")] = None


class RankBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """2 to 100 candidates, of which one is picked."""

    candidates: Annotated[list[Candidate], msgspec.Meta(extra_json_schema=_COUNT)]
    group_id: Annotated[
        Id | None,
        msgspec.Meta(description="Your name for the request: asked again, it is answered again."),
    ] = None
    unit_id: Annotated[
        Id | None, msgspec.Meta(description="Whom or what it is for; unless given, the request.")
    ] = None
    policy: _Policy = None


class DecideBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Work to accept or redo: its features, or a prediction of it."""

    features: Features | None = None
    text: Annotated[Text | None, msgspec.Meta(description="The work itself.")] = None
    unit_id: Annotated[Id | None, msgspec.Meta(description="Whom or what it is for.")] = None
    attempt: Annotated[
        int,
        msgspec.Meta(ge=1, le=10 * MAX_ATTEMPTS, description="1 for work that was made once."),
    ] = 1
    prediction_id: Annotated[
        Id | None, msgspec.Meta(description="Of work that was scored before, without features.")
    ] = None
    policy: _Policy = None


class RankedCandidate(msgspec.Struct, frozen=True):
    """A candidate with its score; rank 1 is the best, and equal scores share a rank."""

    id: str
    prediction_id: str
    score: float | None
    low: float | None
    high: float | None
    rank: int
    source: str


class RankAnswer(msgspec.Struct, frozen=True):
    """The picked candidate, with the probability that it had given the scores."""

    decision_id: str
    picked: str
    probability: float
    explored: Annotated[bool, msgspec.Meta(description="Chance picked it.")]
    policy: str | None
    candidates: list[RankedCandidate]
    reason: str | msgspec.UnsetType = msgspec.UNSET


class DecideAnswer(msgspec.Struct, frozen=True):
    """The action for the work, with the probability that it had given the score."""

    decision_id: str
    action: Annotated[str, msgspec.Meta(description="accept or redo.")]
    p_bad: float | None
    threshold: float | None
    probability: float
    explored: Annotated[bool, msgspec.Meta(description="Chance let it through.")]
    policy: str | None
    prediction_id: str
    score: float | None
    low: float | None
    high: float | None
    source: str
    reason: str | msgspec.UnsetType = msgspec.UNSET


def check_rank(body: RankBody) -> None:
    """Raise `BadBody` for too few or too many candidates, names that two share, and texts that a
    database cannot hold."""
    n = len(body.candidates)
    if not MIN_CANDIDATES <= n <= MAX_CANDIDATES:
        raise BadBody(
            "candidates",
            f"A request has {MIN_CANDIDATES} to {MAX_CANDIDATES} candidates, and this one has {n}"
            + (": ask /v1/decide about a single one." if n == 1 else "."),
        )
    check_text(body.group_id, "group_id")
    check_text(body.unit_id, "unit_id")
    seen: set[str] = set()
    for place, candidate in enumerate(body.candidates):
        check_text(candidate.id, f"candidates[{place}].id")
        check_text(candidate.text, f"candidates[{place}].text")
        name = name_candidate(candidate, place)
        if name in seen:
            raise BadBody(f"candidates[{place}].id", f"Another candidate is called '{name}' too.")
        seen.add(name)


def check_decide(body: DecideBody) -> None:
    """Raise `BadBody` unless it has either features or a prediction, and for texts that a database
    cannot hold."""
    if (body.features is None) == (body.prediction_id is None):
        raise BadBody("features", "Send features, or the prediction_id of work that was scored.")
    if body.prediction_id is not None and body.text is not None:
        raise BadBody("text", "Work that was scored has its text: leave it out.")
    check_text(body.text, "text")
    check_text(body.unit_id, "unit_id")
    check_text(body.prediction_id, "prediction_id")


def name_candidate(candidate: Candidate, place: int) -> str:
    """Return the caller's name for a candidate, else its number from 1."""
    return candidate.id if candidate.id is not None else str(place + 1)


def build_candidate_asks(body: RankBody, decision_id: str, key_id: int | None) -> list[Ask]:
    """Return the rows to score. A request without a unit is one of its own: its candidates are
    answered by one version, and count as one in a trial."""
    unit_id = body.unit_id or body.group_id or decision_id
    return [
        Ask(
            one.features,
            one.text,
            unit_id,
            key_id=key_id,
            decision_id=decision_id,
            candidate_id=name_candidate(one, place),
        )
        for place, one in enumerate(body.candidates)
    ]


def build_rank_answer(decision: LoggedDecision, candidates: Sequence[Prediction]) -> RankAnswer:
    """Return the answer that a decision among candidates gives."""
    ranks = rank_scores([one.score for one in candidates])
    ranked = [
        RankedCandidate(
            id=str(one.candidate_id),
            prediction_id=one.id,
            score=one.score,
            low=one.low,
            high=one.high,
            rank=rank,
            source=one.source.value,
        )
        for one, rank in zip(candidates, ranks, strict=True)
    ]
    reason = explain_candidates(candidates)
    return RankAnswer(
        decision_id=decision.id,
        picked=next(one.id for one in ranked if one.prediction_id == decision.prediction_id),
        probability=decision.probability,
        explored=decision.explored,
        policy=None if decision.policy_id is None else policy_name(decision.policy_id),
        candidates=ranked,
        reason=msgspec.UNSET if reason is None else reason,
    )


def is_same_request(body: RankBody, candidates: Sequence[Prediction]) -> bool:
    """Return whether candidates that were logged are those of a body."""
    return [(one.candidate_id, one.features, one.text) for one in candidates] == [
        (name_candidate(one, place), one.features, one.text)
        for place, one in enumerate(body.candidates)
    ]


def build_decide_answer(decision: LoggedDecision, scored: Prediction) -> DecideAnswer:
    """Return the answer that a decision on scored work gives."""
    return DecideAnswer(
        decision_id=decision.id,
        action="" if decision.action is None else decision.action.value,
        p_bad=decision.p_bad,
        threshold=decision.threshold,
        probability=decision.probability,
        explored=decision.explored,
        policy=None if decision.policy_id is None else policy_name(decision.policy_id),
        prediction_id=scored.id,
        score=scored.score,
        low=scored.low,
        high=scored.high,
        source=scored.source.value,
        reason=msgspec.UNSET if scored.reason is None else scored.reason,
    )


def explain_candidates(candidates: Sequence[Prediction]) -> str | None:
    """Return why the scores of candidates cannot be compared as they should, None where they can:
    no model scored some of them, or they do not have the same features."""
    guessed = [one for one in candidates if one.source is not AnswerSource.MODEL]
    if len(guessed) == len(candidates):
        return guessed[0].reason
    if guessed:
        first = guessed[0]
        return (
            f"No model scored {len(guessed)} of {len(candidates)} candidates, such as "
            f"'{first.candidate_id}': {first.reason}"
        )
    if all(one.features.keys() == candidates[0].features.keys() for one in candidates):
        return None
    names = {name for one in candidates for name in one.features}
    lacking = next(one for one in candidates if names - one.features.keys())
    missing = sorted(names - lacking.features.keys())
    more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
    return (
        f"The candidates do not have the same features: '{lacking.candidate_id}' lacks "
        f"{', '.join(missing[:_MOST_NAMED])}{more}, so that its score is less sure."
    )
