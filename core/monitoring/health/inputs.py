"""The measured facts that health is judged by."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.domain.monitoring import DriftReport
from core.monitoring.health.degradation import LiveError
from core.monitoring.health.expected_traffic import Spread
from core.monitoring.health.host_checks import Disk, LabelSilence
from core.monitoring.measure.performance import Figures
from core.monitoring.measure.traffic import Counts


@dataclass(frozen=True, slots=True)
class Recent:
    """The requests of the shortest window that holds enough of them."""

    counts: Counts
    latency: dict[int, int]
    window: timedelta


@dataclass(frozen=True, slots=True)
class LabelledWindow:
    """The champion's outcomes in the shortest window that holds enough labels."""

    figures: Figures
    window: timedelta


@dataclass(frozen=True, slots=True)
class Worker:
    """The state of the process that measures and alerts."""

    alive: bool
    expired_at: datetime | None  # of a worker that stopped; None where none ever ran
    n_unmeasured: int  # predictions that no figure counts yet
    measured_at: datetime | None
    unmeasured_since: datetime | None = None  # the first of them; None where every one is counted


@dataclass(frozen=True, slots=True)
class HealthInputs:
    """Everything that health is judged by."""

    champion: int | None  # None before the first deployment
    last_prediction_at: datetime | None
    expected_requests: float  # since then, going by the same hours of the last days
    recent: Recent | None
    labelled: LabelledWindow | None
    tolerance: float
    spread: Spread | None = None
    worker: Worker | None = None  # None where nobody asked
    delivered: LiveError | None = None  # None without a promise or labels enough
    drift: DriftReport | None = None  # the newest window of the champion
    label_silence: LabelSilence | None = None  # None where none ever came
    disk: Disk | None = None  # None where nobody asked
    bad_before: frozenset[str] = frozenset()  # codes of the checks that were not well
    culprit: str | None = None  # the part of the traffic that carries the error
