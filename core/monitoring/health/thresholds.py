"""Comparison of a figure with its thresholds, and its description."""

from core.domain.monitoring import Health
from core.stats.intervals import Interval

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
