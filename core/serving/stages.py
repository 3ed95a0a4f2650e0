"""Where the time of one request goes: parse, route, features, model, log."""

from collections import deque
from dataclasses import dataclass

_N_KEPT = 1_000
STAGES = ("parse", "route", "features", "model", "log")


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long one stage took in the newest sampled requests."""

    n: int
    mean_ms: float
    p95_ms: float


class StageClock:
    """Keeps the stages of every `every`-th request, of the newest thousand of these."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._n = 0
        self._kept: dict[str, deque[float]] = {name: deque(maxlen=_N_KEPT) for name in STAGES}

    def is_due(self) -> bool:
        """Whether the request that begins now is one to measure."""
        self._n += 1
        return self._n % self._every == 1 % self._every

    def add(self, **seconds: float) -> None:
        """The seconds of stages of one request, by name."""
        for name, value in seconds.items():
            self._kept[name].append(value)

    def summarize(self) -> dict[str, StageTime]:
        """The times by stage; empty before the first request."""
        kept = {name: sorted(values) for name, values in self._kept.items() if values}
        return {
            name: StageTime(
                n=len(values),
                mean_ms=1000 * sum(values) / len(values),
                p95_ms=1000 * values[min(len(values) - 1, int(0.95 * len(values)))],
            )
            for name, values in kept.items()
        }
