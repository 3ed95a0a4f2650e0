"""The collection of a table: read in pages, and continued where it was cut off.

A few pages are one transaction with the place they end at, so that a process may die anywhere: the
rows are in and the place says so, or neither. While they are stored, a thread prepares the next."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from core.data.context import CollectContext
from core.data.tables.prefetch import work_ahead
from core.data.tables.supabase import PAGE_ROWS, Extent, Project, Row
from core.data.tables.sync_cursor import (
    Request,
    choose_reading,
    cut,
    describe_reading,
    goes_on,
    is_complete,
    next_watermark,
    plan_spans,
)
from core.data.tables.table_plans import TablePlan, build_table_samples, fit_mapping, plan_table
from core.domain.job import Progress
from core.domain.sample import Rejection
from core.domain.source import CollectionOutcome, Place, Reading, Source, TableMapping, Watermark
from core.errors import Cancelled, Conflict, NotFound, OpsError, Refused
from core.log import get_logger
from core.store.data import samples as sample_rows
from core.store.data import sources
from core.store.data.sample_values import Row as SampleRow
from core.store.data.sample_values import build_rows

log = get_logger(__name__)

_CANCELLED = "Cancelled; the next collection goes on where this one stopped."
_ABANDONED = "Something else was asked for before this reading was whole; its rows are read again."


_ROWS_AT_ONCE = 5 * PAGE_ROWS
"""The rows of one transaction: each index page is written once for all of them."""

_PIECES_AHEAD = 2


class _Spoilt(OpsError):
    """The rows read so far cannot be used; the next attempt starts again."""


@dataclass(frozen=True, slots=True)
class WantedTable:
    """A table to collect; an optional one may be missing or show no row."""

    mapping: TableMapping
    looked_for: bool = False


def collect_table(
    context: CollectContext,
    project: Project,
    wanted: WantedTable,
    request: Request,
    *,
    overlap: timedelta,
) -> Source:
    """Collect the new rows of a table, and return the outcome, failures included. An interrupted
    reading continues where it ended if the request is the same.

    Raises `Cancelled` where the context's `progress` does, and `Conflict` where another process has
    begun to collect the same table; nothing is lost then."""
    attempt = _Attempt(context, project, wanted, request, overlap)
    try:
        attempt.collect(context.progress)
    except Cancelled:
        attempt.fail(_CANCELLED)
        raise
    except _Spoilt as error:
        attempt.drop_reading(str(error))
        attempt.fail(str(error))
    except OpsError as error:
        attempt.fail(str(error))
    return attempt.source


@dataclass(slots=True)
class _Piece:
    """Rows that are ready to be stored, up to a place."""

    first_row: int
    n_received: int
    rows: list[SampleRow]
    rejections: list[Rejection]
    place: Place | None = None


class _Attempt:
    """One attempt at one table; `source` is as it was last saved."""

    def __init__(
        self,
        context: CollectContext,
        project: Project,
        wanted: WantedTable,
        request: Request,
        overlap: timedelta,
    ) -> None:
        self._project, self._wanted, self._request = project, wanted, request
        self._db, self._scale, self._overlap = context.db, context.scale, overlap
        self._by, self._now = context.by, context.now
        self._mapping = wanted.mapping
        self.source = self._begin()

    def collect(self, progress: Progress) -> None:
        """Read the rows, compare their number with the count, and make them visible."""
        plan = self._plan()
        if plan is None:
            return
        reading = self.source.reading or self._begin_reading()
        if reading is not None:
            reading = self._read(reading, plan, progress)
            self._check(reading)
            self._finish(reading)

    def fail(self, message: str) -> None:
        """Record the failure; raises `Conflict` if another process took over."""
        log.warning("table_failed", source=self.source.name, error=message)
        self._save(
            replace(
                self.source,
                finished_at=self._now(),
                outcome=CollectionOutcome.FAILED,
                message=message,
            )
        )

    def drop_reading(self, why: str) -> None:
        """Start again next time; the rows read so far stay invisible."""
        if self.source.reading is None:
            return
        source = replace(self.source, reading=None)
        with self._db.write() as conn:
            sources.save_source(conn, source)
            sample_rows.fail_collection(conn, self.source.reading.collection_id, why)
        self.source = source

    def _begin(self) -> Source:
        with self._db.write() as conn:
            before = sources.find_source(conn, self._mapping.source)
            source = sources.begin_attempt(
                conn, self._mapping.source, _record(self._mapping), self._now()
            )
            cut_off = None if before is None else before.reading
            if cut_off is not None and (
                source.reading is None or not goes_on(cut_off, self._request)
            ):
                sample_rows.fail_collection(conn, cut_off.collection_id, _ABANDONED)
                source = replace(source, reading=None)
                sources.save_source(conn, source)
        return source

    def _save(self, source: Source) -> None:
        with self._db.write() as conn:
            sources.save_source(conn, source)
        self.source = source

    def _plan(self) -> TablePlan | None:
        """Return the plan of the table, or None if it is optional and empty."""
        mapping = self._mapping
        lenient = self._wanted.looked_for and self.source.watermark is None
        try:
            rows = self._project.load_first(mapping.table)
        except NotFound as error:
            if not lenient:
                raise
            self._end(CollectionOutcome.MISSING, str(error))
            return None
        if not rows:
            message = (
                f"No rows of '{mapping.table}' are visible to this key: the table is empty, or "
                "row-level security hides them from it; use the service_role key or add a policy."
            )
            if not lenient:
                raise Refused(message)
            self._end(CollectionOutcome.EMPTY, message)
            return None
        columns = list(rows[0])
        return plan_table(
            fit_mapping(mapping, columns) if self._wanted.looked_for else mapping, columns
        )

    def _begin_reading(self) -> Reading | None:
        """Return a new reading with its collection, or None if there is nothing to read."""
        chosen = choose_reading(self.source.watermark, self._request, self._overlap, self._now())
        extents = self._measure(chosen)
        reading = replace(
            chosen,
            upto_written=extents[0].last_at,
            n_counted=cut(sum(extent.n_rows for extent in extents), self._request.limit),
        )
        if reading.n_counted == 0:
            watermark = next_watermark(self.source.watermark, reading)
            self._end(CollectionOutcome.COLLECTED, "Nothing new.", watermark=watermark)
            return None
        with self._db.write() as conn:
            collection_id = sample_rows.start_collection(
                conn, self.source.name, _record(self._mapping), self._by, self._now()
            )
            source = replace(self.source, reading=replace(reading, collection_id=collection_id))
            sources.save_source(conn, source)
        self.source = source
        return source.reading

    def _measure(self, reading: Reading) -> list[Extent]:
        return [self._project.measure(span) for span in plan_spans(self._mapping, reading)]

    def _read(self, reading: Reading, plan: TablePlan, progress: Progress) -> Reading:
        """Read the missing rows, each page with its place in one transaction."""
        for span in plan_spans(self._mapping, reading)[reading.n_spans_done :]:
            n_left = None if reading.limit is None else reading.limit - reading.n_received
            pages = self._project.read_pages(span, plan.columns, reading.after, n_left)
            pieces = work_ahead(self._build_pieces(pages, reading, plan), _PIECES_AHEAD, "typing")
            with closing(pieces):
                for piece in pieces:
                    reading = self._add(reading, piece)
                    progress(
                        min(1.0, reading.n_received / reading.n_counted),
                        f"{self._mapping.table}: {reading.n_received:,} of "
                        f"{reading.n_counted:,} rows",
                    )
            if reading.n_received == reading.limit:
                break
            reading = replace(reading, n_spans_done=reading.n_spans_done + 1, after=None)
        return reading

    def _build_pieces(
        self, pages: Generator[tuple[list[Row], Place]], reading: Reading, plan: TablePlan
    ) -> Generator[_Piece]:
        """Yield the pages, several together; if reading fails, those before it first."""
        piece = _Piece(reading.n_received + 1, 0, [], [])
        try:
            for rows, place in pages:
                samples, rejections = build_table_samples(
                    rows, plan, first_row=piece.first_row + piece.n_received, scale=self._scale
                )
                piece.rows += build_rows(reading.collection_id, samples)
                piece.rejections += rejections
                piece.n_received += len(rows)
                piece.place = place
                if piece.n_received >= _ROWS_AT_ONCE:
                    yield piece
                    piece = _Piece(piece.first_row + piece.n_received, 0, [], [])
        except OpsError:
            if piece.n_received:
                yield piece
            raise
        if piece.n_received:
            yield piece

    def _add(self, reading: Reading, piece: _Piece) -> Reading:
        with self._db.write() as conn:
            n_new = sample_rows.add_rows(conn, reading.collection_id, piece.rows)
            reading = replace(
                reading,
                n_received=reading.n_received + piece.n_received,
                n_new=reading.n_new + n_new,
                n_rejected=reading.n_rejected + len(piece.rejections),
                rejected=(*reading.rejected, *piece.rejections)[: sample_rows.MAX_KEPT_REJECTIONS],
                after=piece.place,
            )
            source = replace(self.source, reading=reading)
            sources.save_source(conn, source)
        self.source = source
        return reading

    def _check(self, reading: Reading) -> None:
        """Raise if rows are missing, none could be taken, or they hide each other."""
        table = self._mapping.table
        if reading.n_received != reading.n_counted:
            n_now = cut(sum(extent.n_rows for extent in self._measure(reading)), reading.limit)
            if not is_complete(reading.n_received, reading.n_counted, n_now):
                raise _Spoilt(
                    f"Supabase counted {reading.n_counted:,} rows of '{table}' and "
                    f"{reading.n_received:,} arrived: none of them was kept. Collect again; if it "
                    f"stays so, see that '{self._mapping.key}' is different in every row."
                )
        if reading.n_rejected == reading.n_received and self.source.watermark is None:
            raise _Spoilt(
                f"None of the {reading.n_received:,} rows of '{table}' could be taken: "
                f"{reading.rejected[0].message}."
            )
        with self._db.read() as conn:
            n_repeated = sample_rows.count_repeated_ids(conn, reading.collection_id)
        if n_repeated and self._mapping.changed is None:
            raise _Spoilt(
                f"Column '{self._mapping.key}' of '{table}' cannot be the key: {n_repeated:,} rows "
                "repeat one. Choose a column that is different in every row."
            )

    def _finish(self, reading: Reading) -> None:
        with self._db.write() as conn:
            now = self._now()
            source = replace(
                self.source,
                finished_at=now,
                watermark=next_watermark(self.source.watermark, reading),
                reading=None,
                outcome=CollectionOutcome.COLLECTED,
                message=describe_reading(reading),
                n_received=reading.n_received,
                n_new=reading.n_new,
            )
            sources.save_source(conn, source)
            try:
                sample_rows.finish_collection(
                    conn,
                    reading.collection_id,
                    n_received=reading.n_received,
                    n_new=reading.n_new,
                    n_duplicate=reading.n_received - reading.n_new - reading.n_rejected,
                    rejected=reading.rejected,
                    n_rejected=reading.n_rejected,
                    now=now,
                )
            except Conflict as error:  # an import of the same rows has taken some of them
                raise _Spoilt(str(error)) from None
        self.source = source
        log.info(
            "table_collected",
            source=source.name,
            n_received=reading.n_received,
            n_new=reading.n_new,
            n_rejected=reading.n_rejected,
        )

    def _end(
        self, outcome: CollectionOutcome, message: str, watermark: Watermark | None = None
    ) -> None:
        log.info("table_passed_by", source=self.source.name, outcome=outcome.value)
        self._save(
            replace(
                self.source,
                finished_at=self._now(),
                outcome=outcome,
                message=message,
                watermark=watermark or self.source.watermark,
                n_received=0,
                n_new=0,
            )
        )


def _record(mapping: TableMapping) -> dict[str, object]:
    """Return a mapping as it comes back from JSON, so that two can be compared."""
    values = asdict(mapping)
    if mapping.label_timestamp is None:  # so that one of before it could be chosen is the same
        del values["label_timestamp"]
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}
