"""An issue: something that a data check found, with how bad it is and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

TARGET_NAME, TIME_NAME = "target", "timestamp"
"""What issues and summaries call these columns."""


class Severity(StrEnum):
    """Whether an issue informs, warns, or stops training."""

    INFO = "info"
    WARNING = "warning"
    BLOCKING = "blocking"


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding; `column` is None where it concerns the rows as a whole."""

    code: str
    severity: Severity
    column: str | None
    n_rows: int
    message: str


def warn(code: str, column: str | None, n_rows: int, message: str) -> Issue:
    """An issue that does not stop a training."""
    return Issue(code, Severity.WARNING, column, n_rows, message)


def fold_issues(issues: Iterable[Issue]) -> list[Issue]:
    """The issues as a person reads them, each sentence once: of columns that are at fault together,
    each has an issue of its own that says the same.

    >>> parts = [warn("leaky_column", name, 9, "'a' and 'b' add up.") for name in "ab"]
    >>> [issue.column for issue in fold_issues(parts)]
    ['a']
    """
    found: dict[str, Issue] = {}
    for issue in issues:
        found.setdefault(issue.message, issue)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """One feature (or the target) over all rows; a category has no low, mean and high."""

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
    """What the checks said of the rows that training would use, kept so that no page scans them."""

    at: datetime
    n_rows: int
    issues: tuple[Issue, ...]  # worst first
    columns: tuple[ColumnSummary, ...]
