"""What a source is to the collection: a name, and a function that brings in what is new there."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.data.context import CollectContext
from core.data.tables.sync_cursor import Request
from core.domain.job import Progress
from core.domain.source import Source
from core.settings import Settings
from core.store.engine.database import Database


@dataclass(frozen=True, slots=True)
class CollectionRequest:
    """What every source is told."""

    db: Database
    settings: Settings
    request: Request
    by: str
    now: Callable[[], datetime]

    def with_progress(self, progress: Progress) -> CollectContext:
        """Return the context of one collection."""
        return CollectContext(self.db, self.settings.scale, self.by, self.now, progress)


class Collect(Protocol):
    """Brings what is new into the store, each row once however often it is called and wherever it
    was killed before."""

    def __call__(self, asked: CollectionRequest, progress: Progress) -> list[Source]:
        """How that went, of everything that was read; nothing where no setting names the source.
        A failure is an outcome, so that it stops no other source: only `Cancelled`, which
        `progress` raises, and `Conflict` with another process pass."""


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of source. What it answers with is called as it is, or has that before a colon."""

    name: str
    collect: Collect
