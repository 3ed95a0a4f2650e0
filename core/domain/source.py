"""A source of rows: its position, the mappings of its tables, and its files."""

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
    """The position up to which every row was read. A row that commits late may still appear before
    it, so reading starts earlier; with `after`, exactly behind that row, since a limit cut the
    reading there."""

    at: datetime
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading in progress, with all that the next attempt needs to continue it."""

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
    """The rows of a table to read: with `order`, those with a time in a closed interval, behind
    `after` if it is set; `undated`, those without a time; otherwise all."""

    table: str
    key: str
    order: str | None
    from_written: str | None = None
    upto_written: str | None = None
    after: Place | None = None
    undated: bool = False


class CollectionOutcome(StrEnum):
    """The outcome of the last reading of a source."""

    COLLECTED = "collected"
    MISSING = "missing"  # a table that was only looked for is not there
    EMPTY = "empty"  # a table that was only looked for shows no row to this key
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Source:
    """A source. `attempt` counts the readings begun: a process that finds it changed stops, since
    another continues. `message` is the outcome of the last one, as a sentence."""

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
    """Return the names of the sources whose last attempt did not end: its process was killed, or
    still runs.

    >>> at = datetime(2026, 3, 2)  # noqa: DTZ001
    >>> find_cut_off([Source("a", {}, 1, at), Source("b", {}, 1, at, finished_at=at)])
    {'a'}
    """
    return {source.name for source in sources if source.finished_at is None}


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """The status of a source; `n_waiting` rows of an interrupted reading are stored and not visible
    yet."""

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
    """Return the status of a source."""
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
    """An operator's mapping of a table; None removes it. The newest counts."""

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
    """The roles of a table's columns; `metadata.codeQuality` is a value inside a JSON column. A
    target from `target_low` to `target_high` is stretched to the scale of the settings; without
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
        """Return the source name of its samples.

        >>> TableMapping("ratings", target="stars").source
        'supabase:ratings'
        """
        return f"supabase:{self.table}"

    @property
    def order(self) -> str | None:
        """Return the column of times that orders the reading, None if there is none."""
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
"""The tables that are collected without a setting. A person's judgement (rating, satisfaction) is
the target of its row and therefore no feature; the prediction of another model is left out."""


@dataclass(frozen=True, slots=True)
class Look:
    """The look of a file in the folder; a file that is still written looks different a moment
    later."""

    name: str
    n_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class WatchedFile:
    """A file that was read; `error` is the reason why it could not be imported, or None."""

    look: Look
    content_hash: str
    at: datetime
    n_received: int
    n_new: int
    error: str | None
