"""Trials: scores beside the answers, and what is read of both to compare two versions."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from core.domain.prediction import Source, Variant
from core.domain.trial import (
    Conduct,
    FrozenVerdict,
    Pair,
    Ratings,
    ShadowOutcome,
    ShadowScore,
    Split,
    Trial,
    Verdict,
)
from core.store import schema

_predictions = schema.predictions
_shadow = schema.shadow_scores
_labels = schema.labels
_verdicts = schema.trial_verdicts

_CLOCKS_DIFFER = timedelta(days=1)  # at most, between the processes that answer and that release


def append_shadow_scores(conn: sa.Connection, scores: Sequence[ShadowScore]) -> None:
    """Log what became of scores beside the answers, one for a prediction."""
    if scores:
        conn.execute(
            _shadow.insert(),
            [
                {
                    "prediction_id": row.prediction_id,
                    "version": row.version,
                    "outcome": row.outcome.value,
                    "score": row.score,
                    "latency_ms": row.latency_ms,
                    "error": row.error,
                }
                for row in scores
            ],
        )


def find_shadow_score(conn: sa.Connection, prediction_id: str) -> ShadowScore | None:
    """What the other version would have said, or None."""
    query = sa.select(_shadow).where(_shadow.c.prediction_id == prediction_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    outcome = ShadowOutcome(row.outcome)
    return ShadowScore(
        row.prediction_id, row.version, outcome, row.score, row.latency_ms, row.error
    )


def load_pairs(conn: sa.Connection, trial: Trial) -> list[Pair]:
    """The labelled requests that both models scored, by when their first label came; a corrected
    label counts with its last value."""
    labelled = _labelled(trial)
    is_champion = _predictions.c.version == trial.champion
    query = (
        sa.select(
            labelled.c.first_at,
            _predictions.c.unit_id,
            sa.case((is_champion, _predictions.c.score), else_=_shadow.c.score).label("champion"),
            sa.case((is_champion, _shadow.c.score), else_=_predictions.c.score).label("challenger"),
            _labels.c.actual,
        )
        .select_from(_predictions)
        .join(_shadow, _shadow.c.prediction_id == _predictions.c.id)
        .join(labelled, labelled.c.prediction_id == _predictions.c.id)
        .join(_labels, _labels.c.id == labelled.c.last_id)
        .where(*_asked_in(trial), _both_scored())
        .order_by(labelled.c.first_at, _predictions.c.seq)
    )
    return [
        Pair(row.first_at, row.unit_id, row.champion, row.challenger, row.actual)
        for row in conn.execute(query)
    ]


def load_splits(conn: sa.Connection, trial: Trial, *, labelled: bool) -> list[Split]:
    """Who answered in each step, of all requests or of the labelled ones."""
    first = sa.select(sa.func.min(_predictions.c.seq).label("seq")).where(*_asked_in(trial))
    if labelled:
        some = _labelled(trial)
        first = first.join(some, some.c.prediction_id == _predictions.c.id)
    first_rows = first.group_by(
        sa.func.coalesce(_predictions.c.unit_id, _predictions.c.id)
    ).subquery()
    query = (
        sa.select(_predictions.c.revision, _predictions.c.variant, sa.func.count().label("n"))
        .join(first_rows, first_rows.c.seq == _predictions.c.seq)
        .group_by(_predictions.c.revision, _predictions.c.variant)
    )
    found = {(row.revision, row.variant): int(row.n) for row in conn.execute(query)}
    return [
        Split(
            step.traffic,
            found.get((step.revision, Variant.CHAMPION.value), 0),
            found.get((step.revision, Variant.CHALLENGER.value), 0),
        )
        for step in trial.steps
    ]


def load_conduct(conn: sa.Connection, trial: Trial) -> Conduct:
    """How the challenger behaves in the step that is in force."""
    step = trial.steps[-1]
    in_step = (*_asked_in(trial), _predictions.c.revision == step.revision)
    is_challenger = _predictions.c.version == trial.challenger
    answered = conn.execute(
        sa.select(
            sa.func.count().label("n"),
            _count(_predictions.c.source == Source.FAILED.value).label("failed"),
            _count(_predictions.c.source == Source.HEURISTIC.value).label("fallback"),
            _count(_predictions.c.latency_ms > trial.settings.max_latency_ms).label("slow"),
        ).where(*in_step, is_challenger)
    ).one()
    own = sa.case((is_challenger, _predictions.c.score), else_=_shadow.c.score)
    other = sa.case((is_challenger, _shadow.c.score), else_=_predictions.c.score)
    labelled = _labelled(trial)
    scored = conn.execute(
        sa.select(
            sa.func.count().label("n"),
            sa.func.count(sa.distinct(own)).label("own"),
            sa.func.count(sa.distinct(other)).label("other"),
            sa.func.count(labelled.c.last_id).label("labels"),
        )
        .select_from(_predictions)
        .join(_shadow, _shadow.c.prediction_id == _predictions.c.id)
        .outerjoin(labelled, labelled.c.prediction_id == _predictions.c.id)
        .where(*in_step, _both_scored())
    ).one()
    beside = sa.and_(
        _shadow.c.version == trial.challenger, _predictions.c.revision == step.revision
    )
    failed = _shadow.c.outcome == ShadowOutcome.FAILED.value
    shadow = conn.execute(
        sa.select(
            sa.func.count().label("n"),
            _count(failed).label("failed"),
            _count(_shadow.c.outcome == ShadowOutcome.LATE.value).label("late"),
            _count(_shadow.c.outcome == ShadowOutcome.DROPPED.value).label("dropped"),
            _count(beside).label("challenger"),
            _count(sa.and_(beside, failed)).label("challenger_failed"),
        )
        .select_from(_predictions)
        .join(_shadow, _shadow.c.prediction_id == _predictions.c.id)
        .where(*_asked_in(trial))
    ).one()
    ratings = _load_ratings(conn, trial)
    return Conduct(
        champion_ratings=ratings.get(trial.champion, Ratings()),
        challenger_ratings=ratings.get(trial.challenger, Ratings()),
        n_requests=answered.n,
        n_failed=answered.failed,
        n_fallback=answered.fallback,
        n_slow=answered.slow,
        n_scores=scored.n,
        n_distinct=scored.own,
        n_champion_distinct=scored.other,
        n_labels=scored.labels,
        n_shadow=shadow.n,
        n_shadow_failed=shadow.failed,
        n_shadow_late=shadow.late,
        n_shadow_dropped=shadow.dropped,
        n_challenger_shadow=shadow.challenger,
        n_challenger_shadow_failed=shadow.challenger_failed,
    )


def _load_ratings(conn: sa.Connection, trial: Trial) -> dict[int, Ratings]:
    """By the version that answered; a corrected label counts with its last rating."""
    labelled = _labelled(trial)
    rating = _labels.c.rating
    rows = conn.execute(
        sa.select(
            _predictions.c.version,
            sa.func.count().label("n"),
            sa.func.sum(rating).label("total"),
            sa.func.sum(rating * rating).label("squares"),
        )
        .select_from(_predictions)
        .join(labelled, labelled.c.prediction_id == _predictions.c.id)
        .join(_labels, _labels.c.id == labelled.c.last_id)
        .where(*_asked_in(trial), rating.is_not(None))
        .group_by(_predictions.c.version)
    )
    return {row.version: _ratings(row.n, row.total, row.squares) for row in rows}


def _ratings(n: int, total: float, squares: float) -> Ratings:
    mean = total / n
    variance = max(squares / n - mean**2, 0.0) * n / max(n - 1, 1)
    return Ratings(n, mean, variance**0.5)


def append_verdict(conn: sa.Connection, frozen: FrozenVerdict) -> bool:
    """Keep a trial's verdict; False where one is kept already, which stays."""
    if find_verdict(conn, frozen.revision) is not None:
        return False
    conn.execute(
        _verdicts.insert().values(
            revision=frozen.revision,
            at=frozen.at,
            verdict=frozen.verdict.value,
            n_differences=frozen.n_differences,
            value=frozen.value,
            low=frozen.low,
            high=frozen.high,
        )
    )
    return True


def find_verdict(conn: sa.Connection, revision: int) -> FrozenVerdict | None:
    """The verdict that was kept of the trial that began with a revision, or None."""
    row = conn.execute(sa.select(_verdicts).where(_verdicts.c.revision == revision)).one_or_none()
    if row is None:
        return None
    verdict = Verdict(row.verdict)
    return FrozenVerdict(
        row.revision, row.at, verdict, row.n_differences, row.value, row.low, row.high
    )


def _asked_in(trial: Trial) -> tuple[sa.ColumnElement[bool], ...]:
    """What was asked of either version while the trial ran. The time is there for its index."""
    return (
        _predictions.c.at >= trial.started_at - _CLOCKS_DIFFER,
        _predictions.c.revision.between(trial.revision, trial.steps[-1].revision),
        _predictions.c.version.in_([trial.champion, trial.challenger]),
    )


def _both_scored() -> sa.ColumnElement[bool]:
    return sa.and_(_predictions.c.source == Source.MODEL.value, _shadow.c.score.is_not(None))


def _labelled(trial: Trial) -> sa.Subquery:
    """The predictions with a label: when the first came, and which one counts."""
    return (
        sa.select(
            _labels.c.prediction_id,
            sa.func.min(_labels.c.received_at).label("first_at"),
            sa.func.max(_labels.c.id).label("last_id"),
        )
        .where(_labels.c.received_at >= trial.started_at - _CLOCKS_DIFFER)
        .group_by(_labels.c.prediction_id)
        .subquery()
    )


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)
