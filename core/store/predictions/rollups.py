"""Rollups: counts by minute, hour and day; a rollup that changes is replaced as a whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from core.domain.monitoring import DAY, HOUR, MINUTE, Observation, Outcomes, Rollup, RollupProgress
from core.domain.prediction import AnswerSource, Route, Shortfall
from core.store.engine import schema
from core.store.engine.types import from_micros
from core.store.predictions.predictions import count_after, find_first_at_after
from core.store.predictions.removals import find_kept_from

_rollups = schema.rollups
_progress = schema.rollup_progress
_unmatched = schema.unmatched_labels
_predictions = schema.predictions
_labels = schema.labels

_SPANS_AT_ONCE = 100
_MINUTE_MICROS = MINUTE * 1_000_000
_minute = (sa.type_coerce(_predictions.c.at, sa.BigInteger) // _MINUTE_MICROS).label("minute")
_effective_label = (
    sa.select(_labels.c.actual)
    .where(_labels.c.prediction_id == _predictions.c.id)
    .order_by(_labels.c.id.desc())
    .limit(1)
    .scalar_subquery()
)

_SPAN = (  # built once: building took longer than reading, and a page reads a dozen spans
    sa.select(_rollups)
    .where(
        _rollups.c.seconds == sa.bindparam("of"),
        _rollups.c.start_at >= sa.bindparam("from"),
        _rollups.c.start_at < sa.bindparam("to"),
    )
    .order_by(_rollups.c.start_at, _rollups.c.version, _rollups.c.source, _rollups.c.route)
)


@dataclass(frozen=True, slots=True)
class Changes:
    """The minutes that changed after some progress, for a limited number of new rows."""

    minutes: tuple[datetime, ...]  # with changed counts, oldest first
    prediction_seq: int
    label_id: int


def find_progress(conn: sa.Connection) -> RollupProgress | None:
    """Return the last prediction and label that the rollups count; None before the first
    measurement."""
    row = conn.execute(sa.select(_progress)).one_or_none()
    return (
        None
        if row is None
        else RollupProgress(
            basis=row.basis,
            prediction_seq=row.prediction_seq,
            label_id=row.label_id,
            measured_at=row.measured_at,
        )
    )


def save_progress(conn: sa.Connection, progress: RollupProgress) -> None:
    """Store the last prediction and label that the rollups count."""
    conn.execute(_progress.delete())
    conn.execute(
        _progress.insert().values(
            basis=progress.basis,
            prediction_seq=progress.prediction_seq,
            label_id=progress.label_id,
            measured_at=progress.measured_at,
        )
    )


def reset_rollups(conn: sa.Connection) -> None:
    """Delete all rollups, so that they are built again from the predictions. Rollups whose
    predictions were removed keep what depends on neither scale nor tolerance: the counts by source,
    and the latencies."""
    kept_from = find_kept_from(conn)
    again = sa.true() if kept_from is None else _rollups.c.start_at >= kept_from
    conn.execute(_rollups.delete().where(again))
    conn.execute(_rollups.update().values(scores={}, outcomes={}))
    for table in (_progress, _unmatched):
        conn.execute(table.delete())


def load_changes(conn: sa.Connection, after: RollupProgress, limit: int) -> Changes:
    """Return the minutes of the next `limit` predictions and labels, in the order of commits, so
    that late rows are found too. Minutes whose predictions were removed are left out, since their
    counts are final."""
    seq = _last(conn, _predictions.c.seq, after.prediction_seq, limit)
    label_id = _last(conn, _labels.c.id, after.label_id, limit)
    new_predictions = sa.select(_minute).where(
        _predictions.c.seq > after.prediction_seq, _predictions.c.seq <= seq
    )
    labelled = sa.select(_minute).where(
        _predictions.c.seq <= after.prediction_seq,  # newer ones are in `new_predictions`
        _predictions.c.id.in_(
            sa.select(_labels.c.prediction_id).where(
                _labels.c.id > after.label_id, _labels.c.id <= label_id
            )
        ),
    )
    found = conn.execute(sa.union(new_predictions, labelled)).scalars()
    minutes = [from_micros(minute * _MINUTE_MICROS) for minute in sorted(found)]
    kept_from = find_kept_from(conn)
    return Changes(
        minutes=tuple(at for at in minutes if kept_from is None or at >= kept_from),
        prediction_seq=seq,
        label_id=label_id,
    )


def stream_observations(
    conn: sa.Connection, spans: Sequence[tuple[datetime, datetime]]
) -> Iterator[Observation]:
    """Yield what the rollups count of each prediction in these half-open spans, with its newest
    label."""
    sources = {source.value: source for source in AnswerSource}
    minutes: dict[int, datetime] = {}
    for start in range(0, len(spans), _SPANS_AT_ONCE):
        inside = [
            sa.and_(_predictions.c.at >= from_at, _predictions.c.at < to_at)
            for from_at, to_at in spans[start : start + _SPANS_AT_ONCE]
        ]
        query = sa.select(
            _minute,
            _predictions.c.version,
            _predictions.c.source,
            _predictions.c.latency_ms,
            _predictions.c.score,
            _effective_label,
            _predictions.c.batch_rows,
        ).where(sa.or_(*inside))
        for minute, version, source, *facts in conn.execution_options(yield_per=2_000).execute(
            query
        ):
            if minute not in minutes:
                minutes[minute] = from_micros(minute * _MINUTE_MICROS)
            yield Observation(minutes[minute], version, sources[source], *facts)


def save_rollups(
    conn: sa.Connection, seconds: int, starts: Sequence[datetime], rollups: Sequence[Rollup]
) -> None:
    """Replace the rollups of this length (in seconds) that start at `starts`."""
    conn.execute(
        _rollups.delete().where(_rollups.c.seconds == seconds, _rollups.c.start_at.in_(starts))
    )
    if rollups:
        conn.execute(_rollups.insert(), [_values(rollup) for rollup in rollups])


def load_rollups(
    conn: sa.Connection, seconds: int, from_at: datetime, to_at: datetime
) -> list[Rollup]:
    """Return the rollups of one length (in seconds) that start in [from_at, to_at), oldest
    first."""
    span = {"of": seconds, "from": from_at, "to": to_at}
    return [_rollup(row) for row in conn.execute(_SPAN, span)]


def update_unmatched(conn: sa.Connection, after: RollupProgress, upto: RollupProgress) -> None:
    """Store the ids of new labels without a prediction, and delete those whose prediction was
    logged."""
    came = sa.select(_predictions.c.id).where(
        _predictions.c.seq > after.prediction_seq, _predictions.c.seq <= upto.prediction_seq
    )
    conn.execute(_unmatched.delete().where(_unmatched.c.prediction_id.in_(came)))
    unknown = (
        sa.select(_labels.c.prediction_id)
        .distinct()
        .where(
            _labels.c.id > after.label_id,
            _labels.c.id <= upto.label_id,
            ~sa.exists().where(_predictions.c.id == _labels.c.prediction_id),
            ~sa.exists().where(_unmatched.c.prediction_id == _labels.c.prediction_id),
        )
    )
    conn.execute(_unmatched.insert().from_select(["prediction_id"], unknown))


def count_unmatched(conn: sa.Connection) -> int:
    """Return the number of labelled predictions that are not in the log."""
    return conn.execute(sa.select(sa.func.count()).select_from(_unmatched)).scalar_one()


def count_unmeasured(conn: sa.Connection, limit: int) -> int:
    """Return the number of predictions that the rollups do not count yet, at most `limit`."""
    return count_after(conn, _find_counted_seq(conn), limit)


def find_first_unmeasured_at(conn: sa.Connection) -> datetime | None:
    """Return the time of the first request that the rollups do not count yet; None if they count
    all."""
    return find_first_at_after(conn, _find_counted_seq(conn))


def _find_counted_seq(conn: sa.Connection) -> int:
    return conn.execute(sa.select(sa.func.max(_progress.c.prediction_seq))).scalar() or 0


def find_last_prediction_at(conn: sa.Connection) -> datetime | None:
    """Return the time of the newest request, measured or not; None before the first."""
    return conn.execute(sa.select(sa.func.max(_predictions.c.at))).scalar()


def find_first_prediction_at(conn: sa.Connection) -> datetime | None:
    """Return the time of the oldest request; None before the first."""
    return conn.execute(sa.select(sa.func.min(_predictions.c.at))).scalar()


def find_last_labelled_at(conn: sa.Connection, version: int) -> datetime | None:
    """Return the minute of the newest labelled prediction by a version's model, as the rollups
    count it; None without one."""
    start_at: datetime | None = None
    for seconds, longer in ((DAY, None), (HOUR, DAY), (MINUTE, HOUR)):
        query = sa.select(sa.func.max(_rollups.c.start_at)).where(
            _rollups.c.seconds == seconds,
            _rollups.c.version == version,
            _rollups.c.source == AnswerSource.MODEL.value,
            sa.type_coerce(_rollups.c.outcomes, sa.Text) != "{}",
        )
        if longer is not None and start_at is not None:
            query = query.where(
                _rollups.c.start_at >= start_at,
                _rollups.c.start_at < start_at + timedelta(seconds=longer),
            )
        start_at = conn.execute(query).scalar()
        if start_at is None:
            return None
    return start_at


def find_last_labelled_version(conn: sa.Connection) -> int | None:
    """Return the version whose model gave most answers on the newest day with a label, by the
    rollups; None without labels."""
    query = (
        sa.select(_rollups.c.version)
        .where(
            _rollups.c.seconds == DAY,
            _rollups.c.source == AnswerSource.MODEL.value,
            sa.type_coerce(_rollups.c.outcomes, sa.Text) != "{}",
        )
        .order_by(_rollups.c.start_at.desc(), _rollups.c.n.desc())
        .limit(1)
    )
    return conn.execute(query).scalar()


def count_predictions(conn: sa.Connection, from_at: datetime, to_at: datetime) -> int:
    """Return the number of requests in the minutes that start in [from_at, to_at)."""
    query = sa.select(sa.func.coalesce(sa.func.sum(_rollups.c.n), 0)).where(
        _rollups.c.seconds == MINUTE, _rollups.c.start_at >= from_at, _rollups.c.start_at < to_at
    )
    return int(conn.execute(query).scalar_one())


def count_labelled(conn: sa.Connection, from_at: datetime, to_at: datetime) -> int:
    """Return the number of labelled predictions in the hours that start in [from_at, to_at),
    whatever answered them."""
    found = load_rollups(conn, HOUR, from_at, to_at)
    return sum(rollup.outcomes.n for rollup in found)


def load_recent_scores(
    conn: sa.Connection, version: int, since_at: datetime, limit: int
) -> list[tuple[float, str]]:
    """Return the newest scores by a version's model since a time, each with its features as JSON
    text. Only the newest 4 x `limit` predictions are searched."""
    newest = (
        sa.select(
            _predictions.c.seq,
            _predictions.c.at,
            _predictions.c.version,
            _predictions.c.source,
            _predictions.c.score,
            sa.type_coerce(_predictions.c.features, sa.Text).label("features"),
        )
        .order_by(_predictions.c.seq.desc())
        .limit(4 * limit)
        .subquery()
    )
    rows = conn.execute(
        sa.select(newest.c.score, newest.c.features)
        .where(
            newest.c.version == version,
            newest.c.source == AnswerSource.MODEL.value,
            newest.c.at >= since_at,
        )
        .order_by(newest.c.seq.desc())
        .limit(limit)
    )
    return [(row.score, row.features) for row in rows]


def count_shortfalls(
    conn: sa.Connection, since_at: datetime, *, limit: int, most: int
) -> list[Shortfall]:
    """Return at most `most` reasons why no model answered since a time, the most frequent first.
    Only the newest `limit` predictions are searched."""
    newest = (
        sa.select(_predictions.c.at, _predictions.c.source, _predictions.c.reason)
        .order_by(_predictions.c.seq.desc())
        .limit(limit)
        .subquery()
    )
    reason = (newest.c.source, newest.c.reason)
    n = sa.func.count().label("n")
    rows = conn.execute(
        sa.select(*reason, n)
        .where(newest.c.reason.is_not(None), newest.c.at >= since_at)
        .group_by(*reason)
        .order_by(n.desc(), *reason)
        .limit(most)
    )
    return [Shortfall(AnswerSource(row.source), row.reason, row.n) for row in rows]


def _last(conn: sa.Connection, column: sa.Column[int], after: int, limit: int) -> int:
    newest = conn.execute(sa.select(sa.func.max(column))).scalar() or 0
    return min(newest, after + limit) if newest > after else after


def _values(rollup: Rollup) -> dict[str, Any]:
    return {
        "seconds": rollup.seconds,
        "start_at": rollup.start_at,
        "version": rollup.version,
        "source": rollup.source.value,
        "n": rollup.n,
        "latency": rollup.latency,
        "scores": rollup.scores,
        "outcomes": rollup.outcomes if rollup.outcomes.n else {},
        "route": rollup.route.value,
        "n_further": rollup.n_further,
    }


def _rollup(row: Any) -> Rollup:
    return Rollup(
        seconds=row.seconds,
        start_at=row.start_at,
        version=row.version,
        source=AnswerSource(row.source),
        n=row.n,
        latency=_counts(row.latency),
        scores=_counts(row.scores),
        outcomes=msgspec.convert(row.outcomes, Outcomes, str_keys=True),
        route=Route(row.route),
        n_further=row.n_further,
    )


def _counts(values: dict[str, int]) -> dict[int, int]:
    return {int(bucket): n for bucket, n in values.items()}
