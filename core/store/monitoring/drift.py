"""Drift: the pinned references, the windows compared with them, and the requests to compare."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from core.domain.monitoring import DriftReport, Reference
from core.domain.prediction import AnswerSource
from core.domain.sample import Features
from core.store.engine import schema

_references = schema.drift_references
_reports = schema.drift_reports
_predictions = schema.predictions
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Inputs(NamedTuple):
    """The features of a request, and the score if the asked version's model answered."""

    features: Features
    score: float | None


def append_reference(conn: sa.Connection, reference: Reference) -> None:
    """Pin a reference to its version; the first one stays."""
    if find_reference(conn, reference.version) is None:
        conn.execute(
            _references.insert().values(
                version=reference.version, at=reference.at, body=msgspec.to_builtins(reference)
            )
        )


def find_reference(conn: sa.Connection, version: int) -> Reference | None:
    """Return a version's reference, or None before it is pinned."""
    query = sa.select(_references.c.body).where(_references.c.version == version)
    body = conn.execute(query).scalar()
    return None if body is None else msgspec.convert(body, Reference)


def append_report(conn: sa.Connection, report: DriftReport) -> None:
    """Append the report on a window."""
    conn.execute(
        _reports.insert().values(
            version=report.version, at=report.at, to_at=report.to_at, body=report
        )
    )


def find_last_report(conn: sa.Connection, version: int) -> DriftReport | None:
    """Return the newest window of a version, or None."""
    found = load_reports(conn, version, 1)
    return found[0] if found else None


def load_reports(
    conn: sa.Connection, version: int, limit: int, before: datetime | None = None
) -> list[DriftReport]:
    """Return the newest windows of a version, newest first; with `before`, those that ended by
    then."""
    query = sa.select(_reports.c.body).where(_reports.c.version == version)
    if before is not None:
        query = query.where(_reports.c.to_at <= before)
    rows = conn.execute(query.order_by(_reports.c.to_at.desc(), _reports.c.id.desc()).limit(limit))
    return [_report(body) for body in rows.scalars()]


def stream_inputs(
    conn: sa.Connection, from_at: datetime, to_at: datetime, *, version: int, every: int
) -> Iterator[Inputs]:
    """Yield every `every`th request in [from_at, to_at), oldest first, to any version; only scores
    of `version`."""
    query = sa.select(
        sa.type_coerce(_predictions.c.features, sa.Text),
        _predictions.c.score,
        _predictions.c.source,
        _predictions.c.version,
    ).where(_predictions.c.at >= from_at, _predictions.c.at < to_at)
    if every > 1:
        query = query.where(_predictions.c.seq % every == 0)
    query = query.order_by(_predictions.c.at)
    rows = conn.execution_options(yield_per=5_000).execute(query)
    for features, score, source, asked in rows:
        answered = source == AnswerSource.MODEL.value and asked == version
        yield Inputs(_decode(features), score if answered else None)


def count_inputs(conn: sa.Connection, from_at: datetime, to_at: datetime) -> int:
    """Return the number of requests in [from_at, to_at)."""
    query = sa.select(sa.func.count()).where(
        _predictions.c.at >= from_at, _predictions.c.at < to_at
    )
    return conn.execute(query).scalar_one()


def _report(body: Any) -> DriftReport:
    return msgspec.convert(body, DriftReport)
