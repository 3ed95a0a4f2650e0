"""The contract of a source: a name, and a function that collects its new rows."""

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
    """The arguments that every source gets."""

    db: Database
    settings: Settings
    request: Request
    by: str
    now: Callable[[], datetime]

    def with_progress(self, progress: Progress) -> CollectContext:
        """Return the context of one collection."""
        settings = self.settings
        return CollectContext(
            self.db, settings.scale, self.by, self.now, progress, settings.tolerance
        )


class Collect(Protocol):
    """Adds new rows to the store, each once, regardless of repeated calls and kills."""

    def __call__(self, asked: CollectionRequest, progress: Progress) -> list[Source]:
        """Return the outcome of everything read; empty if no setting names the source. A failure is
        an outcome, so that it stops no other source. Only `Cancelled`, which `progress` raises, and
        `Conflict` with another process pass."""


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of source; the names of its sources are the kind itself, or begin with it and a
    colon."""

    name: str
    collect: Collect
