"""Streams of requests and labels in the log, as the tests of monitoring need them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import sqlalchemy as sa

from core.domain.deployment import Action, Plan
from core.domain.prediction import AnswerSource, Label, Prediction
from core.domain.sample import Sample
from core.settings import Scale
from core.store.data.samples import stream_pieces
from core.store.engine import schema
from core.store.engine.database import Database
from core.store.models import deployments
from core.store.predictions.predictions import append_predictions, read_prediction
from tests.fakes import keep_labels, make_prediction

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SCALE = Scale(0.0, 100.0)
TOLERANCE = 5.0
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def deploy(db: Database, version: int, now: datetime = NOON - 60 * DAY) -> None:
    """Let a version serve, whether it exists or not."""
    with db.write() as conn:
        deployments.append_deployment(
            conn,
            action=Action.DEPLOY,
            plan=Plan(champion=version),
            reason="test",
            by="ada",
            override=False,
            evidence={},
            now=now,
        )


def add_predictions(db: Database, predictions: Iterable[Prediction]) -> None:
    """Log predictions, as the API does, a thousand at once."""
    rows = list(predictions)
    for start in range(0, len(rows), 1_000):
        with db.write() as conn:
            append_predictions(conn, rows[start : start + 1_000])


def add_labels(db: Database, labels: Iterable[tuple[str, float]], now: datetime = NOON) -> None:
    """Say what turned out to be true of predictions."""
    with db.write() as conn:
        keep_labels(conn, (Label(name, actual, now, "ada", now) for name, actual in labels))


def load_recent_predictions(conn: sa.Connection, limit: int) -> list[Prediction]:
    """The newest predictions in the log, newest first."""
    log = schema.predictions
    rows = conn.execute(sa.select(log).order_by(log.c.seq.desc()).limit(limit))
    return [read_prediction(row) for row in rows]


def stream_samples(conn: sa.Connection) -> Iterator[Sample]:
    """The visible samples of the store, one at a time."""
    for piece in stream_pieces(conn):
        yield from (sample for _, sample in piece)


def spread_times(start_at: datetime, end_at: datetime, n: int) -> list[datetime]:
    """`n` times at equal distances, the first at the start."""
    return [start_at + (end_at - start_at) * i / n for i in range(n)]


def add_requests(
    db: Database,
    prefix: str,
    times: Sequence[datetime],
    *,
    seed: int = 0,
    version: int = 3,
    failed: float = 0.0,
    heuristic: float = 0.0,
    latency_ms: float = 20.0,
    score: float | None = None,
) -> list[str]:
    """Log one request at each time, with different features; the ids of those with a score by the
    model. Scores are uniform in 40..90 unless one is given for all, latencies log-normal around
    the median, failures and fallbacks at random with these shares."""
    rng = np.random.default_rng(seed)
    rows, scored = [], []
    for i, at in enumerate(times):
        draw, name = rng.random(), f"{prefix}{i:06d}"
        source = AnswerSource.MODEL
        if draw < failed:
            source = AnswerSource.FAILED
        elif draw < failed + heuristic:
            source = AnswerSource.HEURISTIC
        value = float(rng.uniform(40, 90)) if score is None else score
        if source is AnswerSource.MODEL:
            scored.append(name)
        rows.append(
            make_prediction(
                name,
                at=at,
                version=version,
                source=source,
                score=None if source is AnswerSource.FAILED else value,
                features={"x": float(i), "stream": prefix},
                latency_ms=latency_ms * float(np.exp(0.3 * rng.standard_normal())),
            )
        )
    add_predictions(db, rows)
    return scored


def label_all(
    db: Database,
    ids: Sequence[str],
    *,
    within: float,
    seed: int = 0,
    now: datetime = NOON,
) -> None:
    """Label predictions so that a share of them, drawn at random, was within the tolerance."""
    rng = np.random.default_rng(seed)
    with db.read() as conn:
        scores = _load_scores(conn, ids)
    error = np.where(rng.random(len(ids)) < within, 2.0, 12.0)
    sign = rng.choice([-1.0, 1.0], len(ids))
    actual = [
        float(np.clip(scores[name] + e, 0.0, 100.0))
        for name, e in zip(ids, error * sign, strict=True)
    ]
    add_labels(db, zip(ids, actual, strict=True), now)


def _load_scores(conn: sa.Connection, ids: Sequence[str]) -> dict[str, float]:
    table = schema.predictions
    found: dict[str, float] = {}
    for start in range(0, len(ids), 500):
        some = list(ids[start : start + 500])
        rows = conn.execute(sa.select(table.c.id, table.c.score).where(table.c.id.in_(some)))
        found.update({row.id: row.score for row in rows})
    return found
