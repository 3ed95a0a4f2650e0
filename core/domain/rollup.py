"""A rollup: the counts of one minute of one version and source, kept instead of scanning rows."""

from dataclasses import dataclass
from datetime import datetime

from core.domain.prediction import Source


@dataclass(frozen=True, slots=True)
class Rollup:
    """Histograms map a bucket's index to its count; `core.stats.histogram` defines the buckets."""

    minute_at: datetime
    version: int
    source: Source
    n: int
    latency: dict[int, int]
    scores: dict[int, int]
