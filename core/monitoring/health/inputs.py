"""The inputs of health: the measured figures and their thresholds."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.domain.monitoring import DriftReport
from core.monitoring.health.degradation import LiveError
from core.monitoring.health.expected_traffic import Spread
from core.monitoring.health.host_checks import Disk, LabelSilence
from core.monitoring.measure.performance import Figures
from core.monitoring.measure.traffic import Counts
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits at which a figure is a warning or critical; shares are 0..1."""

    accuracy_warning: float = 0.80
    accuracy_critical: float = 0.75
    error_growth_warning: float = 1.2
    error_growth_critical: float = 1.5
    accuracy_span: timedelta = timedelta(days=7)
    latency_warning_ms: float = 100.0
    latency_critical_ms: float = 200.0
    error_rate_warning: float = 0.01
    error_rate_critical: float = 0.05
    fallback_warning: float = 0.05
    fallback_critical: float = 0.50
    stale_after: timedelta = timedelta(hours=1)
    min_labels: int = 30


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


def build_thresholds(settings: Settings) -> Thresholds:
    """The thresholds of the settings."""
    return Thresholds(
        accuracy_warning=settings.accuracy_warning,
        accuracy_critical=settings.accuracy_critical,
        error_growth_warning=settings.error_growth_warning,
        error_growth_critical=settings.error_growth_critical,
        accuracy_span=timedelta(days=settings.accuracy_days),
        latency_warning_ms=settings.latency_warning_ms,
        latency_critical_ms=settings.latency_critical_ms,
        error_rate_warning=settings.error_rate_warning,
        error_rate_critical=settings.error_rate_critical,
        fallback_warning=settings.fallback_warning,
        fallback_critical=settings.fallback_critical,
        stale_after=timedelta(minutes=settings.stale_after_minutes),
        min_labels=settings.min_labels,
    )
