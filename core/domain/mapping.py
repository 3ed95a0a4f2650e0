"""A column mapping: which column of a file is the target, a time, the text, the id, the group."""

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
    label_timestamp: str | None = None  # when the target was known, where that was later
