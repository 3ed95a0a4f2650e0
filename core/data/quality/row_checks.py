"""The checks of the rows together: copies, groups, populations and times; pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from core.data.quality.mixed_sources import find_populations
from core.data.quality.near_duplicates import count_distinct, count_near, identify_copies
from core.domain.dataset import (
    EXTERNAL_ID,
    GROUP,
    KEY,
    PROVENANCE,
    SOURCE,
    TIME_NAME,
    Issue,
    Severity,
    warn,
)

_SHORT_SPAN = timedelta(days=7)
_STALE = timedelta(days=90)
_MANY_DUPLICATES, _MANY_REPEATS = 0.01, 0.30
_FEW_NEAR = 0.001
_SHOWN = 4
_LOOK_INTO_REPEATS = (
    " Find out whether an export repeats its rows, or lacks a column that tells them apart."
)


def check_duplicates(frame: pd.DataFrame) -> Iterator[Issue]:
    """Yield issues for rows that differ in their id only: the store keeps equal rows once."""
    columns = [name for name in frame.columns if name not in (KEY, EXTERNAL_ID, SOURCE, PROVENANCE)]
    hashes = pd.util.hash_pandas_object(frame[columns], index=False)
    n = len(hashes) - count_distinct(hashes.to_numpy())
    if n:
        share = n / len(frame)
        yield Issue(
            "duplicate_rows",
            Severity.WARNING if share >= _MANY_DUPLICATES else Severity.INFO,
            None,
            n,
            f"{n:,} of {len(frame):,} rows ({share:.1%}) repeat another in all that is kept of "
            "it but its id: they count more than once. Remove them at their source unless they are "
            "separate pieces of work.",
        )


def check_repeats(frame: pd.DataFrame) -> Iterator[Issue]:
    """Yield issues for rows whose features repeat those of another, exactly or nearly."""
    content = identify_copies(frame)
    _, n_equal = np.unique(content, return_counts=True)
    n = int(n_equal[n_equal > 1].sum())
    if n:
        yield _tell_repeats(
            "duplicates_across_split",
            n,
            len(frame),
            "have the same features as another row: on both sides of a plain random split they "
            "would flatter every figure, so the split keeps them together.",
        )
    n_near = count_near(frame, content)
    if n_near >= _FEW_NEAR * len(frame):
        yield _tell_repeats(
            "near_duplicates",
            n_near,
            len(frame),
            "are nearly copies of another: a rounding, a case or a space apart. The split keeps "
            "them together, too.",
        )


def _tell_repeats(code: str, n: int, n_all: int, what: str) -> Issue:
    share = n / n_all
    said = f"{n:,} of {n_all:,} rows ({share:.1%}) {what}"
    if share >= _MANY_REPEATS:
        return warn(code, None, n, said + _LOOK_INTO_REPEATS)
    return Issue(code, Severity.INFO, None, n, said)


def check_groups(frame: pd.DataFrame) -> Iterator[Issue]:
    """Yield an issue for groups that a random split would separate."""
    if GROUP not in frame or not frame[GROUP].notna().any():
        return
    sizes = frame[GROUP].value_counts()
    n_groups = int((sizes > 1).sum())
    if n_groups:
        yield Issue(
            "groups_across_split",
            Severity.INFO,
            None,
            int(sizes[sizes > 1].sum()),
            f"{n_groups:,} groups have several rows: a plain random split would put most of them "
            "on both sides, so the split keeps each whole. Nothing needs to be done.",
        )


def check_populations(frame: pd.DataFrame) -> Iterator[Issue]:
    """Yield issues for rows of two populations."""
    for population in find_populations(frame):
        columns = ", ".join(f"'{name}'" for name in population.columns[:_SHOWN])
        more = len(population.columns) - _SHOWN
        yield warn(
            "two_populations",
            None,
            round(population.share * len(frame)),
            f"Where {population.where} ({population.share:.0%} of the rows), "
            f"{columns}{f' and {more} more' if more > 0 else ''} are empty or one value, and "
            "they vary elsewhere: two kinds of rows stand side by side, or values were filled in. "
            "Import them apart, or find out where they come from.",
        )


def check_times(at: pd.Series, now: datetime) -> Iterator[Issue]:
    """Yield issues for a short span, old rows, and rows from the future."""
    n_timed = int(at.notna().sum())
    if n_timed == 0:
        return
    first, last = at.min(), at.max()
    if n_timed >= 0.95 * len(at) and last - first < _SHORT_SPAN:
        yield warn(
            "narrow_time_window",
            TIME_NAME,
            n_timed,
            f"All rows are from {_say_span(last - first)} ({first:%Y-%m-%d %H:%M} to "
            f"{last:%Y-%m-%d %H:%M} UTC): how the model does in other weeks cannot be judged. "
            "Import rows from a longer time.",
        )
    if last < now - _STALE:
        yield warn(
            "stale_data",
            TIME_NAME,
            n_timed,
            f"The newest row is of {last:%Y-%m-%d}, {(now - last).days:,} days ago: the work may "
            "have changed since. Import newer rows.",
        )
    n_future = int((at > now + timedelta(days=1)).sum())
    if n_future:
        yield warn(
            "future_times",
            TIME_NAME,
            n_future,
            f"{n_future:,} rows are from the future (up to {last:%Y-%m-%d}): check the unit and "
            "the zone of their times.",
        )


def check_label_times(at: pd.Series, labelled_at: pd.Series) -> Iterator[Issue]:
    """Yield an issue for labels that are older than the work."""
    n_early = int((labelled_at < at).sum())
    if n_early:
        yield warn(
            "label_before_row",
            TIME_NAME,
            n_early,
            f"{n_early:,} rows were labelled before the work was done, by their own times: check "
            "the zone and the unit of both times, or the labels are not about these rows.",
        )


def _say_span(span: timedelta) -> str:
    hours = span.total_seconds() / 3600.0
    if hours == 0:
        return "one moment"
    if hours < 1.5:
        return "an hour" if hours >= 0.5 else "less than half an hour"
    return f"{span.days + 1} days" if hours >= 24 else f"{round(hours)} hours"
