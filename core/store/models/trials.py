"""Trials: shadow scores, and the reads that compare two versions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from core.domain.deployment import Deployment
from core.domain.prediction import AnswerSource, Variant
from core.domain.trial import (
    Conduct,
    FrozenVerdict,
    LabelCounts,
    Pair,
    Progress,
    ShadowOutcome,
    ShadowScore,
    TrafficSplit,
    Trial,
    TrialVerdict,
    find_ratings,
)
from core.store.engine import schema

_predictions = schema.predictions
_shadow = schema.shadow_scores
_labels = schema.labels
_verdicts = schema.trial_verdicts

_NEWEST = 1_000  # requests that are looked at for a score that is always the same
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def append_shadow_scores(conn: sa.Connection, scores: Sequence[ShadowScore]) -> None:
    """Log shadow scores, one for a prediction."""
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
    """Return the score of the other version, or None."""
    query = sa.select(_shadow).where(_shadow.c.prediction_id == prediction_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    outcome = ShadowOutcome(row.outcome)
    return ShadowScore(
        row.prediction_id, row.version, outcome, row.score, row.latency_ms, row.error
    )


def load_pairs(
    conn: sa.Connection,
    trial: Trial,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
) -> list[Pair]:
    """Return the labelled requests that both models scored, by the time of their first label, which
    lies in [from_at, to_at); a corrected label counts with its last value."""
    labelled = _labelled(from_at, to_at)
    is_champion = _predictions.c.version == trial.champion
    query = (
        sa.select(
            labelled.c.first_at,
            _predictions.c.unit_id,
            sa.case((is_champion, _predictions.c.score), else_=_shadow.c.score).label("champion"),
            sa.case((is_champion, _shadow.c.score), else_=_predictions.c.score).label("challenger"),
            _labels.c.actual,
            sa.type_coerce(_predictions.c.features, sa.Text).label("features"),
        )
        .select_from(labelled)
        .join(_predictions, _predictions.c.id == labelled.c.prediction_id)
        .join(_shadow, _shadow.c.prediction_id == _predictions.c.id)
        .join(_labels, _labels.c.id == labelled.c.last_id)
        .where(*_asked_in(trial), _both_scored())
        .order_by(labelled.c.first_at, _predictions.c.seq)
    )
    return [
        Pair(first_at, unit_id, champion, challenger, actual, _find_categories(features))
        for first_at, unit_id, champion, challenger, actual, features in conn.execute(query)
    ]


def _find_categories(features: str) -> tuple[tuple[str, str], ...]:
    """Return the features that are words, which segments are made of."""
    if ':"' not in features:
        return ()
    return tuple((name, value) for name, value in _decode(features).items() if type(value) is str)


def count_labels(
    conn: sa.Connection,
    trial: Trial,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
) -> LabelCounts:
    """Count the labelled answers of each version, each unit where its first label came; the pairs
    by step; and the ratings, a corrected label with its last one. Only labels that first came in
    [from_at, to_at) count."""
    labelled = _labelled(from_at, to_at)
    rows = (
        sa.select(_predictions, labelled.c.first_at, labelled.c.last_id)
        .select_from(labelled)
        .join(_predictions, _predictions.c.id == labelled.c.prediction_id)
        .where(*_asked_in(trial))
    )
    pairs = conn.execute(
        sa.select(_predictions.c.revision, sa.func.count())
        .select_from(labelled)
        .join(_predictions, _predictions.c.id == labelled.c.prediction_id)
        .join(_shadow, _shadow.c.prediction_id == _predictions.c.id)
        .where(*_asked_in(trial), _both_scored())
        .group_by(_predictions.c.revision)
    )
    return LabelCounts(
        splits=_count_labelled_units(conn, trial, rows.subquery(), from_at),
        pairs={str(revision): int(n) for revision, n in pairs},
        ratings=_sum_ratings(conn, rows.subquery()),
    )


def _count_labelled_units(
    conn: sa.Connection, trial: Trial, rows: sa.Subquery, from_at: datetime | None
) -> dict[str, int]:
    place = sa.func.row_number().over(
        partition_by=sa.func.coalesce(rows.c.unit_id, rows.c.id),
        order_by=(rows.c.first_at, rows.c.seq),
    )
    ranked = sa.select(
        rows.c.unit_id, rows.c.revision, rows.c.variant, place.label("place")
    ).subquery()
    query = (
        sa.select(ranked.c.revision, ranked.c.variant, sa.func.count())
        .where(ranked.c.place == 1)
        .group_by(ranked.c.revision, ranked.c.variant)
    )
    if from_at is not None:
        earlier, label = _predictions.alias(), _labels.alias()
        seen = (
            sa.select(earlier.c.seq)
            .join(label, label.c.prediction_id == earlier.c.id)
            .where(
                earlier.c.unit_id == ranked.c.unit_id,
                *_asked_in(trial, earlier),
                label.c.received_at < from_at,
            )
        )
        query = query.where(sa.or_(ranked.c.unit_id.is_(None), ~sa.exists(seen)))
    return {f"{revision} {variant}": int(n) for revision, variant, n in conn.execute(query)}


def _sum_ratings(conn: sa.Connection, rows: sa.Subquery) -> dict[str, tuple[int, float, float]]:
    rating = _labels.c.rating
    query = (
        sa.select(rows.c.version, sa.func.count(), sa.func.sum(rating), sa.func.sum(rating**2))
        .join(_labels, _labels.c.id == rows.c.last_id)
        .where(rating.is_not(None))
        .group_by(rows.c.version)
    )
    return {
        str(version): (int(n), float(total), float(squares))
        for version, n, total, squares in conn.execute(query)
    }


def count_requests(
    conn: sa.Connection, trial: Trial, after_seq: int, upto_seq: int | None = None
) -> dict[str, int]:
    """Count the answers of each version, each unit where it first came; the outcomes of the
    challenger's answers; and those of shadow scores. Only requests with a seq in (after_seq,
    upto_seq] count, by "what revision"."""
    inside = [*_asked_in(trial), _predictions.c.seq > after_seq]
    if upto_seq is not None:
        inside.append(_predictions.c.seq <= upto_seq)
    revision = _predictions.c.revision
    answered = {
        "answered": sa.func.count(),
        "failed": _count(_did_fail()),
        "fallback": _count(_predictions.c.source == AnswerSource.HEURISTIC.value),
        "slow": _count(_predictions.c.latency_ms > trial.settings.max_latency_ms),
    }
    challenger = (
        sa.select(revision, *answered.values())
        .select_from(_predictions)
        .outerjoin(_shadow, _shadow.c.prediction_id == _predictions.c.id)
        .where(*inside, _predictions.c.version == trial.challenger)
    )
    is_beside = _shadow.c.version == trial.challenger
    failed = _shadow.c.outcome == ShadowOutcome.FAILED.value
    beside = {
        "shadow": sa.func.count(),
        "shadow_failed": _count(failed),
        "shadow_late": _count(_shadow.c.outcome == ShadowOutcome.LATE.value),
        "shadow_dropped": _count(_shadow.c.outcome == ShadowOutcome.DROPPED.value),
        "beside": _count(is_beside),
        "beside_failed": _count(sa.and_(is_beside, failed)),
    }
    shadows = (
        sa.select(revision, *beside.values())
        .select_from(_predictions)
        .join(_shadow, _shadow.c.prediction_id == _predictions.c.id)
        .where(*inside)
    )
    found = _count_units(conn, trial, inside, after_seq)
    for names, query in ((answered, challenger), (beside, shadows)):
        for row in conn.execute(query.group_by(revision)):
            found |= {f"{name} {row[0]}": int(n) for name, n in zip(names, row[1:], strict=True)}
    return found


def _count_units(
    conn: sa.Connection, trial: Trial, inside: Sequence[sa.ColumnElement[bool]], after_seq: int
) -> dict[str, int]:
    earlier = _predictions.alias()
    seen = sa.select(earlier.c.seq).where(
        earlier.c.unit_id == _predictions.c.unit_id,
        earlier.c.seq <= after_seq,
        *_asked_in(trial, earlier),
    )
    first = (
        sa.select(sa.func.min(_predictions.c.seq).label("seq"))
        .where(*inside, sa.or_(_predictions.c.unit_id.is_(None), ~sa.exists(seen)))
        .group_by(sa.func.coalesce(_predictions.c.unit_id, _predictions.c.id))
        .subquery()
    )
    rows = conn.execute(
        sa.select(_predictions.c.revision, _predictions.c.variant, sa.func.count())
        .join(first, first.c.seq == _predictions.c.seq)
        .group_by(_predictions.c.revision, _predictions.c.variant)
    )
    return {f"{revision} {variant}": int(n) for revision, variant, n in rows}


def build_splits(trial: Trial, counts: Mapping[str, int]) -> list[TrafficSplit]:
    """Return the traffic split of each step, from the counts of requests or of labels."""
    return [
        TrafficSplit(
            step.traffic,
            counts.get(f"{step.revision} {Variant.CHAMPION.value}", 0),
            counts.get(f"{step.revision} {Variant.CHALLENGER.value}", 0),
        )
        for step in trial.steps
    ]


def load_conduct(
    conn: sa.Connection, trial: Trial, requests: Mapping[str, int], labels: LabelCounts
) -> Conduct:
    """Return the challenger's conduct in the current step, from the counts of the trial's requests
    and labels and from the step's newest requests."""
    revision = trial.steps[-1].revision

    def in_step(what: str) -> int:
        return requests.get(f"{what} {revision}", 0)

    def in_all(what: str) -> int:
        return sum(requests.get(f"{what} {step.revision}", 0) for step in trial.steps)

    n_scores, n_distinct, n_champion_distinct = _count_newest_scores(conn, trial)
    return Conduct(
        n_requests=in_step("answered"),
        n_failed=in_step("failed"),
        n_fallback=in_step("fallback"),
        n_slow=in_step("slow"),
        n_scores=n_scores,
        n_distinct=n_distinct,
        n_champion_distinct=n_champion_distinct,
        n_labels=labels.pairs.get(str(revision), 0),
        n_shadow=in_all("shadow"),
        n_shadow_failed=in_all("shadow_failed"),
        n_shadow_late=in_all("shadow_late"),
        n_shadow_dropped=in_all("shadow_dropped"),
        n_challenger_shadow=in_step("beside"),
        n_challenger_shadow_failed=in_step("beside_failed"),
        champion_ratings=find_ratings(labels, trial.champion),
        challenger_ratings=find_ratings(labels, trial.challenger),
    )


def _count_newest_scores(conn: sa.Connection, trial: Trial) -> tuple[int, int, int]:
    """Return, for the newest requests, the number of the current step's that both scored, and the
    numbers of distinct scores of challenger and champion."""
    newest = sa.select(_predictions).order_by(_predictions.c.seq.desc()).limit(_NEWEST).subquery()
    is_challenger = newest.c.version == trial.challenger
    own = sa.case((is_challenger, newest.c.score), else_=_shadow.c.score)
    other = sa.case((is_challenger, _shadow.c.score), else_=newest.c.score)
    query = (
        sa.select(
            sa.func.count(),
            sa.func.count(sa.distinct(own)),
            sa.func.count(sa.distinct(other)),
        )
        .select_from(newest)
        .join(_shadow, _shadow.c.prediction_id == newest.c.id)
        .where(
            newest.c.revision == trial.steps[-1].revision,
            newest.c.version.in_([trial.champion, trial.challenger]),
            newest.c.source == AnswerSource.MODEL.value,
            _shadow.c.score.is_not(None),
        )
    )
    n, n_own, n_other = conn.execute(query).one()
    return n, n_own, n_other


def find_newest(conn: sa.Connection) -> tuple[int, int]:
    """Return the seq of the newest prediction and the id of the newest label; 0 before the
    first."""
    seq = conn.execute(sa.select(sa.func.max(_predictions.c.seq))).scalar()
    label_id = conn.execute(sa.select(sa.func.max(_labels.c.id))).scalar()
    return seq or 0, label_id or 0


def find_seq_before(conn: sa.Connection, at: datetime) -> int:
    """Return the last seq before the first request received at a moment or later."""
    query = sa.select(sa.func.min(_predictions.c.seq)).where(_predictions.c.at >= at)
    first = conn.execute(query).scalar()
    return find_newest(conn)[0] if first is None else first - 1


def find_changed_at(conn: sa.Connection, trial: Trial, known: Progress) -> datetime | None:
    """Return the first label time of the earliest request of a trial that was labelled or corrected
    since `known`, or came after its label; None if there is none."""
    newer = sa.select(_labels.c.prediction_id).where(_labels.c.id > known.label_id)
    relabelled = (
        sa.select(sa.func.min(_labels.c.received_at))
        .select_from(_labels)
        .join(_predictions, _predictions.c.id == _labels.c.prediction_id)
        .where(_labels.c.prediction_id.in_(newer), *_asked_in(trial))
    )
    late = (
        sa.select(sa.func.min(_labels.c.received_at))
        .select_from(_predictions)
        .join(_labels, _labels.c.prediction_id == _predictions.c.id)
        .where(
            _predictions.c.seq > known.prediction_seq,
            _labels.c.id <= known.label_id,
            *_asked_in(trial),
        )
    )
    found = [conn.execute(query).scalar() for query in (relabelled, late)]
    return min((at for at in found if at is not None), default=None)


def measure_gain(conn: sa.Connection, release: Deployment, before: int) -> tuple[int, float, float]:
    """Return the number of labelled requests since a release that its champion and the version
    before scored, the mean of their difference in absolute error, and its standard deviation; a
    corrected label counts with its last value."""
    labelled = _labelled(None, None)
    gain = sa.func.abs(_predictions.c.score - _labels.c.actual) - sa.func.abs(
        _shadow.c.score - _labels.c.actual
    )
    n, total, squares = conn.execute(
        sa.select(sa.func.count(), sa.func.sum(gain), sa.func.sum(gain * gain))
        .select_from(_predictions)
        .join(_shadow, _shadow.c.prediction_id == _predictions.c.id)
        .join(labelled, labelled.c.prediction_id == _predictions.c.id)
        .join(_labels, _labels.c.id == labelled.c.last_id)
        .where(
            _predictions.c.revision >= release.revision,
            _predictions.c.version == release.plan.champion,
            _shadow.c.version == before,
            _both_scored(),
        )
    ).one()
    if n < 2:
        return 0, 0.0, 0.0
    variance = max(squares - total**2 / n, 0.0) / (n - 1)
    return n, total / n, variance**0.5


def append_verdict(conn: sa.Connection, frozen: FrozenVerdict) -> bool:
    """Append a trial's verdict; return False if there is one, which stays."""
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
    """Return the saved verdict of the trial that began with a revision, or None."""
    row = conn.execute(sa.select(_verdicts).where(_verdicts.c.revision == revision)).one_or_none()
    if row is None:
        return None
    verdict = TrialVerdict(row.verdict)
    return FrozenVerdict(
        row.revision, row.at, verdict, row.n_differences, row.value, row.low, row.high
    )


def _asked_in(
    trial: Trial, asked: sa.FromClause = _predictions
) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions for requests to either version while the trial ran."""
    return (
        asked.c.revision.between(trial.revision, trial.steps[-1].revision),
        asked.c.version.in_([trial.champion, trial.challenger]),
    )


def _both_scored() -> sa.ColumnElement[bool]:
    return sa.and_(_predictions.c.source == AnswerSource.MODEL.value, _shadow.c.score.is_not(None))


def _did_fail() -> sa.ColumnElement[bool]:
    """Return the condition for answers that failed, or that were refused although the other version
    could score the request."""
    refused = _predictions.c.source == AnswerSource.REFUSED.value
    return sa.or_(
        _predictions.c.source == AnswerSource.FAILED.value,
        sa.and_(refused, _shadow.c.score.is_not(None)),
    )


def _labelled(from_at: datetime | None, to_at: datetime | None) -> sa.Subquery:
    """Select the predictions whose first label came in [from_at, to_at), with its time and the
    valid label."""
    known = _labels.alias()
    last_id = (
        sa.select(sa.func.max(known.c.id))
        .where(known.c.prediction_id == _labels.c.prediction_id)
        .scalar_subquery()
    )
    query = sa.select(
        _labels.c.prediction_id,
        sa.func.min(_labels.c.received_at).label("first_at"),
        last_id.label("last_id"),
    ).group_by(_labels.c.prediction_id)
    if from_at is not None:
        earlier = _labels.alias()
        seen = sa.select(earlier.c.id).where(
            earlier.c.prediction_id == _labels.c.prediction_id, earlier.c.received_at < from_at
        )
        query = query.where(_labels.c.received_at >= from_at, ~sa.exists(seen))
    if to_at is not None:
        query = query.where(_labels.c.received_at < to_at)
    return query.subquery()


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)
