"""An erasure: a person's rows that were deleted, and which snapshots and versions had used them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What names the rows."""

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
    """What there is of an id or a group: rows of the store, visible or not, predictions, uses."""

    n_samples: int
    n_predictions: int
    uses: tuple[Use, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing.

        >>> Trace(0, 0, ()).is_empty
        True
        """
        return not (self.n_samples or self.n_predictions or self.uses)


@dataclass(frozen=True, slots=True)
class Erasure:
    """The note that stays. It does not say whose rows they were. `old_files` are to be removed
    from the disk, and are again at every look until they are gone."""

    at: datetime
    by: str
    reason: str
    found: Trace
    old_files: tuple[str, ...]


def list_erased(notes: Iterable[Erasure], snapshot_id: int) -> list[tuple[datetime, int]]:
    """When rows of a snapshot were deleted, and how many each time, in the order of the notes.

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
