"""The values of training data: snapshots, issues of the checks, erasures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core import text

KEY = "__key__"
AT = "__at__"
TARGET = "__target__"
TEXT = "__text__"
GROUP = "__group__"
EXTERNAL_ID = "__id__"
SOURCE = "__source__"
PROVENANCE = "__provenance__"
LABELLED_AT = "__labelled_at__"
RESERVED = (KEY, AT, TARGET, TEXT, GROUP, EXTERNAL_ID, SOURCE, PROVENANCE, LABELLED_AT)
"""The columns of a snapshot's frame that are no feature; all others are features."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows of a training; `path` is relative to the home folder, and `content_hash` is that of
    the original rows. If some were deleted since, `file_hash` is that of the remaining ones."""

    id: int
    content_hash: str
    path: str
    n_rows: int
    n_synthetic: int
    columns: tuple[str, ...]  # the feature names, sorted
    query: Mapping[str, object]  # what was selected, and as which types its columns were written
    first_at: datetime | None
    last_at: datetime | None
    created_at: datetime
    created_by: str
    file_hash: str | None = None


TARGET_NAME, TIME_NAME = "target", "timestamp"
"""The names of these columns in issues and summaries."""


LEAKY_COLUMN, LEAKY_TEXT, SIBLING_RATING = "leaky_column", "leaky_text", "sibling_rating"
SUSPECT_CODES = frozenset({LEAKY_COLUMN, SIBLING_RATING})
"""The codes of issues that the gate refuses, and of those that are about a column: it gives the
target away, or may do so."""


class Severity(StrEnum):
    """The severity of an issue: it informs, warns, or stops training."""

    INFO = "info"
    WARNING = "warning"
    BLOCKING = "blocking"


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding; `column` is None if it concerns the rows together. `remedy` is what to do about
    it; empty where the message says it, or nothing needs to be done."""

    code: str
    severity: Severity
    column: str | None
    n_rows: int
    message: str
    remedy: str = ""

    @property
    def sentence(self) -> str:
        """Return the message with the remedy.

        >>> Issue("a", Severity.INFO, None, 1, "It is odd.", "Mend it.").sentence
        'It is odd. Mend it.'
        """
        return f"{self.message} {self.remedy}".rstrip()


def warn(code: str, column: str | None, n_rows: int, message: str, remedy: str = "") -> Issue:
    """Return an issue that does not stop a training."""
    return Issue(code, Severity.WARNING, column, n_rows, message, remedy)


def fold_issues(issues: Iterable[Issue]) -> list[Issue]:
    """Return the issues for a reader, each sentence once: columns with a common fault have an issue
    each, with the same text.

    >>> parts = [warn("leaky_column", name, 9, "'a' and 'b' add up.") for name in "ab"]
    >>> [issue.column for issue in fold_issues(parts)]
    ['a']
    """
    found: dict[str, Issue] = {}
    for issue in issues:
        found.setdefault(issue.sentence, issue)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """The summary of a feature (or the target); a category has no low, mean and high."""

    name: str
    kind: str  # "number" or "category"
    n_missing: int
    n_distinct: int
    low: float | None
    mean: float | None
    high: float | None
    top: str | None  # the most common value, as text
    top_share: float  # its share of the rows that have a value, 0..1
    shape: tuple[int, ...] = ()  # rows by range of values, low to high, or by value, common first


@dataclass(frozen=True, slots=True)
class QualityReport:
    """The checks of the rows that training would use, saved so that no page scans them."""

    at: datetime
    n_rows: int
    issues: tuple[Issue, ...]  # worst first
    columns: tuple[ColumnSummary, ...]


class IdKind(StrEnum):
    """The kind of name that selects rows."""

    ID = "id"  # of a row or of a prediction
    GROUP = "group"  # the group of rows, which is the unit of predictions


@dataclass(frozen=True, slots=True)
class Use:
    """A snapshot that holds, or held, some of the rows, and the versions that learned from it."""

    snapshot_id: int
    n_rows: int
    versions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """The rows of an id or a group: samples, visible or not, predictions, uses, the labels that a
    person of this name gave or that are of an unknown prediction, and the other records in which
    the program quotes the name."""

    n_samples: int
    n_predictions: int
    uses: tuple[Use, ...]
    n_labels: int = 0
    n_mentions: int = 0

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to erase.

        >>> Trace(0, 0, ()).is_empty
        True
        >>> Trace(0, 0, (), n_mentions=1).is_empty
        False
        """
        return not (
            self.n_samples or self.n_predictions or self.uses or self.n_labels or self.n_mentions
        )

    def describe(self) -> str:
        """Return the counts in words, without the uses by snapshots.

        >>> Trace(2, 1, (), 0, 1).describe()
        '2 rows, 1 prediction, no labels and 1 other record that quotes the name'
        """
        quotes = "quotes" if self.n_mentions == 1 else "quote"
        return (
            f"{text.count(self.n_samples, 'row')}, "
            f"{text.count(self.n_predictions, 'prediction')}, "
            f"{text.count(self.n_labels, 'label')} and "
            f"{text.count(self.n_mentions, 'other record')} that {quotes} the name"
        )


@dataclass(frozen=True, slots=True)
class Erasure:
    """The log entry that stays; it does not say whose rows they were. `old_files` are deleted from
    the disk, again at every check until they are gone."""

    at: datetime
    by: str
    reason: str
    found: Trace
    old_files: tuple[str, ...]


def list_erased(notes: Iterable[Erasure], snapshot_id: int) -> list[tuple[datetime, int]]:
    """Return the times and numbers of rows deleted from a snapshot, in the order of the notes.

    >>> at = datetime(2026, 3, 2)  # noqa: DTZ001
    >>> note = Erasure(at, "ada", "asked for", Trace(2, 0, (Use(7, 2, (1,)),)), ())
    >>> [n_rows for _, n_rows in list_erased([note], 7)], list_erased([note], 8)
    ([2], [])
    """
    return [
        (note.at, use.n_rows)
        for note in notes
        for use in note.found.uses
        if use.snapshot_id == snapshot_id
    ]
