"""Lag: how many labels of a window are in, and how long they take, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from core import text

_SECOND = timedelta(seconds=1)
_LATE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Lag:
    """The model's scores of a window whose labels are in, and how long the newest labels took."""

    n_scored: int
    n_labelled: int
    median: timedelta | None  # None without labels
    nine_in_ten: timedelta | None
    provisional: bool  # labels are still on their way that would change the figures
    stopped: bool = False  # labels that used to come do not come any more

    @property
    def coverage(self) -> float | None:
        """The share of the scores that has a label."""
        return self.n_labelled / self.n_scored if self.n_scored else None


def summarize_lag(
    n_scored: int,
    n_labelled: int,
    delays_seconds: Sequence[float],
    window: timedelta,
    *,
    stopped: bool = False,
) -> Lag:
    """The lag of a window. It is provisional while one label in ten takes longer than a tenth of
    the window, or labels have stopped: the newest scores' labels are then missing more often than
    the others'."""
    missing = n_labelled < n_scored
    if not len(delays_seconds):
        return Lag(n_scored, n_labelled, None, None, missing, stopped)
    median, late = np.quantile(np.maximum(np.asarray(delays_seconds), 0.0), [0.5, 0.9])
    nine_in_ten = timedelta(seconds=float(late))
    provisional = missing and (stopped or nine_in_ten > _LATE_SHARE * window)
    half = timedelta(seconds=float(median))
    return Lag(n_scored, n_labelled, half, nine_in_ten, provisional, stopped)


def describe_lag(lag: Lag, window: timedelta) -> str:
    """The lag in a sentence.

    >>> week = timedelta(days=7)
    >>> describe_lag(summarize_lag(1000, 610, [86_400.0] * 10, week), week).partition(" (")[0]
    '61.0 % of the labels of 7 days are in'
    >>> describe_lag(summarize_lag(1000, 0, [], week), week)
    'None of the labels of 7 days is in.'
    >>> describe_lag(summarize_lag(0, 0, [], week), week)
    'No score was given in 7 days.'
    """
    span = text.duration(window)
    if not lag.n_scored:
        return f"No score was given in {span}."
    if not lag.n_labelled or lag.median is None or lag.nine_in_ten is None:
        return f"None of the labels of {span} is in."
    state = "provisional" if lag.provisional else "few are still to come"
    if lag.stopped:
        state = "they have stopped coming"
    half, most = (text.duration(max(one, _SECOND)) for one in (lag.median, lag.nine_in_ten))
    return (
        f"{text.percent(lag.coverage)} of the labels of {span} are in (half take up to {half}, "
        "nine in ten "
        f"{most}); {state}."
    )
