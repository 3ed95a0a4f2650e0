"""The latency of an API process by stage, and its status."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from core.domain.installation import StageTime
from core.domain.version import version_name
from core.serving.routing import Routing

_N_KEPT = 1_000
STAGES = ("parse", "route", "features", "model", "log")


class StageClock:
    """Records the stages of every `every`-th request, for the newest thousand of these."""

    def __init__(self, every: int) -> None:
        self._every = every
        self.n_requests = 0
        self.n_measured = 0
        self._kept: dict[str, deque[float]] = {name: deque(maxlen=_N_KEPT) for name in STAGES}

    def is_due(self) -> bool:
        """Return True if the request that begins now is to be measured."""
        self.n_requests += 1
        return self.n_requests % self._every == 1 % self._every

    def add(self, **seconds: float) -> None:
        """Record the seconds of the stages of one request, by name."""
        self.n_measured += 1
        for name, value in seconds.items():
            self._kept[name].append(value)

    def summarize(self) -> dict[str, StageTime]:
        """Return the times by stage; empty before the first request."""
        kept = {name: sorted(values) for name, values in self._kept.items() if values}
        return {
            name: StageTime(
                n=len(values),
                mean_ms=1000 * sum(values) / len(values),
                p95_ms=1000 * values[min(len(values) - 1, int(0.95 * len(values)))],
            )
            for name, values in kept.items()
        }


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """The versions that a process answers with, and the state of its scoring and its log."""

    revision: int
    version: str  # by name, such as "v3"
    source: str  # "model" or "heuristic"
    reason: str | None  # why no model answers
    challenger: str | None  # the version on trial
    challenger_reason: str | None  # why it does not score
    scorer: str  # "compiled", "pipeline", or "heuristic" where no model answers
    scorer_reason: str | None  # why the scorer is not a compiled one
    cache_asked: int  # single rows looked up in the cache since the version was loaded
    cache_found: int  # those whose score was found
    stages: Mapping[str, StageTime]  # the times of single requests by stage
    n_waiting: int  # rows that are not on disk yet
    problem: str | None  # why it cannot serve at all


def describe_serving(
    serving: Routing, stages: Mapping[str, StageTime], n_waiting: int, problem: str | None
) -> ServiceStatus:
    """Return the status of a process with this routing."""
    champion, challenger = serving.champion, serving.challenger
    why = champion.why if champion.artifact is None else champion.artifact.why_uncompiled
    scorer = "pipeline" if why else "compiled"
    return ServiceStatus(
        revision=serving.revision,
        version=version_name(champion.version),
        source="heuristic" if champion.artifact is None else "model",
        reason=champion.why or None,
        challenger=None if challenger is None else version_name(challenger.version),
        challenger_reason=None if challenger is None else challenger.why or None,
        scorer="heuristic" if champion.artifact is None else scorer,
        scorer_reason=why or None,
        cache_asked=0 if champion.artifact is None else champion.artifact.n_asked,
        cache_found=0 if champion.artifact is None else champion.artifact.n_found,
        stages=stages,
        n_waiting=n_waiting,
        problem=problem,
    )
