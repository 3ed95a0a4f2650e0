"""Traffic: how many requests came, what their callers got and how fast, from rollups and from the
counts of what is not in the log."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.domain.monitoring import DAY, EPOCH, HOUR, MINUTE, Rollup, Unanswered, floor_time
from core.domain.prediction import AnswerSource, Route
from core.settings import Scale
from core.stats.histogram import merge, quantile, score_edges


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests and how they went, and their rows; a share or a latency without requests is None. A
    batch is one request."""

    n_model: int = 0
    n_heuristic: int = 0
    n_failed: int = 0  # for a reason of ours
    n_refused: int = 0  # for a mistake of the caller's
    n_unreadable: int = 0  # of these, those with nothing that the version reads
    n_rows: int = 0  # predictions in the log
    n_scored: int = 0  # of these, those with a score
    n_labelled: int = 0  # of those with a score
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None

    @property
    def n_attempted(self) -> int:
        """Return all requests: answered by the model or the heuristic, failed, or refused."""
        return self.n_taken + self.n_refused

    @property
    def n_taken(self) -> int:
        """Return the requests without those that were refused."""
        return self.n_model + self.n_heuristic + self.n_failed

    @property
    def error_rate(self) -> float | None:
        """The share of the requests taken that got no answer."""
        return self.n_failed / self.n_taken if self.n_taken else None

    @property
    def fallback_share(self) -> float | None:
        """The share of the requests taken that the heuristic answered."""
        return self.n_heuristic / self.n_taken if self.n_taken else None

    @property
    def coverage(self) -> float | None:
        """The share of the scores whose label has arrived."""
        return self.n_labelled / self.n_scored if self.n_scored else None


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
    routes: dict[Route, Counts]  # by the kind of request; without those that did not come
    unanswered: tuple[Unanswered, ...]  # of any route; most first, added up over the window


def summarize_traffic(
    rollups: Sequence[Rollup],
    from_at: datetime,
    to_at: datetime,
    *,
    scale: Scale,
    step: timedelta | None = None,
    unanswered: Sequence[Unanswered] = (),
) -> Traffic:
    """Return the figures of the rollups and of what was not answered in a window; `step` is that of
    the series."""
    step = step or choose_step(from_at, to_at)
    edges = score_edges(scale.low, scale.high)
    numbers = sorted({rollup.version for rollup in rollups})
    return Traffic(
        from_at=from_at,
        to_at=to_at,
        counts=count(rollups, unanswered),
        versions={
            number: count(rollup for rollup in rollups if rollup.version == number)
            for number in numbers
        },
        series=tuple(
            TrafficPoint(at, count(members, [one for one in unanswered if is_in(one, at, step)]))
            for at, members in split_steps(rollups, from_at, to_at, step)
        ),
        step=step,
        score_edges=tuple(edges),
        score_counts={
            number: _score_counts(rollups, number, len(edges) - 1)
            for number in numbers
            if any(r.version == number and r.source is AnswerSource.MODEL for r in rollups)
        },
        latency=merge_latency(rollups),
        routes={
            route: counts
            for route in Route
            if (counts := count_route(route, rollups, unanswered)).n_attempted
        },
        unanswered=add_up(unanswered),
    )


def count_route(
    route: Route, rollups: Iterable[Rollup], unanswered: Iterable[Unanswered]
) -> Counts:
    """Return the counts of one kind of request."""
    return count(
        [rollup for rollup in rollups if rollup.route is route],
        [one for one in unanswered if one.route == route],
    )


def merge_latency(rollups: Iterable[Rollup]) -> dict[int, int]:
    """Return the latencies of the requests that were taken, as a histogram."""
    return merge(rollup.latency for rollup in rollups if rollup.source is not AnswerSource.REFUSED)


def add_up(unanswered: Iterable[Unanswered]) -> tuple[Unanswered, ...]:
    """Return what was not answered without its minutes, most first."""
    first: dict[Unanswered, Unanswered] = {}
    sums: Counter[Unanswered] = Counter()
    for one in unanswered:
        kind = replace(one, minute_at=EPOCH, n=0)
        first.setdefault(kind, one)
        sums[kind] += one.n
    return tuple(replace(first[kind], n=n) for kind, n in sums.most_common())


def is_in(one: Unanswered, at: datetime, step: timedelta) -> bool:
    """Return True if a count belongs to the step of a series that starts at `at`."""
    return at <= one.minute_at < at + step


_ROUTES = frozenset(Route)


def count(rollups: Iterable[Rollup], unanswered: Iterable[Unanswered] = ()) -> Counts:
    """Return the counts of some rollups together, with the requests for predictions that are not in
    the log."""
    members = list(rollups)
    latency = merge_latency(members)
    by_source = Counter(dict.fromkeys(AnswerSource, 0))
    for rollup in members:
        by_source[rollup.source] += rollup.n_requests
    unreadable = by_source[AnswerSource.REFUSED]
    for one in unanswered:
        if one.route in _ROUTES:
            by_source[one.source] += one.n
    scored = (AnswerSource.MODEL, AnswerSource.HEURISTIC)
    return Counts(
        n_model=by_source[AnswerSource.MODEL],
        n_heuristic=by_source[AnswerSource.HEURISTIC],
        n_failed=by_source[AnswerSource.FAILED],
        n_refused=by_source[AnswerSource.REFUSED],
        n_unreadable=unreadable,
        n_rows=sum(rollup.n for rollup in members),
        n_scored=sum(rollup.n for rollup in members if rollup.source in scored),
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
