"""The summary of a replay: sums over recorded requests, of a size that does not grow with their
number."""

import heapq
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core import text
from core.domain.deployment import Recorded, ReplayReport, ReplaySegment, ScoreChange
from core.domain.monitoring import DAY, LiveEstimate
from core.domain.version import version_name
from core.settings import Scale
from core.stats.intervals import (
    BlockEstimate,
    block_sums,
    choose_run,
    divide_sums,
    estimate_by_blocks,
)
from core.stats.slices import MOST_LEVELS, least_rows

N_CHANGES = 50
_N_SEGMENTS = 20
_N_REASONS = 5
_MAX_REASONS = 200


@dataclass(slots=True)
class _Part:
    """The sums of one segment."""

    n: int = 0
    change: float = 0.0
    n_labelled: int = 0
    error: float = 0.0
    served_error: float = 0.0


@dataclass(slots=True)
class Tally:
    """The sums over the requests that were scored again so far."""

    scale: Scale
    tolerance: float
    n_requests: int = 0
    n_scored: int = 0
    n_fallback: int = 0
    n_failed: int = 0
    n_at_limit: int = 0
    n_known: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    reasons: Counter[str] = field(default_factory=Counter)
    alone_ms: list[float] = field(default_factory=list)
    days: dict[int, list[float]] = field(default_factory=dict)  # sums of errors by day
    changes: list[tuple[float, int, ScoreChange]] = field(default_factory=list)  # a heap
    segments: dict[str, dict[str, _Part]] = field(default_factory=dict)

    def add(
        self, row: Recorded, score: float | str, *, is_refused: bool, is_known: bool = False
    ) -> None:
        """Count a request with its new score, or the reason why it has none. `is_refused` is True
        if the row has nothing for the version to read, `is_known` if the version was trained on the
        row."""
        at = row.served.at
        self.first_at = at if self.first_at is None else min(self.first_at, at)
        self.last_at = at if self.last_at is None else max(self.last_at, at)
        self.n_requests += 1
        if isinstance(score, str):
            self.n_fallback += is_refused
            self.n_failed += not is_refused
            if score in self.reasons or len(self.reasons) < _MAX_REASONS:
                self.reasons[score] += 1
            return
        self.n_scored += 1
        self.n_at_limit += not self.scale.low < score < self.scale.high
        if row.served.score is not None:
            self._compare(row, score, row.served.score, is_known)

    def _compare(self, row: Recorded, score: float, served: float, is_known: bool) -> None:
        change = ScoreChange(
            row.served.id, row.served.at, row.served.version, served, score, row.actual
        )
        heapq.heappush(self.changes, (abs(score - served), self.n_requests, change))
        if len(self.changes) > N_CHANGES:
            heapq.heappop(self.changes)
        parts = self._find_parts(row)
        for part in parts:
            part.n += 1
            part.change += score - served
        if row.actual is None:
            return
        if is_known:
            self.n_known += 1
            return
        error, before = abs(score - row.actual), abs(served - row.actual)
        for part in parts:
            part.n_labelled += 1
            part.error += error
            part.served_error += before
        sums = self.days.setdefault(int(row.served.at.timestamp() // DAY), [0.0] * 5)
        for place, value in enumerate(
            (error, before, error <= self.tolerance, before <= self.tolerance, 1.0)
        ):
            sums[place] += value

    def _find_parts(self, row: Recorded) -> list[_Part]:
        found = []
        for name, word in row.served.features.items():
            if isinstance(word, str):
                parts = self.segments.setdefault(name, {})
                if word in parts or len(parts) <= MOST_LEVELS:
                    found.append(parts.setdefault(word, _Part()))
        return found


def build_report(tally: Tally, *, version: int, days: float, doubt: str = "") -> ReplayReport:
    """Return the report of a tally with at least one request; intervals are by the days of the
    requests."""
    assert tally.first_at is not None
    assert tally.last_at is not None
    mae, served, improvement, accuracy, served_accuracy = _measure(tally.days)
    report = ReplayReport(
        from_at=tally.first_at,
        to_at=tally.last_at,
        n_requests=tally.n_requests,
        n_scored=tally.n_scored,
        n_fallback=tally.n_fallback,
        n_failed=tally.n_failed,
        n_at_limit=tally.n_at_limit,
        failures=dict(tally.reasons.most_common(_N_REASONS)),
        n_labelled=int(sum(sums[4] for sums in tally.days.values())),
        n_known=tally.n_known,
        mae=mae,
        served_mae=served,
        improvement=improvement,
        accuracy=accuracy,
        served_accuracy=served_accuracy,
        basis=text.count(len(tally.days), "day") if tally.days else "",
        changes=tuple(item[2] for item in sorted(tally.changes, key=_size, reverse=True)),
        segments=_build_segments(tally.segments, tally.n_scored),
        latency_ms=_find_latency(tally.alone_ms),
        n_timed=len(tally.alone_ms),
        doubt=doubt,
        summary="",
    )
    return _with_summary(report, version, days)


def describe_errors(report: ReplayReport) -> str:
    """Return the errors of a report as a sentence."""
    mae, served = report.mae, report.served_mae
    if mae is None or served is None:
        return "no label to measure its error by"
    return f"MAE {text.estimate(mae)} against {text.figure(served.value)} as served"


def _with_summary(report: ReplayReport, version: int, days: float) -> ReplayReport:
    rest = [f"{report.n_failed:,} failed"]
    if report.n_fallback:
        rest.append(f"{report.n_fallback:,} would be left to the heuristic")
    if report.n_known:
        rest.append(f"{report.n_known:,} labelled rows that it has learned from left out")
    noun = "day" if days == 1 else "days"
    summary = (
        f"{version_name(version)} replayed on {report.n_requests:,} requests of {days:g} {noun}: "
        f"{describe_errors(report)}; {', '.join(rest)}."
    )
    return replace(report, summary=summary)


def _size(item: tuple[float, int, ScoreChange]) -> tuple[float, int]:
    return item[:2]


def _measure(days: Mapping[int, Sequence[float]]) -> list[LiveEstimate | None]:
    """Return MAE, MAE as served, improvement, accuracy and accuracy as served, each with its
    interval by days; None for a figure that is not known."""
    if not days:
        return [None] * 5
    numbers, sums = np.array(list(days)), np.array(list(days.values()), dtype=np.float64)
    sums = block_sums(sums, numbers, run=choose_run(len(numbers)))
    mae, served, improvement, *shares = estimate_by_blocks(sums, _build_figures)
    return [
        _estimate(mae, 0.0),
        _estimate(served, 0.0),
        _estimate(improvement),
        *(_estimate(share, 0.0, 1.0) for share in shares),
    ]


def _estimate(
    found: BlockEstimate | None, lowest: float = -math.inf, highest: float = math.inf
) -> LiveEstimate | None:
    if found is None:
        return None
    return LiveEstimate(found.value, *found.find_limits(lowest=lowest, highest=highest).limits)


def _build_figures(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    means = divide_sums(sums)
    gain = means[:, 1:2] - means[:, :1]
    return np.hstack([means[:, :2], gain, means[:, 2:]])


def _build_segments(
    segments: Mapping[str, Mapping[str, _Part]], n_scored: int
) -> tuple[ReplaySegment, ...]:
    found = [
        ReplaySegment(
            name=f"{name} = {word}",
            n=part.n,
            change=part.change / part.n,
            n_labelled=part.n_labelled,
            mae=part.error / part.n_labelled if part.n_labelled else None,
            served_mae=part.served_error / part.n_labelled if part.n_labelled else None,
        )
        for name, parts in segments.items()
        if len(parts) <= MOST_LEVELS
        for word, part in parts.items()
        if part.n >= least_rows(n_scored)
    ]
    return tuple(sorted(found, key=lambda one: -abs(one.change))[:_N_SEGMENTS])


def _find_latency(alone_ms: Sequence[float]) -> dict[str, float]:
    if not alone_ms:
        return {}
    ordered = sorted(alone_ms)
    return {
        f"p{q}": ordered[min(math.ceil(q / 100 * len(ordered)), len(ordered)) - 1] for q in (50, 95)
    }
