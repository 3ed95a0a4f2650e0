"""The split of a snapshot's rows into those to train on and the holdout."""

from datetime import datetime
from typing import TYPE_CHECKING

from core.data.quality.near_duplicates import identify_content
from core.data.splits import Split, identify_rows, split_rows
from core.domain.dataset import AT, GROUP
from core.domain.training_report import LEFT_OUT, TrainingReport

if TYPE_CHECKING:
    import pandas as pd

SPLIT_SEED = 0
"""Every training draws the same holdout from the same rows, whatever its own seed: versions are
compared on the same rows, and nobody tries seeds until the holdout is kind."""


def split_frame(frame: "pd.DataFrame", holdout_from_at: datetime | None = None) -> Split:
    """Return the split of a snapshot's rows: the same for every training on them whose holdout
    begins at the same moment, with the newest fifth of the rows unless given."""
    return split_rows(
        frame[AT],
        frame[GROUP],
        identify_content(frame),
        identity=identify_rows(frame),
        holdout_from_at=holdout_from_at,
        seed=SPLIT_SEED,
    )


def split_as_then(frame: "pd.DataFrame", report: TrainingReport) -> Split:
    """Return the split that a version was trained with, of its snapshot's rows."""
    left_out = [name for name, why in report.left_out.items() if why.startswith(LEFT_OUT)]
    return split_frame(frame.drop(columns=left_out, errors="ignore"), report.holdout_from_at)
