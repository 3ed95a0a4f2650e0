"""Histories: running sums over the labelled rows of each provider and model, in the order in which
their labels were known, so that what was known at any moment is one look into an index.

`core.features.history` defines what is summed. A row here is a visible sample with a provider, a
model and a time; its sums include it and all known before. Those that come in that order are
summed as they pass. One that comes or goes late has those after it summed anew, none of the
others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from core.domain.history import MODEL, PROVIDER, Maker, Totals, find_known_at, find_maker
from core.domain.sample import FeatureValue, Provenance
from core.domain.value import read_number
from core.store import schema
from core.store.many import insert_rows
from core.store.types import to_micros

_PIECE = 5_000

_history = schema.history
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
    WHERE synthetic = :synthetic AND provider = :provider AND model = :model
        AND known_at >= :since
    WINDOW known AS (ORDER BY known_at, sample_id ROWS UNBOUNDED PRECEDING)
) AS sums
WHERE history.sample_id = sums.sample_id
""")
"""PostgreSQL refuses the square of what is too small to have one."""

_LONG_AGO, _NEVER = -(2**62), 2**62

_INSERTED = (
    "sample_id",
    "synthetic",
    "provider",
    "model",
    "at",
    "known_at",
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
_NO_SUMS = (None,) * 7

_SQUARABLE = 1e-100
"""PostgreSQL refuses the square of what is too small to have one: it is none."""


class _Named(msgspec.Struct):
    provider: FeatureValue = None
    model: FeatureValue = None
    csat: FeatureValue = None


_DECODER = msgspec.json.Decoder(list[_Named])


@dataclass(slots=True)
class _Sums:
    """What `history` says of the newest row that is known of a maker; of none at first."""

    known_at: int = _LONG_AGO
    sample_id: int = 0
    origin: float = 0.0
    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    n_csat: int = 0
    csat_total: float = 0.0
    seen_at: int = _LONG_AGO

    def add(
        self, known_at: int, sample_id: int, at: int, quality: float, csat: float | None
    ) -> tuple[Any, ...]:
        """Take in the next row that is known; its sums."""
        self.known_at, self.sample_id = known_at, sample_id
        if self.n == 0:
            self.origin = quality
        difference = quality - self.origin
        self.n += 1
        self.total += difference
        if abs(difference) >= _SQUARABLE:
            self.squares += difference * difference
        if csat is not None:
            self.n_csat += 1
            self.csat_total += csat
        if at > self.seen_at:
            self.seen_at = at
        return (
            self.origin,
            self.n,
            self.total,
            self.squares,
            self.n_csat,
            self.csat_total,
            self.seen_at,
        )


def add_history(conn: sa.Connection, samples: sa.ColumnElement[bool]) -> None:
    """Take in the samples of a condition, which are visible from now on."""
    query = sa.select(
        _samples.c.id,
        _samples.c.provenance,
        _samples.c.features.cast(sa.Text),
        _samples.c.target,
        sa.type_coerce(_samples.c.at, sa.BigInteger),
        sa.type_coerce(_samples.c.labelled_at, sa.BigInteger),
    ).where(samples, _samples.c.at.is_not(None), _samples.c.superseded_at.is_(None))
    adding = _Adding(conn)
    rows = conn.execute(query.execution_options(yield_per=_PIECE))
    for part in rows.partitions(_PIECE):
        entries = adding.build(part)
        if entries:
            insert_rows(conn, "history", _INSERTED, entries, "")
    _sum_anew(conn, adding.since)


def remove_history(conn: sa.Connection, sample_ids: sa.Select[Any]) -> None:
    """Leave out samples that are no longer visible."""
    columns = (_history.c.synthetic, _history.c.provider, _history.c.model, _history.c.known_at)
    gone = conn.execute(
        _history.delete().where(_history.c.sample_id.in_(sample_ids)).returning(*columns)
    )
    since: dict[Maker, int] = {}
    for row in gone:
        maker = Maker(bool(row.synthetic), row.provider, row.model)
        since[maker] = min(since.get(maker, _NEVER), to_micros(row.known_at))
    _sum_anew(conn, since)


def find_totals(conn: sa.Connection, maker: Maker, at: datetime) -> Totals | None:
    """The sums over what was known of a maker before a moment; None where nothing was."""
    query = _query(maker).where(_history.c.known_at < at)
    row = conn.execute(query).one_or_none()
    return None if row is None else Totals(*row)


def _query(maker: Maker) -> sa.Select[Any]:
    return (
        sa.select(
            _history.c.n,
            _history.c.origin,
            _history.c.total,
            _history.c.squares,
            _history.c.n_csat,
            _history.c.csat_total,
            _history.c.seen_at,
        )
        .where(
            _history.c.synthetic == maker.synthetic,
            _history.c.provider == maker.provider,
            _history.c.model == maker.model,
        )
        .order_by(_history.c.known_at.desc(), _history.c.sample_id.desc())
        .limit(1)
    )


class _Adding:
    """Samples on their way into the histories. `since` says of each maker that had a row come late
    from when on its sums are not right."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn
        self._find = cache(self._find_sums)  # by what the rows say, which may be written in ways
        self._sums: dict[Maker, _Sums] = {}
        self.since: dict[Maker, int] = {}

    def build(self, rows: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of `_INSERTED` for some samples, those without a maker left out. Plain tuples
        and numbers: all of a collection passes here under the write lock."""
        named = _DECODER.decode(f"[{','.join(row[2] for row in rows)}]")
        entries = []
        for row, names in zip(rows, named, strict=True):
            sample_id, provenance, _, quality, at, labelled_at = row
            found = self._find(provenance, names.provider, names.model)
            if found is None:
                continue
            maker, key, sums = found
            known_at = find_known_at(at, labelled_at)
            csat = None if names.csat is None else _read_csat(names.csat)
            entry = (sample_id, *key, at, known_at, quality, csat)
            if (known_at, sample_id) > (sums.known_at, sums.sample_id):
                entries.append(entry + sums.add(known_at, sample_id, at, quality, csat))
            else:
                entries.append(entry + _NO_SUMS)
                self.since[maker] = min(self.since.get(maker, _NEVER), known_at)
        return entries

    def _find_sums(
        self, provenance: str, provider: FeatureValue, model: FeatureValue
    ) -> tuple[Maker, tuple[int, str, str], _Sums] | None:
        synthetic = provenance == Provenance.SYNTHETIC.value
        maker = find_maker({PROVIDER: provider, MODEL: model}, synthetic=synthetic)
        if maker is None:
            return None
        if maker not in self._sums:
            self._sums[maker] = _find_newest(self._conn, maker)
        return maker, (int(synthetic), maker.provider, maker.model), self._sums[maker]


def _find_newest(conn: sa.Connection, maker: Maker) -> _Sums:
    query = _query(maker).add_columns(
        sa.type_coerce(_history.c.known_at, sa.BigInteger).label("known_at"), _history.c.sample_id
    )
    row = conn.execute(query).one_or_none()
    return _Sums() if row is None else _Sums(**row._asdict() | {"seen_at": to_micros(row.seen_at)})


def _read_csat(value: FeatureValue) -> float | None:
    csat = read_number(value)
    return csat if csat == csat else None


def _sum_anew(conn: sa.Connection, since: Mapping[Maker, int]) -> None:
    for maker, micros in since.items():
        key = {
            "synthetic": int(maker.synthetic),
            "provider": maker.provider,
            "model": maker.model,
            "since": micros,
        }
        start = _find_start(conn, maker, micros)
        if start is not None:
            conn.execute(_SUM_ANEW, key | start)


def _find_start(conn: sa.Connection, maker: Maker, micros: int) -> dict[str, Any] | None:
    """The sums before a moment; None where no row of the maker is left from then on."""
    known_at = sa.type_coerce(_history.c.known_at, sa.BigInteger)
    row = conn.execute(_query(maker).where(known_at < micros)).one_or_none()
    if row is not None:
        return {**row._asdict(), "seen_at": to_micros(row.seen_at)}
    first = _query(maker).with_only_columns(_history.c.quality).order_by(None)
    first = first.order_by(_history.c.known_at, _history.c.sample_id)
    origin = conn.execute(first).scalar()
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
