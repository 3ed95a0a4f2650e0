"""Feedback as samples: each labelled prediction becomes one row to learn from.

A piece is one transaction with the place it ends at, so that a process may die anywhere."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from core.data.context import CollectContext
from core.data.parsing.cell_parser import as_text
from core.data.parsing.raw import ROWS_PER_PIECE
from core.data.sources.contract import CollectionRequest, SourceKind
from core.domain.job import Progress
from core.domain.prediction import FeedbackProgress, LabelledPrediction
from core.domain.sample import Provenance, Rejection, Sample
from core.domain.source import CollectionOutcome, Source, Watermark
from core.log import get_logger
from core.settings import Scale
from core.store.data import samples as sample_rows
from core.store.data import sources
from core.store.engine.database import Connection, Database
from core.store.predictions import feedback
from core.store.predictions.predictions import read_all

SOURCE = "feedback"

log = get_logger(__name__)


def collect_feedback(context: CollectContext) -> Source | None:
    """Turn labelled predictions into samples, and return the outcome; None if there never was a
    label. A corrected label replaces the earlier one. An error of `progress` passes; the rows added
    before it stay."""
    db, now = context.db, context.now
    with read_all(db) as conn:
        reached, end = feedback.find_progress(conn), feedback.find_end(conn)
        known = sources.find_source(conn, SOURCE)
    if known is None and reached.reaches(end):
        return None
    with db.write() as conn:
        source = sources.begin_attempt(conn, SOURCE, {}, now())
    n_received = n_new = n_rejected = 0
    while not reached.reaches(end):  # what comes meanwhile is for the next time
        reached, received, new, rejected = _take_piece(db, context.scale, context.by, now)
        n_received, n_new, n_rejected = n_received + received, n_new + new, n_rejected + rejected
        context.progress(0.5, f"feedback: {n_received:,} labelled predictions")
    source = replace(
        source,
        finished_at=now(),
        watermark=Watermark(source.started_at),
        outcome=CollectionOutcome.COLLECTED,
        message=_describe(n_received, n_new, n_rejected),
        n_received=n_received,
        n_new=n_new,
    )
    _save(db, source)
    log.info("feedback_collected", n_received=n_received, n_new=n_new, n_rejected=n_rejected)
    return source


def build_feedback_samples(
    rows: Sequence[LabelledPrediction], scale: Scale
) -> tuple[list[Sample], list[Rejection]]:
    """Return the samples of labelled predictions and the rejections of the others. A sample has the
    served features, the true score, and the unit as its group.

    >>> at = datetime.fromisoformat("2026-03-02T12:00:00+00:00")
    >>> row = LabelledPrediction("p1", at, {"a": 1.0}, None, "repo-7", 74.0, at)
    >>> samples, _ = build_feedback_samples([row], Scale(0, 100))
    >>> samples[0].target, samples[0].external_id, samples[0].group
    (74.0, 'p1', 'repo-7')
    """
    samples: list[Sample] = []
    rejections: list[Rejection] = []
    for number, row in enumerate(rows, start=1):
        if not scale.low <= row.actual <= scale.high:
            message = (
                f"prediction {row.prediction_id}: its label {as_text(row.actual)} is outside the "
                f"scale {scale.low:g} to {scale.high:g}"
            )
            rejections.append(Rejection(number, message, "target_out_of_scale"))
        elif not row.features and not row.text:
            message = f"prediction {row.prediction_id}: it has no feature and no text"
            rejections.append(Rejection(number, message, "no_features"))
        else:
            samples.append(_build_sample(row))
    return samples, rejections


def _build_sample(row: LabelledPrediction) -> Sample:
    return Sample(
        source=SOURCE,
        provenance=Provenance.FEEDBACK,
        features=row.features,
        target=row.actual + 0.0,  # no negative zero
        at=row.made_at,
        text=row.text,
        group=row.unit_id,
        external_id=row.prediction_id,
        labelled_at=row.labelled_at,
    )


def _take_piece(
    db: Database, scale: Scale, by: str, now: Callable[[], datetime]
) -> tuple[FeedbackProgress, int, int, int]:
    """Add the next piece; return the new position, and the numbers of rows received, new and
    rejected. The position is read under the write lock, so that no two processes take a row."""
    with db.write() as conn:
        waiting = feedback.load_waiting(conn, feedback.find_progress(conn), ROWS_PER_PIECE)
        samples, rejections = build_feedback_samples(waiting.rows, scale)
        n_new = _add(conn, samples, rejections, by, now()) if waiting.rows else 0
        feedback.save_progress(conn, waiting.upto)
    return waiting.upto, len(waiting.rows), n_new, len(rejections)


def _add(
    conn: Connection,
    samples: Sequence[Sample],
    rejections: Sequence[Rejection],
    by: str,
    now: datetime,
) -> int:
    collection_id = sample_rows.start_collection(conn, SOURCE, {}, by, now)
    n_new = sample_rows.append_samples(conn, collection_id, samples)
    sample_rows.finish_collection(
        conn,
        collection_id,
        n_received=len(samples) + len(rejections),
        n_new=n_new,
        n_duplicate=len(samples) - n_new,
        rejected=rejections,
        n_rejected=len(rejections),
        now=now,
    )
    return n_new


def _save(db: Database, source: Source) -> None:
    with db.write() as conn:
        current = sources.find_source(conn, SOURCE)
        if current is not None and current.attempt == source.attempt:
            sources.save_source(conn, source)  # else a later attempt says how it went


def _describe(n_received: int, n_new: int, n_rejected: int) -> str:
    if not n_received:
        return "Nothing new."
    return (
        f"{n_received:,} labelled predictions read: {n_new:,} became rows to learn from, "
        f"{n_received - n_new - n_rejected:,} were there already, {n_rejected:,} rejected."
    )


def _collect(asked: CollectionRequest, progress: Progress) -> list[Source]:
    source = collect_feedback(asked.with_progress(progress))
    return [] if source is None else [source]


KIND = SourceKind(SOURCE, _collect)
