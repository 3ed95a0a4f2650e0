"""Reading how right the scores of a window turned out to be."""

from datetime import datetime, timedelta

from core.monitoring.outcomes import Performance, summarize_performance
from core.monitoring.service import load_window
from core.settings import Scale
from core.store.database import Database


def load_performance(
    db: Database,
    from_at: datetime,
    to_at: datetime,
    *,
    tolerance: float,
    scale: Scale,
    min_labels: int,
    step: timedelta | None = None,
) -> Performance:
    """The labelled predictions of a window, by the time of the prediction, from the rollups alone;
    its ends are widened to whole minutes. `step` is that of the series: hours up to two days, else
    days, unless given."""
    with db.read() as conn:
        return summarize_performance(
            load_window(conn, from_at, to_at, step),
            from_at,
            to_at,
            tolerance=tolerance,
            scale=scale,
            min_labels=min_labels,
            step=step,
        )
