"""An issue: something that a data check found, with how bad it is and what to do."""

from dataclasses import dataclass
from enum import StrEnum


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
