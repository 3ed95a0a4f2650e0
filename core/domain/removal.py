"""A removal: old predictions that were taken out of the log, once everything had counted them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Removed:
    """How many rows went; a prediction's features and text went with it."""

    n_predictions: int = 0
    n_labels: int = 0
    n_shadow_scores: int = 0

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(
            self.n_predictions + other.n_predictions,
            self.n_labels + other.n_labels,
            self.n_shadow_scores + other.n_shadow_scores,
        )


@dataclass(frozen=True, slots=True)
class Removal:
    """What one run removed, or a killed one had removed by then."""

    at: datetime
    until_at: datetime  # of the predictions before this moment none is left
    removed: Removed


@dataclass(frozen=True, slots=True)
class Retention:
    """How long predictions are kept one by one, and what was removed last."""

    keep_days: int | None  # None keeps all
    last: Removal | None
    n_too_late: int  # labels that came for predictions that had been removed
