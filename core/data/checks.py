"""The data checks: what is wrong with the rows, how bad it is, and what to do; pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from core.data.guess import BASE_METRICS, snake_case
from core.data.leaks import find_leaks
from core.data.splits import identify_content
from core.data.values import as_text
from core.domain.issue import ColumnSummary, Issue, Severity
from core.domain.sample import Collection, Provenance
from core.domain.snapshot import AT, EXTERNAL_ID, KEY, PROVENANCE, RESERVED, SOURCE, TARGET
from core.settings import Scale

BLOCKING_ROWS = 50
"""Below, a fifth held out is fewer than ten rows, on which no interval says anything."""

FEW_ROWS = 150
"""Below, the holdout is smaller than 30 rows, the fewest for which an accuracy is shown."""

_MISSING_INFO, _MISSING_WARNING = 0.01, 0.20
_NEARLY_CONSTANT, _NEARLY_CONSTANT_ROWS = 0.995, 200
_SAME_TARGET = 0.80  # where most targets are one value, guessing it wins
_MIN_SPREAD = 0.01  # of the scale
_SHORT_SPAN = timedelta(days=7)
_STALE = timedelta(days=90)
_MANY_DUPLICATES, _MANY_REPEATS = 0.01, 0.30
_MANY_REJECTED = 0.05
_TARGET_NAME, _TIME_NAME = "target", "timestamp"  # what issues call these columns
_ORDER = {Severity.BLOCKING: 0, Severity.WARNING: 1, Severity.INFO: 2}


def check_rows(frame: pd.DataFrame, *, scale: Scale, now: datetime) -> list[Issue]:
    """What is wrong with the rows of a frame such as `read_snapshot` gives, worst first. Where
    observed and generated rows stand side by side, that is said, and the observed are checked.

    >>> frame = pd.DataFrame({"__target__": [10.0, 90.0], "a": [0.5, 0.7]})
    >>> issues = check_rows(frame, scale=Scale(0, 100), now=datetime(2026, 1, 1))
    >>> [(issue.code, str(issue.severity)) for issue in issues]
    [('too_few_rows', 'blocking')]
    """
    issues = []
    if PROVENANCE in frame:
        synthetic = (frame[PROVENANCE] == Provenance.SYNTHETIC.value).to_numpy()
        issues += check_provenance(len(frame) - int(synthetic.sum()), int(synthetic.sum()))
        if synthetic.any() and not synthetic.all():
            frame = frame[~synthetic]
    if len(frame) == 0:
        return order_issues([*issues, *_check_count(0)])
    features = [name for name in frame.columns if name not in RESERVED]
    issues += [
        *_check_count(len(frame)),
        *_check_target(frame[TARGET], scale),
        *_check_columns(summarize_columns(frame[features]), len(frame)),
        *_check_base_metrics(frame[features]),
        *_check_leaks(frame[features], frame[TARGET]),
        *_check_duplicates(frame),
        *_check_repeats(frame),
    ]
    if AT in frame:
        issues += _check_times(frame[AT], now)
    return order_issues(issues)


def summarize_columns(frame: pd.DataFrame) -> tuple[ColumnSummary, ...]:
    """A line for the target and for each feature of a frame.

    >>> summarize_columns(pd.DataFrame({"a": ["x", "x", "y", None]}))[0].top_share.__round__(2)
    0.67
    """
    names = [name for name in frame.columns if name == TARGET or name not in RESERVED]
    return tuple(
        _summarize(_TARGET_NAME if name == TARGET else str(name), frame[name]) for name in names
    )


def check_provenance(n_observed: int, n_synthetic: int) -> list[Issue]:
    """Say that rows are generated, alone or beside observed ones.

    >>> [issue.code for issue in check_provenance(0, 5)]
    ['synthetic_rows']
    """
    if not n_synthetic:
        return []
    if not n_observed:
        return [
            _warn(
                "synthetic_rows",
                None,
                n_synthetic,
                f"All {n_synthetic:,} rows are generated: what is trained on them shows how the "
                "tool works and says nothing about your work. Import labelled rows of your own.",
            )
        ]
    return [
        _warn(
            "mixed_provenance",
            None,
            n_synthetic,
            f"{n_synthetic:,} generated rows stand beside {n_observed:,} observed ones: training "
            "and evaluation use the observed rows only. Nothing needs to be done.",
        )
    ]


def check_collections(collections: Iterable[Collection]) -> list[Issue]:
    """Say what the newest import of each source rejected, and how many rows came twice."""
    newest: dict[str, Collection] = {}
    for collection in sorted(collections, key=lambda c: c.id):
        if collection.finished_at is not None:
            newest[collection.source] = collection
    issues: list[Issue] = []
    for collection in newest.values():
        issues += [*_check_rejected(collection), *_check_known(collection)]
    return issues


def order_issues(issues: Iterable[Issue]) -> list[Issue]:
    """Worst first; equal ones by code and column."""
    return sorted(issues, key=lambda i: (_ORDER[i.severity], i.code, i.column or ""))


def _summarize(name: str, column: pd.Series) -> ColumnSummary:
    codes, values = pd.factorize(column)
    counts = np.bincount(codes[codes >= 0]) if len(values) else np.array([], dtype=np.int64)
    n_present = int(counts.sum())
    is_number = pd.api.types.is_numeric_dtype(column)
    top = values[int(counts.argmax())] if n_present else None
    return ColumnSummary(
        name=name,
        kind="number" if is_number else "category",
        n_missing=len(column) - n_present,
        n_distinct=len(values),
        low=float(column.min()) if is_number and n_present else None,
        mean=float(column.mean()) if is_number and n_present else None,
        high=float(column.max()) if is_number and n_present else None,
        top=None if top is None else as_text(float(top) if is_number else top),
        top_share=float(counts.max()) / n_present if n_present else 0.0,
    )


def _check_count(n: int) -> Iterator[Issue]:
    if n < BLOCKING_ROWS:
        yield Issue(
            "too_few_rows",
            Severity.BLOCKING,
            None,
            n,
            f"{n} rows are too few: a fifth of them is held out to judge by, and on fewer than "
            f"{BLOCKING_ROWS // 5} rows no figure means anything. Import at least {BLOCKING_ROWS}, "
            "better some hundreds.",
        )
    elif n < FEW_ROWS:
        yield _warn(
            "too_few_rows",
            None,
            n,
            f"{n} rows are few: about {n // 5} are held out to judge by, so every interval will be "
            f"wide. From {FEW_ROWS} rows on this warning goes.",
        )


def _check_target(target: pd.Series, scale: Scale) -> Iterator[Issue]:
    outside = int(((target < scale.low) | (target > scale.high) | target.isna()).sum())
    if outside:
        yield Issue(
            "out_of_range",
            Severity.BLOCKING,
            _TARGET_NAME,
            outside,
            f"{outside:,} of {len(target):,} targets are outside the scale {scale.low:g} to "
            f"{scale.high:g} (they go from {target.min():g} to {target.max():g}): set "
            "PLUMBLINE_SCALE to the scale of the targets, or import corrected rows.",
        )
    n_distinct = target.nunique()
    if n_distinct == 1:
        yield Issue(
            "low_target_variance",
            Severity.BLOCKING,
            _TARGET_NAME,
            len(target),
            f"All {len(target):,} targets are {target.iloc[0]:g}: there is nothing to learn. "
            "Import rows with other scores, or choose another target column.",
        )
        return
    top_share = float(target.value_counts(normalize=True).iloc[0])
    if top_share >= _SAME_TARGET:
        top = target.mode().iloc[0]
        yield _warn(
            "low_target_variance",
            _TARGET_NAME,
            round(top_share * len(target)),
            f"{top_share:.0%} of the targets are {top:g}: always guessing that is hard to beat. "
            "Import more rows with other scores.",
        )
    elif target.std() < _MIN_SPREAD * (scale.high - scale.low):
        yield _warn(
            "low_target_variance",
            _TARGET_NAME,
            len(target),
            f"The targets hardly vary (standard deviation {target.std():.3g} on a scale of "
            f"{scale.low:g} to {scale.high:g}): check PLUMBLINE_SCALE, or import rows with other "
            "scores.",
        )


def _check_columns(summaries: Sequence[ColumnSummary], n: int) -> Iterator[Issue]:
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
            yield _warn(
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


def _check_base_metrics(features: pd.DataFrame) -> Iterator[Issue]:
    for name in features.columns:
        metric = snake_case(str(name))
        column = features[name]
        if metric not in BASE_METRICS or not pd.api.types.is_numeric_dtype(column):
            continue
        high = 1.0 if metric == "csat" else 100.0
        outside = int(((column < 0.0) | (column > high)).sum())
        if outside:
            yield _warn(
                "out_of_range",
                str(name),
                outside,
                f"'{name}' is outside 0 to {high:g} in {outside:,} rows (it goes from "
                f"{column.min():g} to {column.max():g}): correct it at its source if that is a "
                "mistake.",
            )


def _check_leaks(features: pd.DataFrame, target: pd.Series) -> Iterator[Issue]:
    for leak in find_leaks(features, target):
        beside = " and ".join(f"'{other}'" for other in leak.others[:3])
        more = f" and {len(leak.others) - 3} more" if len(leak.others) > 3 else ""
        subject = f"'{leak.column}' with {beside}{more}" if beside else f"'{leak.column}'"
        yield _warn(
            "leaky_column",
            leak.column,
            len(target),
            f"{subject} gives the target away ({leak.how}): where it is known only together with "
            "the target, every figure will be too good to be true. Leave it out when you train.",
        )


def _check_duplicates(frame: pd.DataFrame) -> Iterator[Issue]:
    """Rows that say the same but for their id: the store keeps equal rows only once."""
    columns = [name for name in frame.columns if name not in (KEY, EXTERNAL_ID, SOURCE, PROVENANCE)]
    hashes = pd.util.hash_pandas_object(frame[columns], index=False)
    n = int(hashes.duplicated().sum())
    if n:
        share = n / len(frame)
        yield Issue(
            "duplicate_rows",
            Severity.WARNING if share >= _MANY_DUPLICATES else Severity.INFO,
            None,
            n,
            f"{n:,} of {len(frame):,} rows ({share:.1%}) repeat another in everything but its id: "
            "they count more than once. Remove them at their source unless they are separate "
            "pieces of work.",
        )


def _check_repeats(frame: pd.DataFrame) -> Iterator[Issue]:
    content = identify_content(frame)
    _, n_equal = np.unique(content, return_counts=True)
    n = int(n_equal[n_equal > 1].sum())
    if n:
        share = n / len(frame)
        yield Issue(
            "duplicates_across_split",
            Severity.WARNING if share >= _MANY_REPEATS else Severity.INFO,
            None,
            n,
            f"{n:,} of {len(frame):,} rows ({share:.1%}) have the same features as another row: "
            "on both sides of a plain random split they would flatter every figure, so the split "
            "keeps them together.",
        )


def _check_times(at: pd.Series, now: datetime) -> Iterator[Issue]:
    n_timed = int(at.notna().sum())
    if n_timed == 0:
        return
    first, last = at.min(), at.max()
    if n_timed >= 0.95 * len(at) and last - first < _SHORT_SPAN:
        yield _warn(
            "narrow_time_window",
            _TIME_NAME,
            n_timed,
            f"All rows are from {_say_span(last - first)} ({first:%Y-%m-%d %H:%M} to "
            f"{last:%Y-%m-%d %H:%M} UTC): how the model does in other weeks cannot be judged. "
            "Import rows from a longer time.",
        )
    if last < now - _STALE:
        yield _warn(
            "stale_data",
            _TIME_NAME,
            n_timed,
            f"The newest row is of {last:%Y-%m-%d}, {(now - last).days:,} days ago: the work may "
            "have changed since. Import newer rows.",
        )
    n_future = int((at > now + timedelta(days=1)).sum())
    if n_future:
        yield _warn(
            "future_times",
            _TIME_NAME,
            n_future,
            f"{n_future:,} rows are from the future (up to {last:%Y-%m-%d}): check the unit and "
            "the zone of their times.",
        )


def _say_span(span: timedelta) -> str:
    hours = span.total_seconds() / 3600.0
    if hours == 0:
        return "one moment"
    return f"{span.days + 1} days" if hours >= 24 else f"{max(1, round(hours))} hours"


def _check_rejected(collection: Collection) -> Iterator[Issue]:
    if not collection.n_rejected:
        return
    codes = Counter(rejection.code for rejection in collection.rejected)
    for code, n_kept in codes.most_common():
        example = next(r for r in collection.rejected if r.code == code)
        n = round(n_kept / len(collection.rejected) * collection.n_rejected)
        share = n / collection.n_received
        yield Issue(
            "out_of_range" if code == "target_out_of_scale" else "rejected_rows",
            Severity.WARNING if share >= _MANY_REJECTED else Severity.INFO,
            None,
            n,
            f"{n:,} of {collection.n_received:,} rows of {collection.source} were not taken. Row "
            f"{example.row}: {example.message}.",
        )


def _check_known(collection: Collection) -> Iterator[Issue]:
    if collection.n_duplicate:
        yield Issue(
            "duplicate_rows",
            Severity.INFO,
            None,
            collection.n_duplicate,
            f"{collection.n_duplicate:,} of {collection.n_received:,} rows of {collection.source} "
            "were there already, in the same file or from an earlier import: they count once. "
            "Nothing needs to be done.",
        )


def _warn(code: str, column: str | None, n_rows: int, message: str) -> Issue:
    return Issue(code, Severity.WARNING, column, n_rows, message)
