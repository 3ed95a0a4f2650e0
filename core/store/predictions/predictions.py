"""Predictions: logged before they are answered, moved into the log from waiting batches, and found
in either place."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from itertools import chain, repeat
from typing import Any

import msgspec
import sqlalchemy as sa

from core.domain.prediction import (
    AnswerSource,
    Batch,
    Prediction,
    Variant,
    build_predictions,
    was_removed,
)
from core.errors import NotFound
from core.store.engine import schema
from core.store.engine.database import Database
from core.store.engine.types import to_micros
from core.store.predictions import batches
from core.store.predictions.removals import find_kept_from

_predictions = schema.predictions
_COLUMNS = (
    "id",
    "at",
    "version",
    "variant",
    "source",
    "reason",
    "score",
    "low",
    "high",
    "features",
    "text",
    "unit_id",
    "latency_ms",
    "revision",
    "event_at",
    "key_id",
    "batch_rows",
    "decision_id",
    "candidate_id",
)
_INSERT = f"INSERT INTO predictions ({', '.join(_COLUMNS)}) VALUES "
_IDS_AT_ONCE = 500
_ROW = f"({', '.join('?' * len(_COLUMNS))})"
INSERT_ONE = _INSERT + _ROW
"""Logs one prediction in SQLite, with a row of `list_values` as parameters."""
_ROWS_AT_ONCE = 50  # a statement: SQLite releases the interpreter's lock once a statement
_VARIANTS, _SOURCES = ({one: one.value for one in kind} for kind in (Variant, AnswerSource))
_encode_lines = msgspec.json.Encoder().encode_lines


def _insert(n_rows: int) -> str:
    return _INSERT + ", ".join([_ROW] * n_rows)


_INSERT_MANY = _insert(_ROWS_AT_ONCE)


def append_predictions(conn: sa.Connection, predictions: Sequence[Prediction]) -> None:
    """Log attempts, whatever their outcome.

    Every request waits for this insert, so rows go to the driver directly: half the processor time
    of an SQLAlchemy expression."""
    append_rows(conn, list_values(predictions))


def append_rows(conn: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Log attempts given as tuples in the order of the log's columns."""
    if not rows:
        return
    if conn.dialect.name == "sqlite":
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = rows[start : start + _ROWS_AT_ONCE]
            insert = _INSERT_MANY if len(part) == _ROWS_AT_ONCE else _insert(len(part))
            conn.exec_driver_sql(insert, tuple(chain.from_iterable(part)))
        return
    values = ", ".join(["%s"] * len(_COLUMNS))
    conn.exec_driver_sql(f"{_INSERT}({values})", rows)


def list_values(predictions: Sequence[Prediction]) -> list[tuple[Any, ...]]:
    """Return predictions as tuples in the order of the log's columns."""
    lines = _encode_features([one.features for one in predictions])
    return [
        (
            one.id,
            to_micros(one.at),
            one.version,
            _VARIANTS[one.variant],
            _SOURCES[one.source],
            one.reason,
            one.score,
            one.low,
            one.high,
            line,
            one.text,
            one.unit_id,
            one.latency_ms,
            one.revision,
            None if one.event_at is None else to_micros(one.event_at),
            one.key_id,
            one.batch_rows,
            one.decision_id,
            one.candidate_id,
        )
        for one, line in zip(predictions, lines, strict=True)
    ]


def list_batch_values(batch: Batch) -> list[tuple[Any, ...]]:
    """Return `list_values` of the predictions in a batch, without building `Prediction` objects: a
    quarter of the time."""
    nothing = repeat(None)
    by_column = (
        batch.ids,
        repeat(to_micros(batch.at)),
        repeat(batch.version),
        repeat(_VARIANTS[Variant.CHAMPION]),
        repeat(_SOURCES[AnswerSource.MODEL]),
        nothing,
        batch.scores,
        batch.lows or nothing,
        batch.highs or nothing,
        _encode_features(_list_features(batch)),
        nothing,
        batch.unit_ids or nothing,
        repeat(batch.latency_ms),
        repeat(batch.revision),
        nothing,
        repeat(batch.key_id),
        chain((batch.n_rows,), repeat(0)),
        nothing,
        nothing,
    )
    return list(zip(*by_column, strict=False))  # repeated values are endless


def _list_features(batch: Batch) -> list[Any]:
    """Return the features of each row as structs, which are faster to build and encode than dicts
    and which the garbage collector does not track; as dicts if a name cannot be a struct's
    field."""
    names, columns = tuple(batch.features), batch.features.values()
    try:
        return list(map(_define_features(names), *columns))
    except ValueError:
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


@lru_cache(maxsize=64)
def _define_features(names: tuple[str, ...]) -> Callable[..., Any]:
    """Return a struct class with these feature names as fields; raises `ValueError` if one has to
    be escaped."""
    places = {f"x{place}": name for place, name in enumerate(names)}
    return msgspec.defstruct("Features", list(places), rename=places, gc=False)


def _encode_features(rows: Sequence[Any]) -> list[str]:
    lines = _encode_lines(rows).decode().split("\n")
    return lines[:-1]  # the last line ends with a newline too


@contextmanager
def read_all(db: Database) -> Iterator[sa.Connection]:
    """Open a reading transaction whose log has every prediction that was answered before."""
    move_batches(db)
    with db.read() as conn:
        yield conn


def move_batches(db: Database) -> int:
    """Move every batch that waits now into the log, oldest first; return the number of rows.

    Each batch is one transaction: a process that dies leaves the batch waiting or moved, and of
    several processes one moves it."""
    n_rows = number = 0
    with db.read() as conn:
        last = batches.find_last_number(conn)
    while number < last:
        with db.read() as conn:
            found = batches.find_next_batch(conn, number, last)
        if found is None:
            break
        number, batch = found
        rows = list_batch_values(batch)  # before the write lock is taken: answers wait for it
        with db.write() as conn:
            n_rows += _move(conn, number, rows)
    return n_rows


def move_batches_within(conn: sa.Connection) -> None:
    """Move every waiting batch into the log in the caller's transaction, so that a deletion misses
    no row. Other writers wait meanwhile, so call `read_all` before."""
    last = batches.find_last_number(conn)
    while (found := batches.find_next_batch(conn, 0, last)) is not None:
        number, batch = found
        _move(conn, number, list_batch_values(batch))


def _move(conn: sa.Connection, number: int, rows: Sequence[tuple[Any, ...]]) -> int:
    if not batches.remove_batch(conn, number):
        return 0  # another process has moved it
    append_rows(conn, rows)
    return len(rows)


def count_after(conn: sa.Connection, seq: int, limit: int) -> int:
    """Return the number of predictions in the log after `seq`, at most `limit`."""
    later = sa.select(_predictions.c.seq).where(_predictions.c.seq > seq).limit(limit)
    n_logged = conn.execute(sa.select(sa.func.count()).select_from(later.subquery())).scalar_one()
    return min(int(n_logged) + batches.count_rows(conn), limit)


def find_first_at_after(conn: sa.Connection, seq: int) -> datetime | None:
    """Return the time of the first prediction in the log after `seq`; None if there is none."""
    later = sa.select(_predictions.c.at).where(_predictions.c.seq > seq)
    first = (
        conn.execute(later.order_by(_predictions.c.seq).limit(1)).scalar(),
        batches.find_first_at(conn),
    )
    return min((at for at in first if at is not None), default=None)


def find_prediction(conn: sa.Connection, prediction_id: str) -> Prediction | None:
    """Return a prediction from the log or from a waiting batch; None if there is none."""
    query = sa.select(_predictions).where(_predictions.c.id == prediction_id)
    row = conn.execute(query).one_or_none()
    if row is not None:
        return read_prediction(row)
    found = batches.find_batch_of(conn, prediction_id)
    if found is None:
        return None
    batch, place = found
    [prediction] = build_predictions(batch, [place])
    return prediction


def get_prediction(conn: sa.Connection, prediction_id: str) -> Prediction:
    """Return a prediction; raises `NotFound`, which mentions that it may have been removed for its
    age."""
    prediction = find_prediction(conn, prediction_id)
    if prediction is not None:
        return prediction
    kept_from = find_kept_from(conn)
    if was_removed(prediction_id, kept_from):
        raise NotFound(
            f"Prediction {prediction_id} is not kept any more: those from before "
            f"{kept_from:%Y-%m-%d %H:%M} UTC were removed (PLUMBLINE_KEEP_PREDICTIONS_DAYS)."
        )
    raise NotFound(f"There is no prediction {prediction_id}.")


_NEWEST = 20_000


def load_newest(
    conn: sa.Connection, limit: int, *, version: int | None = None, from_revision: int = 0
) -> list[Prediction]:
    """Return the predictions of the newest requests in the log, newest first, one of each batch, at
    most `limit`; looked for among the newest 20,000 only. With `version`, those that it was asked
    for, from a deployment on."""
    newest = sa.select(_predictions).order_by(_predictions.c.seq.desc()).limit(_NEWEST).subquery()
    query = (
        sa.select(newest)
        .where(
            sa.or_(newest.c.batch_rows.is_(None), newest.c.batch_rows > 0),
            newest.c.revision >= from_revision,
        )
        .order_by(newest.c.seq.desc())
        .limit(limit)
    )
    if version is not None:
        query = query.where(newest.c.version == version)
    return [read_prediction(row) for row in conn.execute(query)]


def find_known(conn: sa.Connection, ids: Sequence[str]) -> set[str]:
    """Return the ids that belong to predictions in the log or in waiting batches."""
    found: set[str] = set()
    for start in range(0, len(ids), _IDS_AT_ONCE):
        part = ids[start : start + _IDS_AT_ONCE]
        found |= set(
            conn.execute(sa.select(_predictions.c.id).where(_predictions.c.id.in_(part))).scalars()
        )
    return found | batches.find_waiting(conn, [one for one in ids if one not in found])


def read_prediction(row: Any) -> Prediction:
    """Build a prediction from a row of the log."""
    return Prediction(
        id=row.id,
        at=row.at,
        version=row.version,
        variant=Variant(row.variant),
        source=AnswerSource(row.source),
        reason=row.reason,
        score=row.score,
        low=row.low,
        high=row.high,
        features=row.features,
        text=row.text,
        unit_id=row.unit_id,
        latency_ms=row.latency_ms,
        revision=row.revision,
        event_at=row.event_at,
        key_id=row.key_id,
        batch_rows=row.batch_rows,
        decision_id=row.decision_id,
        candidate_id=row.candidate_id,
    )
