"""The checks of each column: range, missing values, leaks and changes; pure."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from core import text
from core.data.parsing.role_names import BASE_METRICS, snake_case
from core.data.quality.leaks import Leak, find_leaks
from core.data.quality.mixed_sources import ColumnShift, find_sudden_gaps, find_unit_changes
from core.data.quality.near_duplicates import count_distinct
from core.data.quality.siblings import Siblings, find_siblings
from core.domain.dataset import (
    AT,
    LEAKY_COLUMN,
    LEAKY_TEXT,
    RESERVED,
    SIBLING_RATING,
    TARGET_NAME,
    ColumnSummary,
    Issue,
    Severity,
    warn,
)
from core.settings import Scale

_MIN_ROWS = 50
_ALL_DIFFERENT = 0.99
_WORDY = 0.95
_DENSE = 1.5
_ORDERED = 0.9999
_MAX_RANKED = 20_000  # rows, evenly thinned: an order shows in these


def judge_naming(column: pd.Series, at: pd.Series | None) -> str | None:
    """Return the way in which a column names rows, or None: words that differ in nearly every row,
    whole numbers that count the rows (all different, hardly a gap), or numbers that follow the
    times `at` (rank correlation above 0.9999).

    >>> judge_naming(pd.Series(np.arange(100) + 7), None)
    'counts the rows'
    >>> judge_naming(pd.Series(np.arange(100) % 9), None) is None
    True
    """
    known = column.dropna()
    n = len(known)
    if n < _MIN_ROWS or n < _WORDY * len(column):
        return None
    if not pd.api.types.is_numeric_dtype(known):
        different = known.nunique() >= _ALL_DIFFERENT * n
        return "is different in nearly every row" if different else None
    values = known.to_numpy("f8")
    whole = bool(np.all(values == np.floor(values)))
    if whole and np.ptp(values) < _DENSE * n and count_distinct(values) == n:
        return "counts the rows"
    if at is None or not _follows(values, at[known.index]):
        return None
    return "follows the time of the rows" if count_distinct(values) >= _WORDY * n else None


def _follows(values: NDArray[np.float64], at: pd.Series) -> bool:
    step = -(-len(values) // _MAX_RANKED)
    values, times = values[::step], at.astype("int64").to_numpy()[::step]
    if np.ptp(values) == 0 or np.ptp(times) == 0:  # what never changes has no order
        return False
    return abs(float(np.corrcoef(rankdata(values), rankdata(times))[0, 1])) > _ORDERED


def count_single_levels(column: pd.Series) -> int:
    """Return the number of categories with a single row; 0 for numbers.

    >>> count_single_levels(pd.Series(["a", "a", "b", None]))
    1
    """
    if pd.api.types.is_numeric_dtype(column):
        return 0
    return int((column.value_counts() == 1).sum())


_MISSING_INFO, _MISSING_WARNING = 0.01, 0.20
_NEARLY_CONSTANT, _NEARLY_CONSTANT_ROWS = 0.995, 200
_SAME_TARGET = 0.80  # where most targets are one value, guessing it wins
_NEARLY_ALL = 0.9
_MIN_SPREAD = 0.01  # of the scale
_MANY_GAPS = 3
_MANY_DUPLICATES, _MANY_REPEATS = 0.01, 0.30


def check_target(
    target: pd.Series, scale: Scale, tolerance: float | None = None
) -> Iterator[Issue]:
    """Yield issues for targets outside the scale, all equal, or nearly so, and for a tolerance with
    which one guess is accurate for nearly all of them."""
    outside = int(((target < scale.low) | (target > scale.high) | target.isna()).sum())
    if outside:
        yield Issue(
            "out_of_range",
            Severity.BLOCKING,
            TARGET_NAME,
            outside,
            f"{outside:,} of {len(target):,} targets are outside the scale {scale.low:g} to "
            f"{scale.high:g} (they go from {target.min():g} to {target.max():g}): set "
            "PLUMBLINE_SCALE to the scale of the targets, or import corrected rows.",
        )
    values, counts = np.unique(target.dropna().to_numpy("f8"), return_counts=True)
    if len(values) == 1:
        yield Issue(
            "low_target_variance",
            Severity.BLOCKING,
            TARGET_NAME,
            len(target),
            f"All {len(target):,} targets are {target.iloc[0]:g}: there is nothing to learn. "
            "Import rows with other scores, or choose another target column.",
        )
        return
    if tolerance is not None and len(values):
        yield from _check_tolerance(target.dropna(), scale, tolerance)
    top, top_share = values[counts.argmax()], float(counts.max()) / int(counts.sum())
    if top_share >= _SAME_TARGET:
        yield warn(
            "low_target_variance",
            TARGET_NAME,
            round(top_share * len(target)),
            f"{top_share:.0%} of the targets are {top:g}: always guessing that is hard to beat. "
            "Import more rows with other scores.",
        )
    elif target.std() < _MIN_SPREAD * (scale.high - scale.low):
        yield warn(
            "low_target_variance",
            TARGET_NAME,
            len(target),
            f"The targets hardly vary (standard deviation {target.std():.3g} on a scale of "
            f"{scale.low:g} to {scale.high:g}): check PLUMBLINE_SCALE, or import rows with other "
            "scores.",
        )


def _check_tolerance(target: pd.Series, scale: Scale, tolerance: float) -> Iterator[Issue]:
    middle = float(target.median())
    n_near = int(((target - middle).abs() <= tolerance).sum())
    if n_near >= _NEARLY_ALL * len(target):
        yield warn(
            "wide_tolerance",
            TARGET_NAME,
            n_near,
            f"Always guessing {middle:g} is within the tolerance of {tolerance:g} for "
            f"{n_near / len(target):.0%} of the rows, whose targets go from {target.min():g} to "
            f"{target.max():g} on the scale {scale.low:g} to {scale.high:g}: an accuracy says "
            "nothing.",
            "Set PLUMBLINE_SCALE to the scale of the targets, and PLUMBLINE_TOLERANCE to a "
            "difference that matters on it.",
        )


def check_columns(summaries: Sequence[ColumnSummary], n: int) -> Iterator[Issue]:
    """Yield issues for missing values and (nearly) constant columns."""
    for column in summaries:
        missing = column.n_missing / n
        if missing >= _MISSING_INFO:
            yield Issue(
                "missing_values",
                Severity.WARNING if missing >= _MISSING_WARNING else Severity.INFO,
                column.name,
                column.n_missing,
                _say_missing(column, missing),
            )
        if column.n_distinct == 1 and column.n_missing == 0:
            yield warn(
                "constant_column",
                column.name,
                n,
                f"'{column.name}' is {column.top} in every row: it says nothing about the target. "
                "Leave it out when you train, or find out why it never changes.",
            )
        elif (
            column.n_distinct > 1
            and n >= _NEARLY_CONSTANT_ROWS
            and column.top_share >= _NEARLY_CONSTANT
        ):
            others = round((1.0 - column.top_share) * (n - column.n_missing))
            yield Issue(
                "nearly_constant_column",
                Severity.INFO,
                column.name,
                n - others,
                f"'{column.name}' is {column.top} in all but {others:,} of {n:,} rows: it can say "
                "little about the target.",
            )


def _say_missing(column: ColumnSummary, share: float) -> str:
    start = f"'{column.name}' is missing in {column.n_missing:,} rows ({share:.0%})"
    if share == 1.0:
        return f"{start}: it says nothing. Leave it out when you train, or fill it at its source."
    if share >= _MISSING_WARNING:
        return f"{start}: they are filled in by a guess. Fill it at its source, or leave it out."
    return f"{start}: they are filled in by a guess, which is fine for so few."


def check_base_metrics(features: pd.DataFrame) -> Iterator[Issue]:
    """Yield issues for base metrics outside their range."""
    for name in features.columns:
        metric = snake_case(str(name))
        column = features[name]
        if metric not in BASE_METRICS or not pd.api.types.is_numeric_dtype(column):
            continue
        high = 1.0 if metric == "csat" else 100.0
        outside = int(((column < 0.0) | (column > high)).sum())
        if outside:
            yield warn(
                "out_of_range",
                str(name),
                outside,
                f"'{name}' is outside 0 to {high:g} in {outside:,} rows (it goes from "
                f"{column.min():g} to {column.max():g}): correct it at its source if that is a "
                "mistake.",
            )


def check_leaks(
    features: pd.DataFrame, target: pd.Series, texts: pd.Series | None = None
) -> Iterator[Issue]:
    """Yield issues for columns and `texts` that give the target away, and for those that look like
    other ratings of the same work; columns that do so together share the words."""
    leaks = find_leaks(features, target)
    for leak in leaks:
        yield warn(LEAKY_COLUMN, leak.column, len(target), _say_leak(leak))
    if texts is not None and texts.notna().any():
        for leak in find_leaks(texts.to_frame(), target):
            yield warn(
                LEAKY_TEXT,
                None,
                len(target),
                f"The texts give the target away ({leak.how}): somebody wrote the verdict into "
                "them, which is not there when you predict. Import them without it, or train a "
                "recipe that reads no text.",
            )
    siblings = find_siblings(features, target, {leak.column for leak in leaks})
    if siblings is not None:
        question = _ask_siblings(siblings)
        for name in siblings.columns:
            yield warn(SIBLING_RATING, name, len(target), question)


def _ask_siblings(found: Siblings) -> str:
    share = text.percent(found.explained)
    columns = text.names([f"'{name}'" for name in found.columns])
    one = len(found.columns) == 1
    return (
        f"{columns} {'looks like another rating' if one else 'look like other ratings'} of the "
        f"same work ({'it explains' if one else 'together they explain'} {share} of how the target "
        f"varies): {'is it' if one else 'are they'} known when you predict? If not, leave "
        f"{'it' if one else 'them'} out when you train, or every figure will be too good to be "
        "true; if so, train with that as the reason of an override."
    )


def _say_leak(leak: Leak) -> str:
    if not leak.others:
        return (
            f"'{leak.column}' gives the target away ({leak.how}): where it is known only together "
            "with the target, every figure will be too good to be true. Leave it out when you "
            "train."
        )
    *most, last = (f"'{name}'" for name in sorted((leak.column, *leak.others)))
    return (
        f"{', '.join(most)} and {last} together give the target away ({leak.how}): where they are "
        "known only together with the target, every figure will be too good to be true. Leave them "
        "out when you train."
    )


def check_changes(frame: pd.DataFrame) -> Iterator[Issue]:
    """Yield issues for columns that changed their unit or went missing, recently or in one
    source."""
    for change in find_unit_changes(frame):
        times = change.what if change.what > 1 else 1 / change.what
        yield warn(
            "unit_change",
            change.column,
            change.n_rows,
            f"'{change.column}' is {times:,.0f} times as {'large' if change.what > 1 else 'small'} "
            f"{change.where} as in the other rows: its unit has changed. Correct it at its source "
            "and import the rows again.",
        )
    gaps: dict[str, list[ColumnShift]] = {}
    for change in find_sudden_gaps(frame):
        gaps.setdefault(change.where, []).append(change)
    for where, changes in gaps.items():
        yield from _tell_gaps(where, changes)


def _tell_gaps(where: str, changes: Sequence[ColumnShift]) -> Iterator[Issue]:
    """Yield one issue for all columns that stop at the same time."""
    if len(changes) >= _MANY_GAPS:
        names = ", ".join(f"'{change.column}'" for change in changes[:_MANY_GAPS])
        others = f" and {len(changes) - _MANY_GAPS} more" if len(changes) > _MANY_GAPS else ""
        yield warn(
            "sudden_missingness",
            None,
            max(change.n_rows for change in changes),
            f"{names}{others} are missing in most of the rows {where}, and hardly ever elsewhere: "
            "something stopped sending them, or these rows are of another kind. Mend it at its "
            "source, or import them apart.",
        )
        return
    for change in changes:
        yield warn(
            "sudden_missingness",
            change.column,
            change.n_rows,
            f"'{change.column}' is missing in {change.what:.0%} of the rows {where}, and hardly "
            "ever elsewhere: something stopped sending it. Mend it at its source.",
        )


def check_names(frame: pd.DataFrame) -> Iterator[Issue]:
    """Yield issues for columns that name a row or a moment, and for levels with a single row."""
    at = frame[AT] if AT in frame and frame[AT].notna().all() else None
    for name in (str(name) for name in frame.columns if name not in RESERVED):
        naming = judge_naming(frame[name], at)
        if naming is not None:
            yield warn(
                LEAKY_COLUMN,
                name,
                len(frame),
                f"'{name}' {naming}: it cannot mean anything for a row to come, and may give away "
                "where the labels are from. Leave it out when you train.",
            )
            continue
        n_single = count_single_levels(frame[name])
        if n_single >= _MANY_DUPLICATES * len(frame):
            yield Issue(
                "rare_categories",
                Severity.INFO,
                name,
                n_single,
                f"'{name}' has {n_single:,} values that stand in a single row each: nothing can be "
                "learned from those, and they count as unknown.",
            )
