"""A snapshot: an immutable, content-hashed copy of the rows a training saw."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

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
    """`path` is relative to the home folder; `content_hash` is over the rows that were seen, not
    the file. Where some of them were deleted since, `file_hash` is over those that are left."""

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
