"""Segments: the newest labelled predictions, and the reports on them."""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from core.domain.monitoring import DAY, SegmentReport, floor_time
from core.domain.prediction import AnswerSource
from core.domain.sample import Features
from core.store.engine import schema

_reports = schema.segment_reports
_predictions = schema.predictions
_labels = schema.labels
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class LabelledRow(NamedTuple):
    """A model's answer with its valid label."""

    at: datetime
    features: Features
    score: float
    low: float | None
    high: float | None
    actual: float


def load_labelled(
    conn: sa.Connection, version: int, since_at: datetime, limit: int
) -> list[LabelledRow]:
    """Return the answers of a version's model since a moment, newest label first, among the newest
    `limit` labels."""
    newest = sa.select(_labels).order_by(_labels.c.id.desc()).limit(limit).subquery()
    counted = sa.select(sa.func.max(newest.c.id)).group_by(newest.c.prediction_id)
    query = (
        sa.select(
            _predictions.c.at,
            sa.type_coerce(_predictions.c.features, sa.Text).label("features"),
            _predictions.c.score,
            _predictions.c.low,
            _predictions.c.high,
            newest.c.actual,
        )
        .join(newest, newest.c.prediction_id == _predictions.c.id)
        .where(
            newest.c.id.in_(counted),
            _predictions.c.version == version,
            _predictions.c.source == AnswerSource.MODEL.value,
            _predictions.c.at >= since_at,
        )
        .order_by(newest.c.id.desc())
    )
    return [
        LabelledRow(row.at, _decode(row.features), row.score, row.low, row.high, row.actual)
        for row in conn.execute(query)
    ]


def list_labelled_versions(conn: sa.Connection, since_at: datetime, limit: int) -> list[int]:
    """Return the versions with answers since a moment among those of the newest `limit` labels."""
    newest = sa.select(_labels.c.prediction_id).order_by(_labels.c.id.desc()).limit(limit)
    query = (
        sa.select(_predictions.c.version)
        .distinct()
        .where(
            _predictions.c.id.in_(newest),
            _predictions.c.source == AnswerSource.MODEL.value,
            _predictions.c.at >= since_at,
        )
        .order_by(_predictions.c.version)
    )
    return list(conn.execute(query).scalars())


def save_report(conn: sa.Connection, report: SegmentReport) -> None:
    """Save a report; the last of each day (UTC) and version is kept."""
    conn.execute(
        _reports.delete().where(
            _reports.c.version == report.version, _reports.c.at >= floor_time(report.at, DAY)
        )
    )
    conn.execute(_reports.insert().values(version=report.version, at=report.at, body=report))


def find_last_report(conn: sa.Connection, version: int) -> SegmentReport | None:
    """Return the newest report on a version, or None."""
    query = (
        sa.select(_reports.c.body)
        .where(_reports.c.version == version)
        .order_by(_reports.c.id.desc())
        .limit(1)
    )
    body = conn.execute(query).scalar()
    return None if body is None else msgspec.convert(body, SegmentReport)


def load_last_reports(conn: sa.Connection, since_at: datetime) -> list[SegmentReport]:
    """Return the newest report since a moment of each version, by version."""
    newest = (
        sa.select(sa.func.max(_reports.c.id))
        .where(_reports.c.at >= since_at)
        .group_by(_reports.c.version)
    )
    query = sa.select(_reports.c.body).where(_reports.c.id.in_(newest)).order_by(_reports.c.version)
    return [msgspec.convert(body, SegmentReport) for body in conn.execute(query).scalars()]
