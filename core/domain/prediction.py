"""A prediction, alone or in a batch, and its label."""

import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from core.domain.sample import Features, FeatureValue

_ID = re.compile(r"[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")
_LAST_MILLIS = 253_402_300_799_000  # the end of the year 9999


class AnswerSource(StrEnum):
    """The part that answered. Attempted = model + heuristic + failed + refused, always."""

    MODEL = "model"
    HEURISTIC = "heuristic"
    FAILED = "failed"
    REFUSED = "refused"  # the request had nothing that could be scored


UNREADABLE = "no_features"
"""The cause by which requests with nothing that a version reads are counted."""


class Route(StrEnum):
    """The kind of a request for predictions; each has figures and limits of its own."""

    SINGLE = "single"  # one row
    BATCH = "batch"  # many rows


class Variant(StrEnum):
    """The side of the plan that was asked."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to a request. `version` is the asked one; if it could not answer, `source` and
    `reason` say who did and why. Score and limits are on the scale of the settings."""

    id: str  # 32 hex digits, ordered by time
    at: datetime  # when the request was received
    version: int
    variant: Variant
    source: AnswerSource
    reason: str | None
    score: float | None  # None only where source is FAILED
    low: float | None
    high: float | None
    features: Features
    text: str | None
    unit_id: str | None
    latency_ms: float
    revision: int  # of the deployment in force; 0 before the first
    event_at: datetime | None = None  # when the scored work was made, where the caller said so
    key_id: int | None = None  # of the API key that asked; None where there was none
    batch_rows: int | None = None  # None: asked alone; else see `count_rows_of`
    decision_id: str | None = None  # that it was scored for; None for a request of its own
    candidate_id: str | None = None  # the caller's name for it among the candidates

    @property
    def route(self) -> Route:
        """Return the kind of the request that it belongs to."""
        return Route.SINGLE if self.batch_rows is None else Route.BATCH


def count_rows_of(batch_rows: int | None) -> int:
    """Return the number of rows of the request that a row stands for: one row of a batch stands
    for all of them, the others for no request.

    >>> [count_rows_of(batch_rows) for batch_rows in (None, 300, 0)]
    [1, 300, 0]
    """
    return 1 if batch_rows is None else batch_rows


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A reason why no model answered, and the number of requests with it."""

    source: AnswerSource  # the heuristic answered instead, or nobody did
    reason: str
    n: int


def find_id_time(prediction_id: str) -> datetime | None:
    """Return the time at which a request was received, to the millisecond, from the prediction's
    id, a UUID of version 7 without dashes; None for another id.

    >>> find_id_time("019cae6b660070008000000000000000").isoformat()
    '2026-03-02T12:00:00+00:00'
    >>> find_id_time("order-17") is None
    True
    """
    if not _ID.fullmatch(prediction_id):
        return None
    millis = int(prediction_id[:12], 16)
    if millis > _LAST_MILLIS:
        return None
    return datetime.fromtimestamp(millis / 1000, UTC)


def was_removed(prediction_id: str, kept_from: datetime | None) -> bool:
    """Return whether a missing prediction is so old that it was removed from the log, which begins
    at `kept_from`.

    >>> was_removed("019cae6b660070008000000000000000", datetime(2026, 3, 3, tzinfo=UTC))
    True
    """
    at = find_id_time(prediction_id)
    return kept_from is not None and at is not None and at < kept_from


Column = Sequence[FeatureValue]
"""The values of a feature; an array if all are numbers."""

if TYPE_CHECKING:
    Numbers = array[float]
else:  # Python 3.11 cannot say what an array holds
    Numbers = array

_MAX_ROWS = 1 << 14  # what fits between the two parts of the key


class Columns:
    """Rows by columns, read like a frame: its `columns`, one of them by its name, and its length.

    >>> rows = Columns({"size": array("d", [1.0, 2.0]), "lang": ["go", None]})
    >>> list(rows.columns), rows["lang"], len(rows)
    (['size', 'lang'], ['go', None], 2)
    """

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self.columns = columns
        self._n_rows = len(next(iter(columns.values()), ()))

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def __len__(self) -> int:
        return self._n_rows

    def assign(self, **added: Column) -> "Columns":
        """Return the same rows with more columns.

        >>> list(Columns({"a": [1.0]}).assign(b=[2.0]).columns)
        ['a', 'b']
        """
        return Columns({**self.columns, **added})


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of a request that the champion's model answered. Every row has the same features."""

    key: str  # what the ids of its rows have in common
    at: datetime
    version: int
    revision: int
    latency_ms: float  # a row's
    features: Mapping[str, Column]
    unit_ids: Sequence[str | None] | None  # None where no row names a unit
    scores: Numbers
    lows: Numbers | None  # None where the version knows no interval
    highs: Numbers | None
    key_id: int | None = None  # of the API key that asked; None where there was none

    @property
    def n_rows(self) -> int:
        """Return the number of its predictions."""
        return len(self.scores)

    @property
    def ids(self) -> list[str]:
        """Return the ids of its rows, in their order."""
        head, tail = self.key[:12], self.key[12:]
        return [head + digits + tail for digits in _list_digits()[: self.n_rows]]


def build_key(at: datetime, bits: bytes) -> str:
    """Return the key of a batch received at this time: the milliseconds since 1970 and the first 60
    of the random `bits`, in hexadecimal digits.

    >>> from datetime import UTC
    >>> build_key(datetime(2026, 3, 2, 12, tzinfo=UTC), bytes(8))
    '019cae6b6600000000000000000'
    """
    return f"{int(at.timestamp() * 1000):012x}{bits.hex()[:15]}"


def split_id(prediction_id: str) -> tuple[str, int]:
    """Return the key of the batch that would hold this id, and the row's place in it. Ids are UUIDs
    of version 7 whose 14 bits around the variant count the rows of a batch (RFC 9562, section 6.2),
    so that they sort by time and place.

    >>> split_id("019cae6b660070038123456789abcdef")
    ('019cae6b6600123456789abcdef', 12)
    """
    place = _find_places().get(prediction_id[12:17], -1)
    return prediction_id[:12] + prediction_id[17:], place


def build_predictions(batch: Batch, places: Sequence[int] | None = None) -> list[Prediction]:
    """Expand a batch into predictions; with `places`, only those rows."""
    ids, lows, highs, unit_ids = batch.ids, batch.lows, batch.highs, batch.unit_ids
    return [
        Prediction(
            id=ids[place],
            at=batch.at,
            version=batch.version,
            variant=Variant.CHAMPION,
            source=AnswerSource.MODEL,
            reason=None,
            score=batch.scores[place],
            low=None if lows is None else lows[place],
            high=None if highs is None else highs[place],
            features={name: column[place] for name, column in batch.features.items()},
            text=None,
            unit_id=None if unit_ids is None else unit_ids[place],
            latency_ms=batch.latency_ms,
            revision=batch.revision,
            key_id=batch.key_id,
            batch_rows=0 if place else batch.n_rows,
        )
        for place in (range(batch.n_rows) if places is None else places)
    ]


@cache
def _list_digits() -> list[str]:
    """Return the five digits of an id that hold a row's place and the UUID's version, by the
    place."""
    return [f"7{place >> 2:03x}{8 | place & 3:x}" for place in range(_MAX_ROWS)]


@cache
def _find_places() -> dict[str, int]:
    return {digits: place for place, digits in enumerate(_list_digits())}


class ChosenBy(StrEnum):
    """The way in which a row came to be labelled: without it, labels say nothing of all work."""

    FEEDBACK = "feedback"  # as it came
    PICKED = "picked"  # the best score of its group
    ACCEPTED = "accepted"  # a redo policy let it through
    EXPLORED = "explored"  # chance picked it or let it through


@dataclass(frozen=True, slots=True)
class Label:
    """The true score of a prediction, which may not exist yet. `actual` is on the scale of the
    settings; 0 is a value. `rating` is the user's satisfaction with the result, 0..1, if somebody
    asked. `given_by` is the rater, as the caller says; `key_id` is that of the caller's API key,
    None where there was none."""

    prediction_id: str
    actual: float
    observed_at: datetime
    given_by: str
    received_at: datetime
    rating: float | None = None
    key_id: int | None = None
    chosen_by: ChosenBy = ChosenBy.FEEDBACK


@dataclass(frozen=True, slots=True)
class LabelledPrediction:
    """The features of a request, as served, with the valid label. `made_at` is the time of the work
    if the caller gave it, else that of the score; `labelled_at` that of the label."""

    prediction_id: str
    made_at: datetime
    features: Features
    text: str | None
    unit_id: str | None
    actual: float
    labelled_at: datetime


@dataclass(frozen=True, slots=True)
class FeedbackProgress:
    """The last label, and the last prediction, that became samples."""

    label_id: int = 0
    prediction_seq: int = 0

    def reaches(self, end: "FeedbackProgress") -> bool:
        """Return whether nothing up to `end` can wait: without a label no prediction does.

        >>> FeedbackProgress(3, 9).reaches(FeedbackProgress(3, 9))
        True
        """
        return self.label_id >= end.label_id and (
            end.label_id == 0 or self.prediction_seq >= end.prediction_seq
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """Labelled predictions that are to become samples, and the position after them."""

    rows: tuple[LabelledPrediction, ...]
    upto: FeedbackProgress
