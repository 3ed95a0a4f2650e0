"""Predictions: appended before they are answered."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from core.domain.prediction import Prediction, Source, Variant
from core.errors import NotFound
from core.store import schema

_predictions = schema.predictions


def append_predictions(conn: sa.Connection, predictions: Sequence[Prediction]) -> None:
    """Log attempts, whoever answered them."""
    conn.execute(_predictions.insert(), [_values(prediction) for prediction in predictions])


def find_prediction(conn: sa.Connection, prediction_id: str) -> Prediction | None:
    """One prediction, or None."""
    query = sa.select(_predictions).where(_predictions.c.id == prediction_id)
    row = conn.execute(query).one_or_none()
    return None if row is None else _prediction(row)


def get_prediction(conn: sa.Connection, prediction_id: str) -> Prediction:
    """One prediction; raises `NotFound`."""
    prediction = find_prediction(conn, prediction_id)
    if prediction is None:
        raise NotFound(f"There is no prediction {prediction_id}.")
    return prediction


def load_recent_predictions(conn: sa.Connection, limit: int) -> list[Prediction]:
    """The newest predictions, newest first."""
    rows = conn.execute(sa.select(_predictions).order_by(_predictions.c.seq.desc()).limit(limit))
    return [_prediction(row) for row in rows]


def _values(prediction: Prediction) -> dict[str, Any]:
    return {
        "id": prediction.id,
        "at": prediction.at,
        "version": prediction.version,
        "variant": prediction.variant.value,
        "source": prediction.source.value,
        "reason": prediction.reason,
        "score": prediction.score,
        "low": prediction.low,
        "high": prediction.high,
        "features": dict(prediction.features),
        "text": prediction.text,
        "unit_id": prediction.unit_id,
        "latency_ms": prediction.latency_ms,
        "revision": prediction.revision,
    }


def _prediction(row: Any) -> Prediction:
    return Prediction(
        id=row.id,
        at=row.at,
        version=row.version,
        variant=Variant(row.variant),
        source=Source(row.source),
        reason=row.reason,
        score=row.score,
        low=row.low,
        high=row.high,
        features=row.features,
        text=row.text,
        unit_id=row.unit_id,
        latency_ms=row.latency_ms,
        revision=row.revision,
    )
