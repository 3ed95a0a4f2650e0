"""Predictions: appended before they are answered, moved into the log from batches that wait for it,
and found wherever they are."""

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
)
_INSERT = f"INSERT INTO predictions ({', '.join(_COLUMNS)}) VALUES "
_IDS_AT_ONCE = 500
_ROW = f"({', '.join('?' * len(_COLUMNS))})"
INSERT_ONE = _INSERT + _ROW
"""What logs one prediction in SQLite, with a row of `list_values`."""
_ROWS_AT_ONCE = 50  # SQLite lets go of the interpreter once a statement, and takes rows as one
_VARIANTS, _SOURCES = ({one: one.value for one in kind} for kind in (Variant, AnswerSource))
_encode_lines = msgspec.json.Encoder().encode_lines


def _insert(n_rows: int) -> str:
    return _INSERT + ", ".join([_ROW] * n_rows)


_INSERT_MANY = _insert(_ROWS_AT_ONCE)


def append_predictions(conn: sa.Connection, predictions: Sequence[Prediction]) -> None:
    """Log attempts, whoever answered them.

    Every request waits for this, so rows go to the driver as they are: half the processor time of
    the same insert built as an expression."""
    append_rows(conn, list_values(predictions))


def append_rows(conn: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Log attempts that are as the log's columns have them already."""
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
    """Predictions as the log's columns have them."""
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
        )
        for one, line in zip(predictions, lines, strict=True)
    ]


def list_batch_values(batch: Batch) -> list[tuple[Any, ...]]:
    """`list_values` of the predictions that a batch is, without making these: a quarter of the
    time."""
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
    )
    return list(zip(*by_column, strict=False))  # what is repeated never ends


def _list_features(batch: Batch) -> list[Any]:
    """The features of each row: as structs, which are quicker to make and to encode than dicts and
    none of the garbage collector's business, unless a name is one that they cannot have."""
    names, columns = tuple(batch.features), batch.features.values()
    try:
        return list(map(_define_features(names), *columns))
    except ValueError:
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


@lru_cache(maxsize=64)
def _define_features(names: tuple[str, ...]) -> Callable[..., Any]:
    """Features of these names as a struct; raises `ValueError` where one has to be escaped."""
    places = {f"x{place}": name for place, name in enumerate(names)}
    return msgspec.defstruct("Features", list(places), rename=places, gc=False)


def _encode_features(rows: Sequence[Any]) -> list[str]:
    lines = _encode_lines(rows).decode().split("\n")
    return lines[:-1]  # the last line ends as well


@contextmanager
def read_all(db: Database) -> Iterator[sa.Connection]:
    """Open a reading transaction whose log has every prediction that was answered before."""
    move_batches(db)
    with db.read() as conn:
        yield conn


def move_batches(db: Database) -> int:
    """Move every batch that waits now into the log, oldest first; return the number of rows.

    One batch is one transaction: a process that dies leaves it waiting or moved, and of several
    that want the same one moves it."""
    n_rows = number = 0
    with db.read() as conn:
        last = batches.find_last_number(conn)
    while number < last:
        with db.read() as conn:
            found = batches.find_next_batch(conn, number, last)
        if found is None:
            break
        number, batch = found
        rows = list_batch_values(batch)  # before the lock is taken: answers wait for it
        with db.write() as conn:
            n_rows += _move(conn, number, rows)
    return n_rows


def move_batches_within(conn: sa.Connection) -> None:
    """Move every batch that waits into the log, in one transaction with what the caller writes: a
    deletion then leaves out none. Others wait meanwhile, so use `read_all` before."""
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
    """Return the number of predictions that came after `seq` of the log, at most `limit`."""
    later = sa.select(_predictions.c.seq).where(_predictions.c.seq > seq).limit(limit)
    n_logged = conn.execute(sa.select(sa.func.count()).select_from(later.subquery())).scalar_one()
    return min(int(n_logged) + batches.count_rows(conn), limit)


def find_first_at_after(conn: sa.Connection, seq: int) -> datetime | None:
    """Return when the first prediction after `seq` of the log was asked for; None without one."""
    later = sa.select(_predictions.c.at).where(_predictions.c.seq > seq)
    first = (
        conn.execute(later.order_by(_predictions.c.seq).limit(1)).scalar(),
        batches.find_first_at(conn),
    )
    return min((at for at in first if at is not None), default=None)


def find_prediction(conn: sa.Connection, prediction_id: str) -> Prediction | None:
    """One prediction, in the log or in a batch that waits for it, or None."""
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
    """One prediction; raises `NotFound`, which says so where it may have been removed."""
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


def find_known(conn: sa.Connection, ids: Sequence[str]) -> set[str]:
    """Those of the ids under which a prediction was logged, or waits for the log in a batch."""
    found: set[str] = set()
    for start in range(0, len(ids), _IDS_AT_ONCE):
        part = ids[start : start + _IDS_AT_ONCE]
        found |= set(
            conn.execute(sa.select(_predictions.c.id).where(_predictions.c.id.in_(part))).scalars()
        )
    return found | batches.find_waiting(conn, [one for one in ids if one not in found])


def read_prediction(row: Any) -> Prediction:
    """A row of the log as the prediction that it is."""
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
    )
