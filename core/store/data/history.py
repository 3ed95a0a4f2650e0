"""Histories: sums over the labelled rows of each provider and model, by the hour, the day and the
month in which their labels became known.

`core.features.history` defines the sums. The history of a moment is the sum of the whole months,
days and hours before it and of the rows of its own hour, so it is exact and takes few rows to read.
A row counts once its collection is finished. Each change of rows notes the sums that it changes,
and only those are built again from the rows."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec
import sqlalchemy as sa

from core.domain.history import MODEL, PROVIDER, Maker, Totals, find_known_at, find_maker
from core.domain.sample import FeatureValue, Provenance, read_number
from core.store.engine import schema
from core.store.engine.database import insert_rows
from core.store.engine.types import from_micros, to_micros

_HOUR = 3_600_000_000
_DAY, _MONTH = 24 * _HOUR, 30 * 24 * _HOUR  # each is a multiple of the shorter one
_WIDTHS = (_HOUR, _DAY, _MONTH)

_SMALLEST = 1e-100
"""Smaller differences count as 0, since PostgreSQL refuses to square them."""

_makers = schema.makers
_rows = schema.history_rows

_ROW_COLUMNS = ("sample_id", "maker_id", "collection_id", "known_at", "at", "difference", "csat")
_TAKE_OVER = "ON CONFLICT (sample_id) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in _ROW_COLUMNS[1:]
)
"""A row that was corrected, or whose collection died, moves to the collection that repeats it."""

_CHANGE_COLUMNS = ("collection_id", "maker_id", "width", "start")
_KNOWN = 0  # in place of a collection's id: the sums change at once

_VISIBLE_ROWS = """(
    SELECT maker_id, known_at AS start, 1 AS n, difference AS total,
        difference * difference AS squares, CASE WHEN csat IS NULL THEN 0 ELSE 1 END AS n_csat,
        COALESCE(csat, 0.0) AS csat_total, at AS seen_at
    FROM history_rows
    WHERE EXISTS (SELECT 1 FROM collections
        WHERE collections.id = collection_id AND finished_at IS NOT NULL)) AS parts"""
"""Each visible row with the columns of `history_sums`, as sums over one row."""

_ADD_SUMS = """
INSERT INTO history_sums (maker_id, width, start, n, total, squares, n_csat, csat_total, seen_at)
SELECT changed.maker_id, changed.width, changed.start, SUM(n), SUM(total), SUM(squares),
    SUM(n_csat), SUM(csat_total), MAX(seen_at)
FROM history_changes AS changed JOIN {} ON parts.maker_id = changed.maker_id
    AND parts.start >= changed.start AND parts.start < changed.start + changed.width
WHERE changed.collection_id = :collection_id AND changed.width = :width
GROUP BY changed.maker_id, changed.width, changed.start
"""
_ADD_HOURS = sa.text(_ADD_SUMS.format(_VISIBLE_ROWS))
_ADD_LONGER = sa.text(_ADD_SUMS.format("(SELECT * FROM history_sums WHERE width = :part) AS parts"))
_REMOVE_SUMS = sa.text("""
DELETE FROM history_sums WHERE (maker_id, width, start) IN (
    SELECT maker_id, width, start FROM history_changes WHERE collection_id = :collection_id)
""")
_FORGET_CHANGES = sa.text("DELETE FROM history_changes WHERE collection_id = :collection_id")

_ADD_MAKER = """
INSERT INTO makers (synthetic, provider, model, origin) VALUES (?, ?, ?, ?)
ON CONFLICT (synthetic, provider, model) DO UPDATE SET origin = makers.origin RETURNING id, origin
"""
_READ = """
    SELECT n, total, squares, n_csat, csat_total, seen_at FROM {}
    WHERE maker_id = (SELECT id FROM maker) AND start >= ? AND start < ?"""
_READ_SUMS = _READ.format("history_sums") + " AND width = {} UNION ALL"
_FIND_TOTALS = f"""
WITH maker AS (
    SELECT id, origin FROM makers WHERE synthetic = ? AND provider = ? AND model = ?)
SELECT CAST(SUM(n) AS BIGINT), (SELECT origin FROM maker), SUM(total), SUM(squares),
    CAST(SUM(n_csat) AS BIGINT), SUM(csat_total), MAX(seen_at)
FROM ({_READ_SUMS.format(_MONTH)}{_READ_SUMS.format(_DAY)}{_READ_SUMS.format(_HOUR)}
    {_READ.format(_VISIBLE_ROWS)}) AS known
"""

Fresh = tuple[int, str, str, float, int | None, int | None]
"""A sample as it is stored: its id, provenance, features, target, time and the label's time."""


class _Named(msgspec.Struct):
    provider: FeatureValue = None
    model: FeatureValue = None
    csat: FeatureValue = None


_DECODER = msgspec.json.Decoder(list[_Named])


def add_history(conn: sa.Connection, collection_id: int, samples: Sequence[Fresh]) -> None:
    """Store the history rows of an open collection; they count from `publish_history` on. Rows stay
    plain tuples of numbers, since every row of a collection is written here under the write
    lock."""
    makers: dict[tuple[Any, ...], Any] = {}
    rows: list[tuple[Any, ...]] = []
    named = _DECODER.decode(f"[{','.join([sample[2] for sample in samples])}]")
    for sample, said in zip(samples, named, strict=True):
        sample_id, provenance, _, quality, at, labelled_at = sample
        if at is None:
            continue
        key = (provenance, said.provider, said.model)
        if key not in makers:
            makers[key] = _find_or_add_maker(conn, *key, quality)
        if (maker := makers[key]) is not None:
            known_at = find_known_at(at, labelled_at)
            difference = quality - maker.origin
            if abs(difference) < _SMALLEST:
                difference = 0.0
            csat = None if said.csat is None else _read_csat(said.csat)
            rows.append((sample_id, maker.id, collection_id, known_at, at, difference, csat))
    insert_rows(conn, "history_rows", _ROW_COLUMNS, rows, _TAKE_OVER)
    _note_changes(conn, collection_id, ((row[1], row[3]) for row in rows))


def publish_history(conn: sa.Connection, collection_id: int) -> None:
    """Build the changed sums again, now that their collection is finished."""
    collection = {"collection_id": collection_id}
    conn.execute(_REMOVE_SUMS, collection)
    conn.execute(_ADD_HOURS, {**collection, "width": _HOUR})
    for part, width in pairwise(_WIDTHS):
        conn.execute(_ADD_LONGER, {**collection, "width": width, "part": part})
    conn.execute(_FORGET_CHANGES, collection)


def drop_history(conn: sa.Connection, collection_id: int) -> None:
    """Remove the rows of a collection that will not be finished."""
    conn.execute(_FORGET_CHANGES, {"collection_id": collection_id})
    samples = schema.samples
    remove_history(conn, sa.select(samples.c.id).where(samples.c.collection_id == collection_id))


def remove_history(conn: sa.Connection, sample_ids: sa.Select[Any]) -> None:
    """Remove the history rows of samples that are not visible, and build their sums again."""
    gone = conn.execute(
        _rows.delete()
        .where(_rows.c.sample_id.in_(sample_ids))
        .returning(_rows.c.maker_id, sa.type_coerce(_rows.c.known_at, sa.BigInteger))
    )
    places = [(row.maker_id, row.known_at) for row in gone]
    _note_changes(conn, _KNOWN, places)
    publish_history(conn, _KNOWN)
    for maker_id in {maker_id for maker_id, _ in places}:
        left = sa.exists().where(_rows.c.maker_id == maker_id)
        conn.execute(_makers.delete().where(_makers.c.id == maker_id, ~left))


def find_totals(conn: sa.Connection, maker: Maker, at: datetime) -> Totals | None:
    """Return the sums over the rows of a maker that were known before a moment; None if there are
    none."""
    micros = to_micros(at)
    month, day, hour = (micros // width * width for width in (_MONTH, _DAY, _HOUR))
    spans = (-(2**62), month, month, day, day, hour, hour, micros)
    *sums, seen_at = _ask(conn, _FIND_TOTALS, maker, *spans)
    return None if seen_at is None else Totals(*sums, from_micros(seen_at))  # type: ignore[call-arg]


def _note_changes(
    conn: sa.Connection, collection_id: int, places: Iterable[tuple[int, int]]
) -> None:
    """Note the sums that change, given the maker and the known time (microseconds) of each row."""
    hours = {(maker_id, known_at // _HOUR) for maker_id, known_at in places}
    changes = {
        (collection_id, maker_id, width, hour * _HOUR // width * width)
        for maker_id, hour in hours
        for width in _WIDTHS
    }
    insert_rows(conn, "history_changes", _CHANGE_COLUMNS, list(changes), "ON CONFLICT DO NOTHING")


def _find_or_add_maker(
    conn: sa.Connection,
    provenance: str,
    provider: FeatureValue,
    model: FeatureValue,
    quality: float,
) -> Any:
    """Return the id and the origin of the maker of a row; a new maker gets the row's quality as its
    origin. None if the row names no maker."""
    synthetic = provenance == Provenance.SYNTHETIC.value
    maker = find_maker({PROVIDER: provider, MODEL: model}, synthetic=synthetic)
    return None if maker is None else _ask(conn, _ADD_MAKER, maker, quality)


def _ask(conn: sa.Connection, query: str, maker: Maker, *values: float) -> Any:
    """Return one row by the driver's own cursor, which is faster than SQLAlchemy's row handling."""
    if conn.dialect.name != "sqlite":
        query = query.replace("?", "%s")
    named = (int(maker.synthetic), maker.provider, maker.model)
    return conn.exec_driver_sql(query, (*named, *values)).one()


def _read_csat(value: FeatureValue) -> float | None:
    csat = read_number(value)
    return csat if csat == csat else None
