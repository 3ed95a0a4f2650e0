"""The context of a collection, the same for files, folders and tables."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from core.domain.job import Progress
from core.settings import Scale
from core.store.engine.database import Database


@dataclass(frozen=True, slots=True)
class CollectContext:
    """The store that the rows of a collection go to, the person who asked, and who hears of it."""

    db: Database
    scale: Scale
    by: str
    now: Callable[[], datetime]
    progress: Progress
    tolerance: float | None = None  # that of the settings, for the checks of the rows

    def report_to(self, progress: Progress) -> "CollectContext":
        """Return the same context with somebody else who hears how far it is."""
        return replace(self, progress=progress)
