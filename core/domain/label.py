"""A label: what turned out to be true of a prediction. All are kept; the last received counts."""

from dataclasses import dataclass
from datetime import datetime

from core.domain.sample import Features


@dataclass(frozen=True, slots=True)
class Label:
    """`actual` is on the scale of the settings; 0 is a value. The prediction may not exist yet.
    `rating` is how content the user was with what came of it, 0..1, where somebody asked."""

    prediction_id: str
    actual: float
    observed_at: datetime
    given_by: str
    received_at: datetime
    rating: float | None = None


@dataclass(frozen=True, slots=True)
class LabelledPrediction:
    """What was asked, as it was served, with the label that counts. `made_at` is when the work was
    made where the caller said so, else when it was scored; `labelled_at` when the label came."""

    prediction_id: str
    made_at: datetime
    features: Features
    text: str | None
    unit_id: str | None
    actual: float
    labelled_at: datetime


@dataclass(frozen=True, slots=True)
class FeedbackProgress:
    """Up to which label, and which prediction, the labelled predictions have become samples."""

    label_id: int = 0
    prediction_seq: int = 0

    def reaches(self, end: "FeedbackProgress") -> bool:
        """Whether nothing up to there can wait: without a label no prediction does.

        >>> FeedbackProgress(3, 9).reaches(FeedbackProgress(3, 9))
        True
        """
        return self.label_id >= end.label_id and (
            end.label_id == 0 or self.prediction_seq >= end.prediction_seq
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """Labelled predictions that are to become samples, and how far these go."""

    rows: tuple[LabelledPrediction, ...]
    upto: FeedbackProgress
