"""A file of the watched folder: what came of it when it was last read."""

from dataclasses import dataclass
from datetime import datetime


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
