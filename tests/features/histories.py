"""Generated histories, and what was known of a row worked out the slow way, pair by pair."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.domain.sample import (
    CONSISTENCY,
    HISTORY,
    MEAN_CSAT,
    MEAN_QUALITY,
    SEEN_AT,
    read_level,
    read_number,
)
from core.features.history import trace_history

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Work:
    """A labelled row; `late_hours` after it was made its label was known."""

    hour: float | None
    late_hours: int
    provider: Any
    model: Any
    quality: float
    csat: Any

    @property
    def at(self) -> datetime | None:
        return None if self.hour is None else START + timedelta(hours=self.hour)

    @property
    def known_at(self) -> datetime | None:
        return None if self.at is None else self.at + timedelta(hours=max(self.late_hours, 0))

    @property
    def features(self) -> dict[str, Any]:
        return {"provider": self.provider, "model": self.model, "csat": self.csat}


works = st.builds(
    Work,
    hour=st.none() | st.integers(0, 30),
    late_hours=st.integers(-2, 20),
    provider=st.sampled_from(["a", " a ", "b", None]),
    model=st.sampled_from(["m", "4", 4.0, "n"]),
    quality=st.floats(0, 100),
    csat=st.none() | st.floats(0, 1) | st.sampled_from(["0.5", "good"]),
)
histories = st.lists(works, max_size=25)


def trace(rows: list[Work]) -> dict[str, NDArray[np.float64]]:
    """What training makes of them."""
    names = ["provider", "model", "csat"]
    frame = pd.DataFrame([row.features for row in rows], columns=names, dtype=object)
    return trace_history(
        frame,
        np.array([row.quality for row in rows], dtype=np.float64),
        _seconds([row.at for row in rows]),
        _seconds([row.known_at for row in rows]),
    )


def recall(rows: list[Work], place: int) -> dict[str, float]:
    """By the definition: the other rows of the same provider and model that were known before."""
    own = rows[place]
    known = [
        row
        for i, row in enumerate(rows)
        if i != place
        and own.at is not None
        and row.known_at is not None
        and row.known_at < own.at
        and _maker(row) == _maker(own)
        and None not in _maker(row)
    ]
    if not known:
        return dict.fromkeys(HISTORY, math.nan)
    qualities = np.array([row.quality for row in known])
    csat = [c for c in (read_number(row.csat) for row in known) if not math.isnan(c)]
    return {
        MEAN_QUALITY: float(qualities.mean()),
        MEAN_CSAT: float(np.mean(csat)) if csat else math.nan,
        CONSISTENCY: 1 / (1 + float(qualities.std())) if len(known) > 1 else math.nan,
        SEEN_AT: max(row.at.timestamp() for row in known if row.at is not None),
    }


def _maker(row: Work) -> tuple[str | None, str | None]:
    return read_level(row.provider), read_level(row.model)


def _seconds(times: list[datetime | None]) -> NDArray[np.float64]:
    return np.array([math.nan if at is None else at.timestamp() for at in times], dtype=np.float64)
