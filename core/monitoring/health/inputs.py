"""The measured facts that health is judged by, and their comparison with thresholds."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.domain.monitoring import DriftReport, Health, Unanswered
from core.domain.prediction import Route
from core.monitoring.health.degradation import LiveError
from core.monitoring.health.expected_traffic import Spread
from core.monitoring.measure.performance import Figures
from core.monitoring.measure.traffic import Counts
from core.stats.intervals import Interval


@dataclass(frozen=True, slots=True)
class Recent:
    """The requests of one kind in the shortest window that holds enough of them."""

    counts: Counts
    latency: dict[int, int]
    window: timedelta
    route: Route = Route.SINGLE
    refusals: tuple[Unanswered, ...] = ()  # most first


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
class LabelSilence:
    """Since when no label has come, and how many the same hours of the last days brought."""

    last_at: datetime
    expected: float


@dataclass(frozen=True, slots=True)
class Disk:
    """The room on the disk of the home folder."""

    free_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class HealthInputs:
    """Everything that health is judged by."""

    champion: int | None  # None before the first deployment
    last_prediction_at: datetime | None
    expected_requests: float  # since then, going by the same hours of the last days
    recent: tuple[Recent, ...]  # of each kind of request that came; at least the single ones
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


RECOVERED = 0.9
"""How far below its threshold a figure that was beyond it has to be to be well again."""


def judge_level(
    figure: Interval,
    warning: float,
    critical: float,
    *,
    low_is_bad: bool = False,
    held: bool = False,
) -> tuple[Health, bool]:
    """Return the health of a figure by its thresholds, and True if chance is excluded.

    A figure beyond the warning threshold warns. Where its whole 95 % interval is beyond it too, the
    warning is confirmed, and a confirmed figure beyond the critical threshold is critical. So
    a few rows can make the status warn, but never critical, and open no incident. With `held`, of a
    check that was not well before, it is well again a tenth of the way below the threshold only, so
    that a figure at its threshold does not make the status flicker. With `low_is_bad`, of shares.

    >>> judge_level(Interval(0.70, 0.60, 0.78), 0.80, 0.75, low_is_bad=True)
    (<Health.CRITICAL: 'critical'>, True)
    >>> judge_level(Interval(0.70, 0.50, 0.85), 0.80, 0.75, low_is_bad=True)
    (<Health.WARNING: 'warning'>, False)
    >>> judge_level(Interval(0.00, 0.00, 0.03), 0.01, 0.05)
    (<Health.HEALTHY: 'healthy'>, True)
    >>> judge_level(Interval(97.0, 95.0, 99.0), 100.0, 200.0, held=True)
    (<Health.WARNING: 'warning'>, False)
    """
    if low_is_bad:
        figure = Interval(1 - figure.value, 1 - figure.high, 1 - figure.low)
        warning, critical = 1 - warning, 1 - critical
    if figure.value <= warning * (RECOVERED if held else 1.0):
        return Health.HEALTHY, True
    confirmed = figure.low > warning
    return (
        Health.CRITICAL if confirmed and figure.value > critical else Health.WARNING,
        confirmed,
    )


def describe_limits(
    health: Health, warning: str, critical: str, beyond: str, *, confirmed: bool, beyond_it: bool
) -> str:
    """Describe the thresholds and which of them is reached, for the end of a sentence.

    >>> describe_limits(Health.CRITICAL, "1 %", "5 %", "above", confirmed=True, beyond_it=True)
    'above 5 % is critical.'
    """
    if health is Health.HEALTHY:
        return f"{beyond} {warning} warns."
    if not beyond_it:
        return f"{beyond} {warning} warns, and it has to be clearly on the other side to be well."
    if health is Health.CRITICAL:
        return f"{beyond} {critical} is critical."
    if confirmed:
        return f"{beyond} {warning} warns, {beyond} {critical} is critical."
    return f"{beyond} {warning} warns, but so few rows may say so by chance."
