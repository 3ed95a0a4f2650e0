"""Traffic: how many requests came, who answered them and how fast, from rollups."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.domain.monitoring import DAY, HOUR, MINUTE, Rollup, floor_time
from core.domain.prediction import AnswerSource
from core.settings import Scale
from core.stats.histogram import merge, quantile, score_edges


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests and how they went; a share or a latency without requests is None."""

    n_model: int
    n_heuristic: int
    n_failed: int
    n_labelled: int  # of those with a score
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None

    @property
    def n_attempted(self) -> int:
        """All requests: answered by the model, by the heuristic, or not at all."""
        return self.n_model + self.n_heuristic + self.n_failed

    @property
    def error_rate(self) -> float | None:
        """The share that got no answer."""
        return self.n_failed / self.n_attempted if self.n_attempted else None

    @property
    def fallback_share(self) -> float | None:
        """The share that the heuristic answered."""
        return self.n_heuristic / self.n_attempted if self.n_attempted else None

    @property
    def coverage(self) -> float | None:
        """The share of the scores whose label has arrived."""
        n_scored = self.n_model + self.n_heuristic
        return self.n_labelled / n_scored if n_scored else None


@dataclass(frozen=True, slots=True)
class TrafficPoint:
    """One step of the series; steps without requests are there too, with zeros."""

    at: datetime
    counts: Counts


@dataclass(frozen=True, slots=True)
class Traffic:
    """The requests of a window."""

    from_at: datetime
    to_at: datetime
    counts: Counts
    versions: dict[int, Counts]  # by the version that was asked
    series: tuple[TrafficPoint, ...]
    step: timedelta
    score_edges: tuple[float, ...]  # n + 1 limits of the parts of the scale
    score_counts: dict[int, tuple[int, ...]]  # by version, of the model's scores only
    latency: dict[int, int]  # merged histogram, for intervals


def summarize_traffic(
    rollups: Sequence[Rollup],
    from_at: datetime,
    to_at: datetime,
    *,
    scale: Scale,
    step: timedelta | None = None,
) -> Traffic:
    """The figures of the rollups of a window; `step` is that of the series."""
    step = step or choose_step(from_at, to_at)
    edges = score_edges(scale.low, scale.high)
    numbers = sorted({rollup.version for rollup in rollups})
    return Traffic(
        from_at=from_at,
        to_at=to_at,
        counts=count(rollups),
        versions={
            number: count(rollup for rollup in rollups if rollup.version == number)
            for number in numbers
        },
        series=tuple(
            TrafficPoint(at, count(members))
            for at, members in split_steps(rollups, from_at, to_at, step)
        ),
        step=step,
        score_edges=tuple(edges),
        score_counts={
            number: _score_counts(rollups, number, len(edges) - 1)
            for number in numbers
            if any(r.version == number and r.source is AnswerSource.MODEL for r in rollups)
        },
        latency=merge(rollup.latency for rollup in rollups),
    )


def count(rollups: Iterable[Rollup]) -> Counts:
    """The counts of some rollups together."""
    members = list(rollups)
    latency = merge(rollup.latency for rollup in members)
    by_source = {
        source: sum(rollup.n for rollup in members if rollup.source is source)
        for source in AnswerSource
    }
    return Counts(
        n_model=by_source[AnswerSource.MODEL],
        n_heuristic=by_source[AnswerSource.HEURISTIC],
        n_failed=by_source[AnswerSource.FAILED],
        n_labelled=sum(rollup.outcomes.n for rollup in members),
        p50_ms=quantile(latency, 0.50),
        p95_ms=quantile(latency, 0.95),
        p99_ms=quantile(latency, 0.99),
    )


def choose_step(from_at: datetime, to_at: datetime) -> timedelta:
    """Return the step of a window's series: minutes up to two hours, hours up to two days, days
    beyond.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> str(choose_step(noon - timedelta(days=1), noon))
    '1:00:00'
    """
    length = to_at - from_at
    if length <= timedelta(hours=2):
        return timedelta(seconds=MINUTE)
    return timedelta(seconds=HOUR if length <= timedelta(days=2) else DAY)


def split_steps(
    rollups: Iterable[Rollup], from_at: datetime, to_at: datetime, step: timedelta
) -> list[tuple[datetime, list[Rollup]]]:
    """The rollups by the step that holds them, with every step of the window, also empty ones."""
    seconds = round(step.total_seconds())
    groups: dict[datetime, list[Rollup]] = {}
    at = floor_time(from_at, seconds)
    while at < to_at:
        groups[at] = []
        at += step
    for rollup in rollups:
        groups.setdefault(floor_time(rollup.start_at, seconds), []).append(rollup)
    return sorted(groups.items())


def _score_counts(rollups: Sequence[Rollup], version: int, n: int) -> tuple[int, ...]:
    scores = merge(
        rollup.scores
        for rollup in rollups
        if rollup.version == version and rollup.source is AnswerSource.MODEL
    )
    return tuple(scores.get(bucket, 0) for bucket in range(n))
