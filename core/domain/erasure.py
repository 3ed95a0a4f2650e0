"""An erasure: a person's rows that were deleted, and which snapshots and versions had used them."""

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
