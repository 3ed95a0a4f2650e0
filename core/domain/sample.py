"""A sample with its features, target and provenance, and the reading of raw values."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.domain.dataset import AT, TEXT
from core.errors import Refused

FeatureValue = float | str | None
Features = Mapping[str, FeatureValue]


class Provenance(StrEnum):
    """The origin of a row."""

    REAL = "real"  # imported or collected labelled work
    FEEDBACK = "feedback"  # a prediction of ours whose label arrived
    SYNTHETIC = "synthetic"  # generated: never evaluated beside real rows


OBSERVED = (Provenance.REAL, Provenance.FEEDBACK)
"""The provenances of observed rows; synthetic rows are never mixed with these."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A stored row. `target` is on the scale of the settings, `at` is aware UTC."""

    source: str  # "file:ratings.csv", "supabase:explanations", "api", "demo"
    provenance: Provenance
    features: Features
    target: float
    at: datetime | None = None
    text: str | None = None
    group: str | None = None
    external_id: str | None = None
    labelled_at: datetime | None = None  # when the target was known, where later than `at`
    copy: int = 0  # its number among rows of its file that differ only in what is not kept


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that was not imported, by its 1-based number in the source, with the reason; rows with
    the same `code` have the same reason."""

    row: int
    message: str
    code: str = "invalid"


@dataclass(frozen=True, slots=True)
class Collection:
    """One import; its rows are visible to training once `finished_at` is set."""

    id: int
    source: str
    started_at: datetime
    started_by: str
    finished_at: datetime | None
    n_received: int
    n_new: int
    n_duplicate: int
    n_rejected: int
    rejected: tuple[Rejection, ...]  # the first 1,000
    mapping: Mapping[str, object]
    error: str | None


def choose_newest(collections: Iterable[Collection]) -> list[Collection]:
    """Return the newest finished import of each source, which replaces the results of earlier
    ones."""
    newest: dict[str, Collection] = {}
    for collection in sorted(collections, key=lambda c: c.id):
        if collection.finished_at is not None:
            newest[collection.source] = collection
    return list(newest.values())


@dataclass(frozen=True, slots=True)
class SampleCounts:
    """The number of stored rows of one source and provenance."""

    source: str
    provenance: Provenance
    n_rows: int
    first_at: datetime | None
    last_at: datetime | None


WEIGHTS = {
    "codeQuality": 0.25,
    "testCoverage": 0.20,
    "security": 0.20,
    "performance": 0.15,
    "maintainability": 0.15,
    "complexity": 0.05,
}
"""The base metrics, 0..100, with their weights: a judgement of what matters, not fitted to data.
Higher is better except for `complexity`, which counts as 100 - value."""

CSAT = "csat"  # customer satisfaction, 0..1
BASE = (*WEIGHTS, CSAT)
DERIVED = (
    "weighted_quality",
    "health_mean",
    "quality_per_complexity",
    "coverage_per_complexity",
    "security_performance_gap",
    "quality_times_csat",
)
HISTORICAL = ("past_mean_quality", "past_mean_csat", "past_consistency")
TEMPORAL = ("hour", "weekday", "recency")
ENHANCED = (*BASE, *DERIVED, *HISTORICAL, *TEMPORAL)
"""All nineteen; hour and weekday are two columns each, a sine and a cosine."""

MEAN_QUALITY = "__mean_quality__"  # of this provider and model, points of the scale
MEAN_CSAT = "__mean_csat__"  # the same, 0..1
CONSISTENCY = "__consistency__"  # the same, above 0 up to 1
SEEN_AT = "__seen_at__"  # when its newest known work was made, epoch seconds
HISTORY = (MEAN_QUALITY, MEAN_CSAT, CONSISTENCY, SEEN_AT)
CARRIED = (AT, TEXT, *HISTORY)
"""The other values of a raw row that a pipeline reads: the time as epoch seconds, the text, and the
history of its provider and model at that time."""

_SNAKE_CASE = {"codeQuality": "code_quality", "testCoverage": "test_coverage"}


def spell(name: str) -> tuple[str, ...]:
    """Return the names of a base feature, its own first.

    >>> spell("codeQuality"), spell("csat")
    (('codeQuality', 'code_quality'), ('csat',))
    """
    return (name, _SNAKE_CASE[name]) if name in _SNAKE_CASE else (name,)


NAN = float("nan")

LARGEST = 3.4e38
"""The largest size of a number: beyond it there is none in 32 bits, by which trees compare."""


def read_number(value: object) -> float:
    """Return the number that a value is or spells; nan if it is missing, infinite or no number.

    True is 1 and False 0; a text counts where Python reads it as a finite number.

    >>> read_number(3), read_number(" 2.5 "), read_number(True), read_number("1e3")
    (3.0, 2.5, 1.0, 1000.0)
    >>> [read_number(value) for value in (None, "", "high", "nan", float("inf"), [1])]
    [nan, nan, nan, nan, nan, nan]
    """
    if isinstance(value, float | int | str):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return NAN
        return number if math.isfinite(number) else NAN
    return NAN


def read_level(value: object) -> str | None:
    """Return the category that a value names, or None if it is missing.

    Numbers and truth values, and texts that write one, name the same level however they are
    written; digits with a leading zero, and more digits than a float holds, are names.

    >>> read_level(" red "), read_level(1), read_level("1.0"), read_level("True"), read_level(0.5)
    ('red', '1', '1', '1', '0.5')
    >>> read_level("00123"), read_level("1234567890123456789"), read_level(1234567890123456788)
    ('00123', '1234567890123456789', '1234567890123456788')
    >>> read_level(None), read_level(" "), read_level(float("nan")), read_level([1])
    (None, None, None, None)
    """
    if isinstance(value, str):
        text = value.strip()
        if text.isdigit() and (len(text) > _DIGITS_OF_A_FLOAT or (text[0] == "0" != text)):
            return text
        truth = _TRUTH.get(text.lower())
        if truth is not None:
            return truth
    elif isinstance(value, int) and abs(value) >= 10**_DIGITS_OF_A_FLOAT:
        return str(value)
    number = read_number(value)
    if not math.isnan(number):
        return f"{number + 0.0:.15g}"
    return value.strip() or None if isinstance(value, str) else None


_DIGITS_OF_A_FLOAT = 15
_TRUTH = {"true": "1", "false": "0"}


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Column names of a file; every column without a role is a feature."""

    target: str
    timestamp: str | None = None
    text: str | None = None
    id: str | None = None
    group: str | None = None
    ignored: tuple[str, ...] = ()
    label_timestamp: str | None = None  # when the target was known, where that was later


MIN_FEEDBACK = 50
"""The fewest feedback rows that replace generated rows: with fewer, which come by themselves, no
training could start."""


def choose_provenances(counts: Sequence[SampleCounts]) -> tuple[Provenance, ...]:
    """Return the provenances that a training may use: observed ones if somebody imported rows or
    enough feedback came, else generated ones; never both. Raises `Refused` without rows.

    >>> choose_provenances([SampleCounts("demo", Provenance.SYNTHETIC, 9, None, None)])
    (<Provenance.SYNTHETIC: 'synthetic'>,)
    """
    n_rows = dict.fromkeys(Provenance, 0)
    for count in counts:
        n_rows[count.provenance] += count.n_rows
    n_feedback, n_synthetic = n_rows[Provenance.FEEDBACK], n_rows[Provenance.SYNTHETIC]
    if n_rows[Provenance.REAL] or n_feedback >= (MIN_FEEDBACK if n_synthetic else 1):
        return OBSERVED
    if n_synthetic:
        return (Provenance.SYNTHETIC,)
    raise Refused(
        "There are no rows to learn from: import a file with `collect file PATH`, or fill the "
        "store with generated rows with `demo`."
    )
