"""Decisions: appended before they are answered, with the predictions that were made for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.domain.decisions.decision import LoggedDecision
from core.domain.decisions.policy import PolicyKind, RedoAction
from core.domain.prediction import AnswerSource, Prediction
from core.errors import NotFound
from core.store.engine import schema
from core.store.engine.types import to_micros
from core.store.predictions.predictions import read_prediction

_decisions = schema.decisions
_predictions = schema.predictions
_labels = schema.labels
_COLUMNS = (
    "id",
    "at",
    "kind",
    "policy_id",
    "group_id",
    "unit_id",
    "attempt",
    "action",
    "prediction_id",
    "probability",
    "explored",
    "p_bad",
    "threshold",
    "n_candidates",
    "key_id",
)
_INSERT = f"INSERT INTO decisions ({', '.join(_COLUMNS)}) VALUES "
INSERT_DECISION = f"{_INSERT}({', '.join('?' * len(_COLUMNS))})"
"""What logs one decision in SQLite, with a row of `list_decision_values`."""
_IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class DecidedWork:
    """A redo decision on work that a model scored, with its label where there is one."""

    score: float
    attempt: int
    action: RedoAction
    probability: float
    threshold: float
    p_bad: float | None
    actual: float | None
    unit_id: str | None


@dataclass(frozen=True, slots=True)
class PickedCandidate:
    """A pick, with the scores of all its candidates and the label of the picked one where there is
    one."""

    picked: float
    scores: tuple[float, ...]
    probability: float
    actual: float | None
    unit_id: str | None


@dataclass(frozen=True, slots=True)
class LabelledScore:
    """A score of the model with the truth, in points. `probability` is that with which the work was
    let through, 1 where no policy decided; `threshold` is that of the policy which did."""

    score: float
    actual: float
    attempt: int
    probability: float
    threshold: float | None
    at: datetime


def append_decisions(conn: sa.Connection, decisions: Sequence[LoggedDecision]) -> None:
    """Log decisions, none of whose groups was decided before."""
    if not decisions:
        return
    sqlite = conn.dialect.name == "sqlite"
    insert = INSERT_DECISION if sqlite else f"{_INSERT}({', '.join(['%s'] * len(_COLUMNS))})"
    conn.exec_driver_sql(insert, list_decision_values(decisions))


def list_decision_values(decisions: Sequence[LoggedDecision]) -> list[tuple[Any, ...]]:
    """Return decisions as the columns of their table have them."""
    return [
        (
            one.id,
            to_micros(one.at),
            one.kind.value,
            one.policy_id,
            one.group_id,
            one.unit_id,
            one.attempt,
            None if one.action is None else one.action.value,
            one.prediction_id,
            one.probability,
            int(one.explored),
            one.p_bad,
            one.threshold,
            one.n_candidates,
            one.key_id,
        )
        for one in decisions
    ]


def find_decided_groups(conn: sa.Connection, group_ids: Sequence[str]) -> dict[str, str]:
    """Return those of the groups that were decided, with the id of their decision."""
    found: dict[str, str] = {}
    for start in range(0, len(group_ids), _IDS_AT_ONCE):
        part = group_ids[start : start + _IDS_AT_ONCE]
        query = sa.select(_decisions.c.group_id, _decisions.c.id)
        rows = conn.execute(query.where(_decisions.c.group_id.in_(part)))
        found |= {row.group_id: row.id for row in rows}
    return found


def get_decision(conn: sa.Connection, decision_id: str) -> LoggedDecision:
    """Return a decision; raises `NotFound`."""
    query = sa.select(_decisions).where(_decisions.c.id == decision_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound(
            f"There is no decision {decision_id}: it was never made, or it is so old that it was "
            "removed (PLUMBLINE_KEEP_PREDICTIONS_DAYS)."
        )
    return _decision(row)


def find_decision_of(conn: sa.Connection, prediction: Prediction) -> LoggedDecision | None:
    """Return the decision that a prediction was scored for, or else the newest one about it; None
    without one."""
    mine = _decisions.c.prediction_id == prediction.id
    if prediction.decision_id is not None:
        mine = _decisions.c.id == prediction.decision_id
    query = sa.select(_decisions).where(mine).order_by(_decisions.c.seq.desc()).limit(1)
    row = conn.execute(query).one_or_none()
    return None if row is None else _decision(row)


def load_decisions(
    conn: sa.Connection, limit: int, kind: PolicyKind | None = None
) -> list[LoggedDecision]:
    """Return the newest decisions, newest first."""
    query = sa.select(_decisions).order_by(_decisions.c.seq.desc()).limit(limit)
    if kind is not None:
        query = query.where(_decisions.c.kind == kind.value)
    return [_decision(row) for row in conn.execute(query)]


@dataclass(frozen=True, slots=True)
class DecisionCounts:
    """The decisions of a policy in a span of time; for picks, nothing is redone."""

    policy_id: int | None
    kind: PolicyKind
    n: int
    n_redone: int
    n_explored: int


def count_decisions(conn: sa.Connection, from_at: datetime) -> list[DecisionCounts]:
    """Count the decisions since a moment by policy, newest policy first."""
    redone = sa.case((_decisions.c.action == RedoAction.REDO.value, 1), else_=0)
    explored = sa.case((_decisions.c.explored, 1), else_=0)
    query = (
        sa.select(
            _decisions.c.policy_id,
            _decisions.c.kind,
            sa.func.count().label("n"),
            sa.func.sum(redone).label("n_redone"),
            sa.func.sum(explored).label("n_explored"),
        )
        .where(_decisions.c.at >= from_at)
        .group_by(_decisions.c.policy_id, _decisions.c.kind)
        .order_by(_decisions.c.policy_id.desc(), _decisions.c.kind)
    )
    return [
        DecisionCounts(row.policy_id, PolicyKind(row.kind), row.n, row.n_redone, row.n_explored)
        for row in conn.execute(query)
    ]


def load_labelled_scores(conn: sa.Connection, version: int, limit: int) -> list[LabelledScore]:
    """Return the newest labelled scores that the model of a version gave, newest label first,
    without candidates, of which the best were chosen, and without work that was to be redone."""
    later = _labels.alias("later")
    newest = sa.select(sa.func.max(later.c.id)).where(
        later.c.prediction_id == _labels.c.prediction_id
    )
    other = _decisions.alias("other")
    decision = sa.select(sa.func.max(other.c.seq)).where(other.c.prediction_id == _predictions.c.id)
    query = (
        sa.select(
            _predictions.c.at,
            _predictions.c.score,
            _labels.c.actual,
            _decisions.c.attempt,
            _decisions.c.probability,
            _decisions.c.threshold,
        )
        .select_from(_labels)
        .join(_predictions, _predictions.c.id == _labels.c.prediction_id)
        .outerjoin(
            _decisions, _decisions.c.seq == decision.correlate(_predictions).scalar_subquery()
        )
        .where(
            _labels.c.id == newest.correlate(_labels).scalar_subquery(),
            _predictions.c.version == version,
            _predictions.c.source == AnswerSource.MODEL.value,
            sa.or_(
                sa.and_(_decisions.c.seq.is_(None), _predictions.c.decision_id.is_(None)),
                _decisions.c.action == RedoAction.ACCEPT.value,
            ),
        )
        .order_by(_labels.c.id.desc())
        .limit(limit)
    )
    return [
        LabelledScore(
            at=row.at,
            score=row.score,
            actual=row.actual,
            attempt=row.attempt or 1,
            probability=row.probability or 1.0,
            threshold=row.threshold,
        )
        for row in conn.execute(query)
    ]


def load_decided_work(conn: sa.Connection, since_at: datetime, limit: int) -> list[DecidedWork]:
    """Return the newest redo decisions since a moment on work that a model scored, newest first."""
    rows = conn.execute(
        _decided(since_at, limit)
        .where(_decisions.c.kind == PolicyKind.REDO.value, _decisions.c.threshold.is_not(None))
        .where(_predictions.c.source == AnswerSource.MODEL.value)
    )
    return [
        DecidedWork(
            score=row.score,
            attempt=row.attempt,
            action=RedoAction(row.action),
            probability=row.probability,
            threshold=row.threshold,
            p_bad=row.p_bad,
            actual=row.actual,
            unit_id=row.unit_id,
        )
        for row in rows
    ]


def load_picks(conn: sa.Connection, since_at: datetime, limit: int) -> list[PickedCandidate]:
    """Return the newest picks since a moment all of whose candidates have a score, newest first."""
    query = _decided(since_at, limit).where(_decisions.c.kind == PolicyKind.PICK.value)
    rows = conn.execute(query).all()
    ids = query.with_only_columns(_decisions.c.id).subquery()
    scores: dict[str, list[float | None]] = {}
    candidates = sa.select(_predictions.c.decision_id, _predictions.c.score)
    for row in conn.execute(candidates.where(_predictions.c.decision_id.in_(sa.select(ids.c.id)))):
        scores.setdefault(row.decision_id, []).append(row.score)
    whole = {
        name: tuple(one for one in found if one is not None)
        for name, found in scores.items()
        if None not in found
    }
    return [
        PickedCandidate(row.score, whole[row.id], row.probability, row.actual, row.unit_id)
        for row in rows
        if row.id in whole
    ]


def _decided(since_at: datetime, limit: int) -> sa.Select[Any]:
    """Select the newest decisions with the score and the label that count for each."""
    newest = (
        sa.select(sa.func.max(_labels.c.id))
        .where(_labels.c.prediction_id == _decisions.c.prediction_id)
        .correlate(_decisions)
        .scalar_subquery()
    )
    return (
        sa.select(_decisions, _predictions.c.score, _labels.c.actual)
        .join(_predictions, _predictions.c.id == _decisions.c.prediction_id)
        .outerjoin(_labels, _labels.c.id == newest)
        .where(_decisions.c.at >= since_at)
        .order_by(_decisions.c.seq.desc())
        .limit(limit)
    )


def load_candidates(conn: sa.Connection, decision_id: str) -> list[Prediction]:
    """Return the predictions that were made for a decision, in the order of the request."""
    query = sa.select(_predictions).where(_predictions.c.decision_id == decision_id)
    return [read_prediction(row) for row in conn.execute(query.order_by(_predictions.c.seq))]


def _decision(row: Any) -> LoggedDecision:
    return LoggedDecision(
        id=row.id,
        at=row.at,
        kind=PolicyKind(row.kind),
        policy_id=row.policy_id,
        group_id=row.group_id,
        unit_id=row.unit_id,
        attempt=row.attempt,
        action=None if row.action is None else RedoAction(row.action),
        prediction_id=row.prediction_id,
        probability=row.probability,
        explored=row.explored,
        p_bad=row.p_bad,
        threshold=row.threshold,
        n_candidates=row.n_candidates,
        key_id=row.key_id,
    )
