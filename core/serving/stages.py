"""Where the time of one request goes: parse, route, features, model, log."""

from collections import deque

from core.domain.api_worker import StageTime

_N_KEPT = 1_000
STAGES = ("parse", "route", "features", "model", "log")


class StageClock:
    """Keeps the stages of every `every`-th request, of the newest thousand of these."""

    def __init__(self, every: int) -> None:
        self._every = every
        self.n_requests = 0
        self.n_measured = 0
        self._kept: dict[str, deque[float]] = {name: deque(maxlen=_N_KEPT) for name in STAGES}

    def is_due(self) -> bool:
        """Whether the request that begins now is one to measure."""
        self.n_requests += 1
        return self.n_requests % self._every == 1 % self._every

    def add(self, **seconds: float) -> None:
        """The seconds of stages of one request, by name."""
        self.n_measured += 1
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
