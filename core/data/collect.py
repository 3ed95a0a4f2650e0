"""Collections: rows of a source enter the store a piece a transaction, visible once all are in."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import msgspec

from core.data.context import CollectContext
from core.data.parsing.raw import ROWS_PER_PIECE, check_size
from core.data.parsing.row_parser import build_given_samples
from core.data.quality.import_checks import MAX_LOST, check_rejected
from core.data.quality.overview import refresh_quality
from core.data.sources.files import Piece, named, plan_file, read_file
from core.data.sources.preview import READING_BYTES, limited_memory
from core.domain.job import Progress
from core.domain.sample import Collection, ColumnMapping, Provenance, Rejection
from core.errors import Incomplete, InvalidInput, OpsError
from core.log import get_logger
from core.settings import Scale
from core.store.data import samples as sample_rows
from core.store.engine.database import Database

log = get_logger(__name__)

_LEARNING = 0.3  # the share of an import that goes into learning what the columns hold
_CHECKING = 0.9  # the share of an import at which its rows are in and the checks begin
_EARLIER = 1000
_STEP = 0.01


def import_file(
    context: CollectContext,
    path: Path,
    mapping: ColumnMapping,
    *,
    name: str,
    limit_bytes: int,
    rules: Path | None = None,
    accept_rejects: bool = False,
) -> Collection:
    """Import a file as `take_file` does, then check the rows of the store."""
    progress = context.progress
    taking = context.report_to(lambda share, text: progress(_CHECKING * share, text))
    collection = take_file(
        taking, path, mapping, name=name, limit_bytes=limit_bytes, accept_rejects=accept_rejects
    )
    progress(_CHECKING, "Checking all rows")
    refresh_quality(context.db, context.scale, context.now(), rules, context.tolerance)
    return collection


def take_file(
    context: CollectContext,
    path: Path,
    mapping: ColumnMapping,
    *,
    name: str,
    limit_bytes: int,
    accept_rejects: bool = False,
) -> Collection:
    """Add the rows of a file to the store as the source `file:NAME`. They replace rows of earlier
    files of this name whose columns were chosen differently.

    Raises `InvalidInput` where the file is above the limit, takes too much memory or cannot be
    used, or none of its rows can be taken, `Incomplete` with the problems where it loses more than
    a fifth of its rows and nobody accepted that, and what `progress` raises; nothing of the file is
    visible then."""
    hear = _in_steps(context.progress)
    with named(path, name):
        check_size(path, limit_bytes)
        with limited_memory(READING_BYTES, name):
            learning = "Learning what the columns hold"
            plan = plan_file(path, mapping, lambda share: hear(_LEARNING * share, learning))
        record = {**asdict(mapping), "left_out": dict(plan.left_out)}
        pieces = read_file(path, plan, f"file:{name}", Provenance.REAL, context.scale)
        with (
            _collecting(context.db, f"file:{name}", record, context.by, context.now) as collecting,
            limited_memory(READING_BYTES, name),
        ):
            collecting.replace_other_choices(mapping)
            for piece in pieces:
                collecting.add(piece)
                hear(_LEARNING + (1.0 - _LEARNING) * piece.share_read, collecting.describe())
            collecting.refuse_empty(name)
            if not accept_rejects:
                collecting.refuse_losses(name)
            collecting.refuse_repeated_ids(name, mapping.id)
            collection = collecting.finish()
    context.progress(1.0, collecting.describe())
    return collection


def add_demo(
    context: CollectContext, n_rows: int, seed: int, *, rules: Path | None = None
) -> tuple[Collection, float]:
    """Add generated rows, marked synthetic, and check the store's rows. Return the collection, and
    the smallest MAE that any model can reach on such rows, in points of the scale."""
    from core.data.sources import demo  # only for demo rows

    scale, now, progress = context.scale, context.now, context.progress

    progress(0.0, f"Generating {n_rows:,} rows")
    rows = demo.generate_demo(n_rows, seed, now(), scale)
    record = {"n_rows": n_rows, "seed": seed, "best_mae": rows.best_mae}
    hear = _in_steps(progress)
    with _collecting(context.db, demo.SOURCE, record, context.by, now) as collecting:
        for start in range(0, n_rows, ROWS_PER_PIECE):
            part = rows.samples[start : start + ROWS_PER_PIECE]
            share = min(1.0, (start + len(part)) / n_rows)
            collecting.add(Piece(part, (), len(part), share))
            hear(_CHECKING * share, collecting.describe())
        collection = collecting.finish()
    progress(_CHECKING, f"{collecting.describe()}; checking all rows")
    refresh_quality(context.db, scale, now(), rules, context.tolerance)
    return collection, rows.best_mae


def add_rows(
    db: Database,
    rows: Sequence[Mapping[str, object]],
    *,
    source: str,
    by: str,
    now: datetime,
    scale: Scale,
) -> Collection:
    """Add rows as the API takes them (`{id?, at?, group?, features, target, text?, source?}`).
    Return the collection with the counts of new and rejected rows. The scheduled checks read them
    later."""
    samples, rejections = build_given_samples(rows, source=source, scale=scale)
    if len(samples) <= ROWS_PER_PIECE:  # at once, so that two calls with equal rows cannot meet
        with db.write() as conn:
            collection_id = sample_rows.start_collection(conn, source, {}, by, now)
            n_new = sample_rows.append_samples(conn, collection_id, samples)
            sample_rows.finish_collection(
                conn,
                collection_id,
                n_received=len(rows),
                n_new=n_new,
                n_duplicate=len(samples) - n_new,
                rejected=rejections,
                n_rejected=len(rejections),
                now=now,
            )
            return sample_rows.get_collection(conn, collection_id)
    with _collecting(db, source, {}, by, lambda: now) as collecting:
        for start in range(0, len(samples), ROWS_PER_PIECE):
            part = tuple(samples[start : start + ROWS_PER_PIECE])
            collecting.add(Piece(part, (), len(part), 1.0))
        collecting.add(Piece((), tuple(rejections), len(rejections), 1.0))
        return collecting.finish()


class _Collecting:
    """An open collection, which counts the rows that it takes and rejects."""

    def __init__(self, db: Database, collection_id: int, now: Callable[[], datetime]) -> None:
        self._db, self._id, self._now = db, collection_id, now
        self.n_received = self.n_new = self.n_rejected = self.n_replaced = 0
        self._kept: list[Rejection] = []
        self._reasons: Counter[str] = Counter()
        self._odd: Counter[str] = Counter()
        self._examples: dict[str, Rejection] = {}
        self._replaced_ids: tuple[int, ...] = ()
        self._kept_ids: set[int] = set()

    @property
    def n_duplicate(self) -> int:
        return self.n_received - self.n_new - self.n_rejected

    def add(self, piece: Piece) -> None:
        """Add a piece in one short transaction."""
        if piece.samples:
            with self._db.write() as conn:
                if self._replaced_ids:
                    self._kept_ids.update(
                        sample_rows.find_standing(conn, self._replaced_ids, piece.samples)
                    )
                self.n_new += sample_rows.append_samples(conn, self._id, piece.samples)
        self.n_received += piece.n_received
        self.n_rejected += len(piece.rejections)
        self._odd.update(piece.odd)
        self._kept.extend(piece.rejections[: sample_rows.MAX_KEPT_REJECTIONS - len(self._kept)])
        for rejection in piece.rejections:
            self._reasons[rejection.code] += 1
            self._examples.setdefault(rejection.code, rejection)

    def replace_other_choices(self, mapping: ColumnMapping) -> None:
        """Replace earlier collections of the source whose columns were chosen differently, so that
        no row is there twice."""
        with self._db.read() as conn:
            source = sample_rows.get_collection(conn, self._id).source
            earlier = sample_rows.load_collections(conn, _EARLIER, source)
        self._replaced_ids = tuple(
            collection.id
            for collection in earlier
            if collection.finished_at is not None and not _same_choice(collection.mapping, mapping)
        )

    def refuse_empty(self, name: str) -> None:
        """Raise `InvalidInput` with the most common reason if no row could be taken."""
        if self.n_rejected < self.n_received:
            return
        code, n = self._reasons.most_common(1)[0]
        example = self._examples[code]
        others = (
            f" The other {self.n_received - n:,} have other reasons." if n < self.n_received else ""
        )
        raise InvalidInput(
            f"None of the {self.n_received:,} rows of '{name}' could be taken. Row {example.row}: "
            f"{example.message}{'' if n == 1 else f'; the same goes for {n - 1:,} more'}.{others}"
        )

    def refuse_losses(self, name: str) -> None:
        """Raise `Incomplete` with the problems if more than `MAX_LOST` of the rows are lost: what
        is left of them would not stand for all."""
        if self.n_rejected <= MAX_LOST * self.n_received:
            return
        problems = list(
            check_rejected(f"file:{name}", self.n_received, self.n_rejected, self._kept)
        )
        code, n = self._reasons.most_common(1)[0]
        example = self._examples[code]
        others = (
            f" The other {self.n_rejected - n:,} have other reasons." if n < self.n_rejected else ""
        )
        raise Incomplete(
            f"{self.n_rejected:,} of the {self.n_received:,} rows of '{name}' cannot be taken "
            f"({self.n_rejected / self.n_received:.0%}; more than {MAX_LOST:.0%} is too much), so "
            f"that nothing was imported. Row {example.row}: {example.message}"
            f"{'' if n == 1 else f'; the same goes for {n - 1:,} more'}.{others} Correct that, or "
            "import the other rows all the same: with --accept-rejects, or by the box on the page.",
            {"problems": msgspec.to_builtins(problems)},
        )

    def refuse_repeated_ids(self, name: str, column: str | None) -> None:
        """Raise `InvalidInput` if most rows repeat the id of another: they would count as
        corrections of each other and disappear."""
        with self._db.read() as conn:
            n_repeated = sample_rows.count_repeated_ids(conn, self._id)
        if 2 * n_repeated > self.n_new:
            raise InvalidInput(
                f"Column '{column}' of '{name}' cannot be the id: {n_repeated:,} of "
                f"{self.n_new:,} rows repeat one, and would count as corrections of each other. "
                "Choose it as the group, or name no id."
            )

    def finish(self) -> Collection:
        """Make the rows visible, and return the collection."""
        with self._db.write() as conn:
            self.n_replaced = sample_rows.finish_collection(
                conn,
                self._id,
                n_received=self.n_received,
                n_new=self.n_new,
                n_duplicate=self.n_duplicate,
                rejected=self._kept,
                n_rejected=self.n_rejected,
                now=self._now(),
                replaced=sample_rows.Replaced(self._replaced_ids, sorted(self._kept_ids)),
            )
            if self._odd:
                sample_rows.save_odd_values(conn, self._id, self._odd)
            collection = sample_rows.get_collection(conn, self._id)
        log.info(
            "collection_finished",
            collection=self._id,
            source=collection.source,
            n_received=self.n_received,
            n_new=self.n_new,
            n_duplicate=self.n_duplicate,
            n_rejected=self.n_rejected,
            n_replaced=self.n_replaced,
        )
        return collection

    def describe(self) -> str:
        """Return the progress in a sentence."""
        replaced = (
            f"; {self.n_replaced:,} earlier rows, read with other columns, replaced"
            if self.n_replaced
            else ""
        )
        return (
            f"{self.n_received:,} rows read: {self.n_new:,} new, {self.n_duplicate:,} there "
            f"already, {self.n_rejected:,} rejected{replaced}"
        )


@contextmanager
def _collecting(
    db: Database,
    source: str,
    mapping: Mapping[str, object],
    by: str,
    now: Callable[[], datetime],
) -> Iterator[_Collecting]:
    """Yield an open collection; mark it failed, and leave it invisible, if the work inside
    fails."""
    with db.write() as conn:
        collection_id = sample_rows.start_collection(conn, source, mapping, by, now())
    try:
        yield _Collecting(db, collection_id, now)
    except OpsError as error:
        with db.write() as conn:
            sample_rows.fail_collection(conn, collection_id, str(error))
        log.warning("collection_failed", collection=collection_id, source=source, error=str(error))
        raise


def _same_choice(recorded: Mapping[str, object], mapping: ColumnMapping) -> bool:
    chosen = asdict(mapping)
    ignored = chosen.pop("ignored")
    was_ignored = recorded.get("ignored")
    return all(recorded.get(role) == column for role, column in chosen.items()) and (
        isinstance(was_ignored, list) and set(was_ignored) == set(ignored)
    )


def _in_steps(progress: Progress) -> Progress:
    """Return a `progress` that reports every `_STEP` only: each report is a row of the job's
    log."""
    said = 0.0

    def hear(share: float, text: str) -> None:
        nonlocal said
        if share - said >= _STEP:
            said = share
            progress(share, text)

    return hear
