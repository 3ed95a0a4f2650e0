"""Erasures: rows and request features deleted for good, and the log entries that stay."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from core.domain.dataset import Erasure, IdKind, Trace
from core.store.data.history import remove_history
from core.store.data.mentions import ERASED, find_mentions, replace_mentions
from core.store.engine import schema
from core.store.models.paired_differences import remove_checkpoints
from core.store.predictions.predictions import move_batches_within

_samples = schema.samples
_predictions = schema.predictions
_decisions = schema.decisions
_snapshots = schema.snapshots
_versions = schema.versions
_erasures = schema.erasures
_collections = schema.collections
_jobs = schema.jobs
_labels = schema.labels
_shadow = schema.shadow_scores
_sources = schema.sources
_unmatched = schema.unmatched_labels
_REJECTING: tuple[sa.Column[Any], ...] = (
    _collections.c.rejected,
    _jobs.c.result,
    _sources.c.reading,
)


def count_rows(conn: sa.Connection, kind: IdKind, name: str) -> Trace:
    """Count the samples, visible or not, the predictions of a name, the labels that it gave or
    that are of an unknown prediction of this id, and the other rows in which the program quotes it.
    The trace has no uses by snapshots."""
    samples = sa.select(sa.func.count()).select_from(_samples).where(_of_sample(kind, name))
    asked = sa.select(sa.func.count()).select_from(_predictions)
    asked = asked.where(_of_prediction(kind, name), _holds_something)
    given = sa.select(sa.func.count()).select_from(_labels)
    given = given.where(sa.or_(_labels.c.given_by == name, _is_unmatched(name)))
    n_samples, n_predictions, n_labels = (
        int(conn.execute(query).scalar_one()) for query in (samples, asked, given)
    )
    quoting = find_mentions(conn, name)
    for column in _REJECTING:
        quoting.update((column.table.name, key) for key, _ in _find_rejections(conn, column, name))
    return Trace(n_samples, n_predictions, (), n_labels, len(quoting))


def delete_rows(conn: sa.Connection, kind: IdKind, name: str) -> list[tuple[str, int]]:
    """Delete the samples of a name, the features of its predictions and the names in its decisions
    (scores, actions and labels stay), labels of unknown predictions of this id, its rejections, and
    the quality reports on all rows. Elsewhere the name is replaced, also where it gave a label;
    return the table and the number of each row of `mentions.QUOTING` that changed. The MLflow run
    of a version whose report changed counts as not recorded: recording it again replaces the report
    there."""
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("PRAGMA secure_delete = ON")  # overwritten, not only given free
    move_batches_within(conn)
    remove_history(conn, sa.select(_samples.c.id).where(_of_sample(kind, name)))
    conn.execute(_samples.delete().where(_of_sample(kind, name)))
    theirs = sa.select(_predictions.c.id).where(_of_prediction(kind, name))
    conn.execute(
        _shadow.update()
        .where(_shadow.c.prediction_id.in_(theirs), _shadow.c.error.is_not(None))
        .values(error=ERASED)
    )
    conn.execute(
        _predictions.update()
        .where(_of_prediction(kind, name), _predictions.c.reason.is_not(None))
        .values(reason=ERASED)
    )
    conn.execute(
        _predictions.update()
        .where(_of_prediction(kind, name))
        .values(features={}, text=None, unit_id=None, candidate_id=None)
    )
    conn.execute(  # after the predictions, which their decision's group finds
        _decisions.update().where(_of_decision(kind, name)).values(group_id=None, unit_id=None)
    )
    remove_checkpoints(conn)
    conn.execute(schema.quality_reports.delete())
    conn.execute(_labels.delete().where(_is_unmatched(name)))
    conn.execute(_unmatched.delete().where(_unmatched.c.prediction_id == name))
    conn.execute(_labels.update().where(_labels.c.given_by == name).values(given_by=ERASED))
    for column in _REJECTING:
        (number,) = column.table.primary_key.columns
        for key, left in _find_rejections(conn, column, name):
            conn.execute(sa.update(column.table).where(number == key).values({column.name: left}))
    changed = replace_mentions(conn, name)
    rewritten = [number for table, number in changed if table == _versions.name]
    conn.execute(schema.runs.delete().where(schema.runs.c.version.in_(rewritten)))
    return changed


def load_versions_of(conn: sa.Connection, snapshot_id: int) -> tuple[int, ...]:
    """Return the versions that learned from a snapshot."""
    query = sa.select(_versions.c.number).where(_versions.c.snapshot_id == snapshot_id)
    return tuple(conn.execute(query.order_by(_versions.c.number)).scalars())


def replace_file(conn: sa.Connection, snapshot_id: int, path: str, file_hash: str) -> None:
    """Point a snapshot to another file, which lacks the deleted rows."""
    conn.execute(
        _snapshots.update()
        .where(_snapshots.c.id == snapshot_id)
        .values(path=path, file_hash=file_hash)
    )


def append_erasure(conn: sa.Connection, erasure: Erasure) -> None:
    """Append the log entry."""
    conn.execute(
        _erasures.insert().values(
            at=erasure.at,
            by=erasure.by,
            reason=erasure.reason,
            found=erasure.found,
            old_files=list(erasure.old_files),
        )
    )


def load_erasures(conn: sa.Connection) -> list[Erasure]:
    """Return every log entry, newest first."""
    rows = conn.execute(sa.select(_erasures).order_by(_erasures.c.id.desc()))
    return [_erasure(row) for row in rows]


def _find_rejections(
    conn: sa.Connection, column: sa.Column[Any], name: str
) -> list[tuple[Any, Any]]:
    """Return the number of each row whose JSON has rejections that name a row, and the JSON without
    them; their count stays in it."""
    (number,) = column.table.primary_key.columns
    holds = sa.type_coerce(column, sa.Text).contains('"message"')
    pattern = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    read = conn.execute(sa.select(number, column).where(holds)).all()
    found = [(key, value, _without(value, pattern)) for key, value in read]
    return [(key, left) for key, value, left in found if left != value]


def _without(value: Any, name: re.Pattern[str]) -> Any:
    """Return JSON without the rejections whose message has the name as a word.

    >>> _without({"rejected": [{"row": 1, "message": "id 7: no"}]}, re.compile("7"))
    {'rejected': []}
    """
    if isinstance(value, dict):
        return {key: _without(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, name) for item in value if not _names(item, name)]
    return value


def _names(item: Any, name: re.Pattern[str]) -> bool:
    message = item.get("message") if isinstance(item, dict) else None
    return isinstance(message, str) and name.search(message) is not None


def _is_unmatched(name: str) -> sa.ColumnElement[bool]:
    known = sa.select(_predictions.c.id).where(_predictions.c.id == name)
    return sa.and_(_labels.c.prediction_id == name, ~known.exists())


_holds_something = sa.or_(
    sa.type_coerce(_predictions.c.features, sa.Text) != "{}", _predictions.c.text.is_not(None)
)


def _of_sample(kind: IdKind, name: str) -> sa.ColumnElement[bool]:
    column: Mapping[IdKind, Any] = {
        IdKind.ID: _samples.c.external_id,
        IdKind.GROUP: _samples.c.group_key,
    }
    return sa.and_(column[kind] == name)


def _of_prediction(kind: IdKind, name: str) -> sa.ColumnElement[bool]:
    if kind is IdKind.ID:
        return _predictions.c.id == name
    ranked = sa.select(_decisions.c.id).where(_decisions.c.group_id == name)
    return sa.or_(_predictions.c.unit_id == name, _predictions.c.decision_id.in_(ranked))


def _of_decision(kind: IdKind, name: str) -> sa.ColumnElement[bool]:
    if kind is IdKind.GROUP:
        return sa.or_(_decisions.c.group_id == name, _decisions.c.unit_id == name)
    scored = sa.select(_predictions.c.decision_id).where(_predictions.c.id == name)
    return sa.or_(_decisions.c.prediction_id == name, _decisions.c.id.in_(scored))


def _erasure(row: Any) -> Erasure:
    return Erasure(
        at=row.at,
        by=row.by,
        reason=row.reason,
        found=msgspec.convert(row.found, Trace),
        old_files=tuple(row.old_files),
    )
