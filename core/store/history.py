"""Histories: running sums over the labelled rows of each provider and model, in the order in which
their labels were known, so that what was known at any moment is one look into an index.

`core.features.history` defines what is summed. A row here is a visible sample with a provider, a
model and a time; its sums include it and all known before. One that comes or goes late in that
order has those after it summed anew, none of the others."""

from collections.abc import Callable, Iterable, Mapping
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
)


class _Named(msgspec.Struct):
    provider: FeatureValue = None
    model: FeatureValue = None
    csat: FeatureValue = None


_DECODER = msgspec.json.Decoder(_Named)


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
    since: dict[Maker, int] = {}
    read_maker = cache(_read_maker)
    rows = conn.execute(query.execution_options(yield_per=_PIECE))
    for part in rows.partitions(_PIECE):
        entries = _build(part, read_maker, since)
        if entries:
            insert_rows(conn, "history", _INSERTED, entries, "ON CONFLICT (sample_id) DO NOTHING")
    _sum_anew(conn, since)


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


def _read_maker(provenance: str, provider: FeatureValue, model: FeatureValue) -> Maker | None:
    synthetic = provenance == Provenance.SYNTHETIC.value
    return find_maker({PROVIDER: provider, MODEL: model}, synthetic=synthetic)


def _build(
    rows: Iterable[Any], read_maker: Callable[..., Maker | None], since: dict[Maker, int]
) -> list[tuple[Any, ...]]:
    """The rows of `_INSERTED` for some samples, those without a maker left out, and `since` when
    each maker's sums are no longer right. Plain tuples and numbers: all of a collection passes
    here under the write lock."""
    entries = []
    for sample_id, provenance, features, target, at, labelled_at in rows:
        named = _DECODER.decode(features)
        provider, model = named.provider, named.model
        maker = read_maker(provenance, provider, model)
        if maker is None:
            continue
        known_at = find_known_at(at, labelled_at)
        if known_at < since.get(maker, _NEVER):
            since[maker] = known_at
        csat = read_number(named.csat)
        entries.append(
            (
                sample_id,
                int(maker.synthetic),
                maker.provider,
                maker.model,
                at,
                known_at,
                target,
                csat if csat == csat else None,
            )
        )
    return entries


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
