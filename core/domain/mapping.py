"""A column mapping: which column of a file is the target, the time, the text, the id, the group."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Column names as they stand in the file; every column that is not named is a feature."""

    target: str
    timestamp: str | None = None
    text: str | None = None
    id: str | None = None
    group: str | None = None
    ignored: tuple[str, ...] = ()
