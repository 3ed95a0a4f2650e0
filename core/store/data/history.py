"""Histories: running sums over the labelled rows of each provider and model, in the order in which
their labels were known, so that what was known at any moment is one look into an index.

`core.features.history` defines what is summed. A row here is a sample with a provider, a model and
a time; its sums include it and all known before. Those that come in that order are summed as they
pass. One that comes or goes late has those after it summed anew, none of the others.

The rows of a collection wait, summed by themselves, until it is finished and they are visible:
then a maker that had no history takes theirs, and into one that had they are moved."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import accumulate, chain
from typing import Any

import msgspec
import sqlalchemy as sa

from core.domain.history import MODEL, PROVIDER, Maker, Totals, find_known_at, find_maker
from core.domain.sample import FeatureValue, Provenance, read_number
from core.store.engine import schema
from core.store.engine.bulk_insert import insert_rows
from core.store.engine.types import to_micros

_PIECE = 5_000
_MAKER_KEY = ("synthetic", "provider", "model", "collection_id")
_SUMMED_AT_ONCE = 4 * _PIECE  # rows, where a piece came late into what waits
_KNOWN = 0  # where others have the number of the collection that they wait for

_history = schema.history
_makers = schema.history_makers
_samples = schema.samples

_SUM_ANEW = sa.text("""
UPDATE history SET origin = sums.origin, n = sums.n, total = sums.total, squares = sums.squares,
    n_csat = sums.n_csat, csat_total = sums.csat_total, seen_at = sums.seen_at
FROM (
    SELECT sample_id,
        CAST(:origin AS DOUBLE PRECISION) AS origin,
        CAST(:n AS BIGINT) + COUNT(*) OVER known AS n,
        CAST(:total AS DOUBLE PRECISION)
            + SUM(quality - CAST(:origin AS DOUBLE PRECISION)) OVER known AS total,
        CAST(:squares AS DOUBLE PRECISION)
            + SUM(CASE WHEN ABS(quality - CAST(:origin AS DOUBLE PRECISION)) < 1e-100 THEN 0.0
                ELSE (quality - CAST(:origin AS DOUBLE PRECISION))
                    * (quality - CAST(:origin AS DOUBLE PRECISION)) END) OVER known AS squares,
        CAST(:n_csat AS BIGINT) + COUNT(csat) OVER known AS n_csat,
        CAST(:csat_total AS DOUBLE PRECISION) + COALESCE(SUM(csat) OVER known, 0.0) AS csat_total,
        CASE WHEN MAX(at) OVER known > CAST(:seen_at AS BIGINT) THEN MAX(at) OVER known
            ELSE CAST(:seen_at AS BIGINT) END AS seen_at
    FROM history
    WHERE maker_id = :maker_id AND known_at >= :since
    WINDOW known AS (ORDER BY known_at, sample_id ROWS UNBOUNDED PRECEDING)
) AS sums
WHERE history.sample_id = sums.sample_id
""")
"""PostgreSQL refuses the square of what is too small to have one."""

_MAKER_ID = sa.select(_makers.c.id).where(
    *(_makers.c[name] == sa.bindparam(name) for name in _MAKER_KEY)
)
_NEWEST = (
    sa.select(
        _history.c.n,
        _history.c.origin,
        _history.c.total,
        _history.c.squares,
        _history.c.n_csat,
        _history.c.csat_total,
        _history.c.seen_at,
    )
    .order_by(_history.c.known_at.desc(), _history.c.sample_id.desc())
    .limit(1)
)
_LOOK = _NEWEST.where(
    _history.c.maker_id == _MAKER_ID.scalar_subquery(), _history.c.known_at < sa.bindparam("at")
)
"""Built once, as what follows is: that takes as long as the look itself."""

_LAST = _NEWEST.add_columns(
    sa.type_coerce(_history.c.known_at, sa.BigInteger).label("known_at"), _history.c.sample_id
).where(_history.c.maker_id == sa.bindparam("maker_id"))
_BEFORE = _NEWEST.where(
    _history.c.maker_id == sa.bindparam("maker_id"),
    sa.type_coerce(_history.c.known_at, sa.BigInteger) < sa.bindparam("micros"),
)

_FIRST_QUALITY = (
    sa.select(_history.c.quality)
    .where(_history.c.maker_id == sa.bindparam("maker_id"))
    .order_by(_history.c.known_at, _history.c.sample_id)
    .limit(1)
)
_WAITING = sa.text("""
SELECT waiting.id, waiting.wrong_from, known.id AS known_id,
    (SELECT MIN(known_at) FROM history WHERE maker_id = waiting.id) AS first_at
FROM history_makers AS waiting
LEFT JOIN history_makers AS known ON known.synthetic = waiting.synthetic
    AND known.provider = waiting.provider AND known.model = waiting.model
    AND known.collection_id = 0
WHERE waiting.collection_id = :collection_id
""")
_MOVE = sa.text("UPDATE history SET maker_id = :known_id WHERE maker_id = :maker_id")
_SHOW = sa.text("""
UPDATE history_makers SET collection_id = 0, wrong_from = NULL
WHERE collection_id = :collection_id AND NOT EXISTS (
    SELECT 1 FROM history_makers AS known
    WHERE known.synthetic = history_makers.synthetic
        AND known.provider = history_makers.provider AND known.model = history_makers.model
        AND known.collection_id = 0)
""")
_DROP = sa.text("DELETE FROM history_makers WHERE collection_id = :collection_id")

_LONG_AGO, _NEVER = -(2**62), 2**62

_INSERTED = (
    "sample_id",
    "maker_id",
    "known_at",
    "at",
    "quality",
    "csat",
    "origin",
    "n",
    "total",
    "squares",
    "n_csat",
    "csat_total",
    "seen_at",
)
_TAKE_OVER = "ON CONFLICT (sample_id) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in _INSERTED[1:]
)
"""A row that another collection brought, which died, still waits for that."""
_NO_SUMS = (None,) * 7

_SQUARABLE = 1e-100
"""PostgreSQL refuses the square of what is too small to have one: it is none."""

Fresh = tuple[int, str, str, float, int, int | None]
"""A sample as it is stored: its id, provenance, features, target, time and the label's time."""

_Entry = tuple[int, int, int, float, float | None]
"""When a row was known, its sample's id, when it was made, its quality and its csat."""


class _Named(msgspec.Struct):
    provider: FeatureValue = None
    model: FeatureValue = None
    csat: FeatureValue = None


_DECODER = msgspec.json.Decoder(list[_Named])


@dataclass(frozen=True, slots=True)
class _Sums:
    """What `history` says of the newest row that is known of a maker; of none by default."""

    known_at: int = _LONG_AGO
    sample_id: int = 0
    origin: float = 0.0
    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    n_csat: int = 0
    csat_total: float = 0.0
    seen_at: int = _LONG_AGO


def add_waiting(conn: sa.Connection, collection_id: int, samples: Sequence[Fresh]) -> None:
    """Keep what is new in an open collection, for `show_waiting`."""
    _mend(conn, _add(conn, collection_id, samples))


def is_waiting(sample_id: sa.ColumnElement[int], collection_id: int) -> sa.ColumnElement[bool]:
    """Whether a sample waits for a collection, as a condition."""
    return sa.exists().where(
        _history.c.sample_id == sample_id,
        _history.c.maker_id == _makers.c.id,
        _makers.c.collection_id == collection_id,
    )


def show_waiting(conn: sa.Connection, collection_id: int) -> None:
    """Make known what waits for a collection, which is finished."""
    waiting = conn.execute(_WAITING, {"collection_id": collection_id}).all()
    for row in waiting:
        if row.known_id is not None:
            conn.execute(_MOVE, {"maker_id": row.id, "known_id": row.known_id})
            if row.first_at is not None:
                _sum_anew(conn, row.known_id, row.first_at)
        elif row.wrong_from is not None:
            _sum_anew(conn, row.id, row.wrong_from)
    if any(row.known_id is None for row in waiting):
        conn.execute(_SHOW, {"collection_id": collection_id})
    if any(row.known_id is not None for row in waiting):
        conn.execute(_DROP, {"collection_id": collection_id})


def drop_waiting(conn: sa.Connection, collection_id: int) -> None:
    """Forget what waits for a collection, which will not be finished."""
    waiting = sa.select(_makers.c.id).where(_makers.c.collection_id == collection_id)
    conn.execute(_history.delete().where(_history.c.maker_id.in_(waiting)))
    conn.execute(_DROP, {"collection_id": collection_id})


def add_history(conn: sa.Connection, samples: sa.ColumnElement[bool]) -> None:
    """Take in the samples of a condition, which are visible from now on and wait for nothing."""
    query = sa.select(
        _samples.c.id,
        _samples.c.provenance,
        _samples.c.features.cast(sa.Text),
        _samples.c.target,
        sa.type_coerce(_samples.c.at, sa.BigInteger),
        sa.type_coerce(_samples.c.labelled_at, sa.BigInteger),
    ).where(samples, _samples.c.at.is_not(None), _samples.c.superseded_at.is_(None))
    since: dict[int, int] = {}
    rows = conn.execute(query.execution_options(yield_per=_PIECE))
    for part in rows.partitions(_PIECE):
        for maker_id, micros in _add(conn, _KNOWN, part).items():
            since[maker_id] = min(since.get(maker_id, _NEVER), micros)
    _mend(conn, since)


def remove_history(conn: sa.Connection, sample_ids: sa.Select[Any]) -> None:
    """Leave out samples that are no longer visible, or will not be."""
    gone = conn.execute(
        _history.delete()
        .where(_history.c.sample_id.in_(sample_ids))
        .returning(_history.c.maker_id, sa.type_coerce(_history.c.known_at, sa.BigInteger))
    )
    since: dict[int, int] = {}
    for maker_id, micros in gone:
        since[maker_id] = min(since.get(maker_id, _NEVER), micros)
    _mend(conn, since)
    for maker_id in since:
        left = sa.exists().where(_history.c.maker_id == maker_id)
        conn.execute(_makers.delete().where(_makers.c.id == maker_id, ~left))


def find_totals(conn: sa.Connection, maker: Maker, at: datetime) -> Totals | None:
    """The sums over what was known of a maker before a moment; None where nothing was."""
    row = conn.execute(_LOOK, {**asdict(maker), "collection_id": _KNOWN, "at": at}).one_or_none()
    return None if row is None else Totals(*row)


def _find_maker_id(conn: sa.Connection, maker: Maker, collection_id: int) -> int | None:
    return conn.execute(_MAKER_ID, {**asdict(maker), "collection_id": collection_id}).scalar()


def _add(conn: sa.Connection, collection_id: int, samples: Sequence[Fresh]) -> dict[int, int]:
    """Put samples into the histories of their makers that wait for a collection; from when on the
    sums of each are wrong that had a row come late. Plain tuples and numbers, a maker at a time:
    all of a collection passes here under the write lock."""
    entries: list[tuple[Any, ...]] = []
    wrong_from: dict[int, int] = {}
    for maker, known in _build_entries(samples).items():
        maker_id = _find_maker_id(conn, maker, collection_id)
        if maker_id is None:
            maker_id, newest = _add_maker(conn, maker, collection_id), _Sums()
        else:
            newest = _find_newest(conn, maker_id)
        known.sort()
        n_late = bisect_left(known, (newest.known_at, newest.sample_id))
        if n_late:
            wrong_from[maker_id] = known[0][0]
        sums = chain([_NO_SUMS] * n_late, _sum_up(newest, known[n_late:]))
        entries += [
            (sample_id, maker_id, known_at, at, quality, csat, *each)
            for (known_at, sample_id, at, quality, csat), each in zip(known, sums, strict=True)
        ]
    if entries:
        insert_rows(conn, "history", _INSERTED, entries, _TAKE_OVER)
    return wrong_from


def _build_entries(samples: Sequence[Fresh]) -> dict[Maker, list[_Entry]]:
    """The entries of each maker, of samples without a maker or a time none."""
    named = _DECODER.decode(f"[{','.join([sample[2] for sample in samples])}]")
    by_names: dict[tuple[str, FeatureValue, FeatureValue], list[_Entry]] = defaultdict(list)
    for (sample_id, provenance, _, quality, at, labelled_at), names in zip(
        samples, named, strict=True
    ):
        if at is not None:
            known_at = at if labelled_at is None else find_known_at(at, labelled_at)
            csat = None if names.csat is None else _read_csat(names.csat)
            by_names[provenance, names.provider, names.model].append(
                (known_at, sample_id, at, quality, csat)
            )
    entries: dict[Maker, list[_Entry]] = defaultdict(list)
    for (provenance, provider, model), each in by_names.items():  # which may be written in ways
        synthetic = provenance == Provenance.SYNTHETIC.value
        maker = find_maker({PROVIDER: provider, MODEL: model}, synthetic=synthetic)
        if maker is not None:
            entries[maker] += each
    return entries


def _sum_up(newest: _Sums, entries: Sequence[_Entry]) -> Iterable[tuple[Any, ...]]:
    """The sums of each entry, which come after the newest in their order."""
    if not entries:
        return ()
    origin = newest.origin if newest.n else entries[0][3]
    differences = [entry[3] - origin for entry in entries]
    squares = [each * each if abs(each) >= _SQUARABLE else 0.0 for each in differences]
    csats = [entry[4] for entry in entries]
    columns = (
        accumulate(differences, initial=newest.total),
        accumulate(squares, initial=newest.squares),
        accumulate((csat is not None for csat in csats), initial=newest.n_csat),
        accumulate((csat or 0.0 for csat in csats), initial=newest.csat_total),
        accumulate((entry[2] for entry in entries), max, initial=newest.seen_at),
    )
    for column in columns:
        next(column)  # what it started from
    total, squared, n_csat, csat_total, seen_at = columns
    n = range(newest.n + 1, newest.n + len(entries) + 1)
    return zip([origin] * len(entries), n, total, squared, n_csat, csat_total, seen_at, strict=True)


def _add_maker(conn: sa.Connection, maker: Maker, collection_id: int) -> int:
    values = {**asdict(maker), "collection_id": collection_id}
    return int(conn.execute(_makers.insert().values(values).returning(_makers.c.id)).scalar_one())


def _find_newest(conn: sa.Connection, maker_id: int) -> _Sums:
    row = conn.execute(_LAST, {"maker_id": maker_id}).one_or_none()
    if row is None:
        return _Sums()
    if row.n is None:  # it came late and waits, and so do the sums of all that follow it
        return _Sums(row.known_at, row.sample_id)
    return _Sums(**row._asdict() | {"seen_at": to_micros(row.seen_at)})


def _read_csat(value: FeatureValue) -> float | None:
    csat = read_number(value)
    return csat if csat == csat else None


def _mend(conn: sa.Connection, since: Mapping[int, int]) -> None:
    """Make the sums of some makers anew, each from a moment on; where they wait and many rows have
    come after it, once at the end, since more may come before them."""
    for maker_id, micros in since.items():
        maker = conn.execute(
            sa.select(
                _makers.c.collection_id,
                sa.type_coerce(_makers.c.wrong_from, sa.BigInteger).label("wrong_from"),
            ).where(_makers.c.id == maker_id)
        ).one()
        if maker.collection_id == _KNOWN:
            _sum_anew(conn, maker_id, micros)
        elif maker.wrong_from is not None or _has_more(
            conn, maker_id, micros, _SUMMED_AT_ONCE // len(since)
        ):
            wrong_from = micros if maker.wrong_from is None else min(micros, maker.wrong_from)
            conn.execute(
                _makers.update()
                .where(_makers.c.id == maker_id)
                .values({sa.type_coerce(_makers.c.wrong_from, sa.BigInteger): wrong_from})
            )
        else:
            _sum_anew(conn, maker_id, micros)


def _has_more(conn: sa.Connection, maker_id: int, micros: int, n: int) -> bool:
    """Whether more than n rows of a maker were known from a moment on."""
    later = sa.and_(
        _history.c.maker_id == maker_id,
        sa.type_coerce(_history.c.known_at, sa.BigInteger) >= micros,
    )
    query = sa.select(_history.c.known_at).where(later).order_by(_history.c.known_at)
    return conn.execute(query.offset(n).limit(1)).first() is not None


def _sum_anew(conn: sa.Connection, maker_id: int, micros: int) -> None:
    start = _find_start(conn, maker_id, micros)
    if start is not None:
        conn.execute(_SUM_ANEW, {"maker_id": maker_id, "since": micros, **start})


def _find_start(conn: sa.Connection, maker_id: int, micros: int) -> dict[str, Any] | None:
    """The sums before a moment; None where no row of the maker is left from then on."""
    row = conn.execute(_BEFORE, {"maker_id": maker_id, "micros": micros}).one_or_none()
    if row is not None:
        return {**row._asdict(), "seen_at": to_micros(row.seen_at)}
    origin = conn.execute(_FIRST_QUALITY, {"maker_id": maker_id}).scalar()
    if origin is None:
        return None
    return {
        "n": 0,
        "origin": origin,
        "total": 0.0,
        "squares": 0.0,
        "n_csat": 0,
        "csat_total": 0.0,
        "seen_at": _LONG_AGO,
    }
