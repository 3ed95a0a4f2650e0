"""A source of rows: how far it was read, how its tables are mapped, which files were seen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.domain.sample import Rejection

Key = int | str


@dataclass(frozen=True, slots=True)
class Place:
    """A row's place in the order of reading: its time as the source wrote it, and its key."""

    written: str | None  # None among the rows without a time
    key: Key


@dataclass(frozen=True, slots=True)
class Watermark:
    """Every row up to here was read. A row that commits late may still turn up before it, so
    reading starts a while earlier; with `after`, exactly behind that row, since a limit cut the
    reading there."""

    at: datetime
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading that has begun: what the next attempt needs to go on where this one ended."""

    begun_at: datetime
    days: float | None  # what was asked for; another request starts another reading
    limit: int | None
    advances: bool  # whether the watermark moves when it is finished
    from_written: str | None
    from_after: Place | None
    collection_id: int = 0
    upto_written: str | None = None  # None where no row has a time
    n_counted: int = 0  # what the source said when the reading began, at most the limit
    n_received: int = 0
    n_new: int = 0
    rejected: tuple[Rejection, ...] = ()  # the first 1,000
    n_rejected: int = 0
    n_spans_done: int = 0  # first the rows that have a time, then those that have none
    after: Place | None = None  # in the span that is being read


@dataclass(frozen=True, slots=True)
class RowRange:
    """Which rows of a table to read. With `order` those that have a time, from one to another,
    both included, and behind a place where `after` names one; `undated` those that have none;
    without `order` all."""

    table: str
    key: str
    order: str | None
    from_written: str | None = None
    upto_written: str | None = None
    after: Place | None = None
    undated: bool = False


class CollectionOutcome(StrEnum):
    """How the last reading of a source ended."""

    COLLECTED = "collected"
    MISSING = "missing"  # a table that was only looked for is not there
    EMPTY = "empty"  # a table that was only looked for shows no row to this key
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Source:
    """`attempt` counts the readings that were begun: a process that finds it changed stops, since
    another has gone on in its place. `message` says what came of the last one, as a sentence."""

    name: str
    mapping: Mapping[str, object]
    attempt: int
    started_at: datetime
    finished_at: datetime | None = None
    watermark: Watermark | None = None
    reading: Reading | None = None
    outcome: CollectionOutcome | None = None
    message: str | None = None
    n_received: int = 0  # of the last reading
    n_new: int = 0


def find_cut_off(sources: Iterable[Source]) -> set[str]:
    """The names of the sources whose last attempt has no end: its process was killed, or it still
    runs.

    >>> at = datetime(2026, 3, 2)  # noqa: DTZ001
    >>> find_cut_off([Source("a", {}, 1, at), Source("b", {}, 1, at, finished_at=at)])
    {'a'}
    """
    return {source.name for source in sources if source.finished_at is None}


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source at a glance; `n_waiting` rows of a reading that was cut off are stored and not yet
    visible."""

    name: str
    outcome: CollectionOutcome | None
    message: str | None
    started_at: datetime
    finished_at: datetime | None
    watermark_at: datetime | None
    n_received: int
    n_new: int
    n_waiting: int


def summarize_source(source: Source) -> SourceStatus:
    """What of a source is worth showing."""
    return SourceStatus(
        name=source.name,
        outcome=source.outcome,
        message=source.message,
        started_at=source.started_at,
        finished_at=source.finished_at,
        watermark_at=None if source.watermark is None else source.watermark.at,
        n_received=source.n_received,
        n_new=source.n_new,
        n_waiting=0 if source.reading is None else source.reading.n_new,
    )


@dataclass(frozen=True, slots=True)
class MappingChange:
    """An operator's choice of how a table is read; None takes it back. The newest counts."""

    table: str
    mapping: Mapping[str, object] | None
    at: datetime
    by: str
    reason: str


_METRICS = (
    "codeQuality",
    "testCoverage",
    "security",
    "performance",
    "maintainability",
    "complexity",
)


@dataclass(frozen=True, slots=True)
class TableMapping:
    """Columns as they stand in the table; `metadata.codeQuality` is a value inside a JSON column.
    A target from `target_low` to `target_high` is stretched to the scale of the settings; without
    these it is taken as it is."""

    table: str
    target: str
    key: str = "id"
    timestamp: str | None = "created_at"  # when the work was made; None where nothing says so
    changed: str | None = None  # when the row was last written, where something says so
    target_low: float | None = None
    target_high: float | None = None
    text: str | None = None
    group: str | None = None
    features: tuple[str, ...] = ()
    optional_features: tuple[str, ...] = ()  # taken where the table has them
    label_timestamp: str | None = None  # when the target was known, where that was later

    @property
    def source(self) -> str:
        """The name of the source of its samples.

        >>> TableMapping("ratings", target="stars").source
        'supabase:ratings'
        """
        return f"supabase:{self.table}"

    @property
    def order(self) -> str | None:
        """The column of times along which the table is read, None where there is none."""
        return self.changed or self.timestamp


def _metrics(column: str) -> tuple[str, ...]:
    return tuple(f"{column}.{name}" for name in _METRICS)


ORIGIN_TABLES: tuple[TableMapping, ...] = (
    TableMapping(
        "ai_gm_explanations",
        target="quality_score",
        target_low=0.0,
        target_high=1.0,
        group="scenario_id",
        optional_features=("provider", "model", "action_type", *_metrics("metadata")),
    ),
    TableMapping(
        "ai_gm_quality_feedback",
        target="quality_rating",
        target_low=0.0,
        target_high=1.0,
        group="session_id",
        text="feedback_text",
        optional_features=("provider", "model", "action_type"),
    ),
    TableMapping(
        "ai_gm_ab_testing",
        target="user_rating",
        target_low=0.0,
        target_high=1.0,
        optional_features=("experiment_name", "variant", "provider", "model", "action_type"),
    ),
)
"""The tables that are looked for without being asked for. What a person said of the work (a rating,
a satisfaction) is the target of its row and therefore not also a feature; what another model had
predicted of it is left out."""


@dataclass(frozen=True, slots=True)
class Look:
    """A file as the folder shows it; one that is being written looks different a moment later."""

    name: str
    n_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class WatchedFile:
    """`error` says as a sentence why it could not be read, None where it was imported."""

    look: Look
    content_hash: str
    at: datetime
    n_received: int
    n_new: int
    error: str | None
