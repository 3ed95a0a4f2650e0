"""A sample: one labelled row, with where it came from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple, Self

FeatureValue = float | str | None
Features = Mapping[str, FeatureValue]


class Provenance(StrEnum):
    """Whether a row was observed in the world."""

    REAL = "real"  # imported or collected labelled work
    FEEDBACK = "feedback"  # a prediction of ours whose label arrived
    SYNTHETIC = "synthetic"  # generated: never evaluated beside real rows


OBSERVED = (Provenance.REAL, Provenance.FEEDBACK)
"""What comes from the world; synthetic rows never stand beside these."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A row as it is stored. `target` is on the scale of the settings, `at` is aware UTC."""

    source: str  # "file:ratings.csv", "supabase:explanations", "api", "demo"
    provenance: Provenance
    features: Features
    target: float
    at: datetime | None = None
    text: str | None = None
    group: str | None = None
    external_id: str | None = None
    labelled_at: datetime | None = None  # when the target was known, where later than `at`


_list_fields = attrgetter(*(field.name for field in fields(Sample)))


class SampleColumns(NamedTuple):
    """Many samples column by column, in the order of a sample's fields: what they are read and
    stored as, where making an object of each would cost more than that."""

    sources: Sequence[str]
    provenances: Sequence[Provenance]
    features: Sequence[Features]
    targets: Sequence[float]
    ats: Sequence[datetime | None]
    texts: Sequence[str | None]
    groups: Sequence[str | None]
    external_ids: Sequence[str | None]
    labelled_ats: Sequence[datetime | None]

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Self:
        """The columns of some samples."""
        columns = list(zip(*map(_list_fields, samples), strict=True))
        return cls(*columns or ([],) * len(cls._fields))

    def build(self) -> list[Sample]:
        """The samples one by one."""
        return [Sample(*values) for values in zip(*self, strict=True)]


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that was not taken, by its 1-based number in what was received, and why; rows with
    the same `code` were not taken for the same reason."""

    row: int
    message: str
    code: str = "invalid"


@dataclass(frozen=True, slots=True)
class Collection:
    """One import: its rows become visible to training only when `finished_at` is set."""

    id: int
    source: str
    started_at: datetime
    started_by: str
    finished_at: datetime | None
    n_received: int
    n_new: int
    n_duplicate: int
    n_rejected: int
    rejected: tuple[Rejection, ...]  # the first 1,000
    mapping: Mapping[str, object]
    error: str | None


def choose_newest(collections: Iterable[Collection]) -> list[Collection]:
    """The newest finished import of each source: what it says holds now, whatever earlier ones
    said."""
    newest: dict[str, Collection] = {}
    for collection in sorted(collections, key=lambda c: c.id):
        if collection.finished_at is not None:
            newest[collection.source] = collection
    return list(newest.values())


@dataclass(frozen=True, slots=True)
class SampleCounts:
    """What the store holds of one source and provenance."""

    source: str
    provenance: Provenance
    n_rows: int
    first_at: datetime | None
    last_at: datetime | None
