"""The checks of the rows together: copies, groups, populations and times; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.data.quality.mixed_sources import find_populations
from core.data.quality.near_duplicates import (
    count_distinct,
    count_near,
    identify_copies,
    merge_near,
)
from core.domain.dataset import (
    EXTERNAL_ID,
    GROUP,
    KEY,
    PROVENANCE,
    SOURCE,
    TARGET,
    TEXT,
    TIME_NAME,
    Issue,
    Severity,
    warn,
)

_Indices = NDArray[np.int64]

_SHORT_SPAN = timedelta(days=7)
_STALE = timedelta(days=90)
_MANY_DUPLICATES, _MANY_REPEATS = 0.01, 0.30
_FEW_NEAR = 0.001
_MAX_RATERS, _RATED = 20, 0.9  # raters of one piece; the share of the rows that have as many
_DISAGREE = 0.2  # of the pieces: raters do not say the same of all
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
    """Yield issues for rows whose features repeat those of another, exactly or nearly. Several
    ratings of one piece of work repeat them by nature: rows of one group do, and as many rows for
    nearly every piece with targets of their own."""
    content = identify_copies(frame)
    exact = _find_repeats(frame, content)
    if exact.n_ratings:
        yield Issue(
            "repeated_ratings",
            Severity.INFO,
            None,
            exact.n_ratings,
            f"{exact.n_ratings:,} of {len(frame):,} rows are several ratings of the same work "
            f"({exact.n_works:,} pieces): the split keeps those of one piece together. Nothing "
            "needs to be done.",
        )
    if exact.n_alarming:
        yield _tell_repeats(
            "duplicates_across_split",
            exact.n_alarming,
            len(frame),
            "have the same features as another row: on both sides of a plain random split they "
            "would flatter every figure, so the split keeps them together.",
        )
    n_near = count_near(frame, content)
    if n_near:
        n_near = min(n_near, _find_repeats(frame, merge_near(frame, content)).n_alarming)
    if n_near >= max(1.0, _FEW_NEAR * len(frame)):
        yield _tell_repeats(
            "near_duplicates",
            n_near,
            len(frame),
            "are nearly copies of another: a rounding, a case or a space apart. The split keeps "
            "them together, too.",
        )


@dataclass(frozen=True, slots=True)
class _Repeats:
    """Rows with equals: ratings of as many works, and those that nothing explains."""

    n_ratings: int
    n_works: int
    n_alarming: int


def _find_repeats(frame: pd.DataFrame, works: _Indices) -> _Repeats:
    """Return the rows that share a number in `works`: ratings where each set lies in one group, or
    where nearly all rows lie in sets of one size with the same text and several targets."""
    repeats = pd.Series(works).duplicated(keep=False).to_numpy()
    if not repeats.any():
        return _Repeats(0, 0, 0)
    rows = frame[repeats].assign(__work__=works[repeats])
    sets = rows.groupby("__work__")
    sizes = sets.size()
    rated = pd.Series(False, index=sizes.index)
    if GROUP in rows:
        rated |= (sets[GROUP].nunique() == 1) & (sets[GROUP].count() == sizes)
    usual = sizes == int(sizes.mode().iloc[0])
    if TEXT in rows:
        usual &= sets[TEXT].nunique() <= 1
    share_several = float((sets[TARGET].nunique() > 1)[usual].mean()) if usual.any() else 0.0
    n_usual = int(sizes[usual].sum())
    few = len(sizes) > 1 and int(sizes.mode().iloc[0]) <= _MAX_RATERS
    if few and n_usual >= _RATED * len(frame) and share_several >= _DISAGREE:
        rated |= usual
    return _Repeats(int(sizes[rated].sum()), int(rated.sum()), int(sizes[~rated].sum()))


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
