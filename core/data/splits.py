"""The split into training rows and a holdout: the newest rows are held out, and no content or group
is on both sides; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core import text
from core.data.quality.near_duplicates import count_distinct
from core.domain.dataset import KEY
from core.errors import Refused

MIN_SHARE_WITH_TIME = 0.95
"""If fewer rows carry a time, the split is not by time."""

RECENT = timedelta(days=28)
RECENT_ROWS = 30
"""The minimum of a short holdout: four whole weeks, whose days are enough blocks for an interval,
and the rows that a gate needs. The version does not learn from any of these days."""

_MIN_DELAYS = 50
_MIN_KEPT = 0.5  # of the planned holdout; below, another kind of split is tried
_COARSE_ROWS, _COARSE_REPEATS = 200, 10

_Indices = NDArray[np.int64]
_Ranks = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of both sides, ascending. Rows on neither side (`n_left_out`) would have been on
    both; `reason` is the split in words."""

    train: _Indices
    holdout: _Indices
    kind: Literal["time", "group", "random"]
    reason: str
    n_left_out: int = 0
    n_unknown_yet: int = 0  # rows on neither side because their label came after the split
    holdout_from_at: datetime | None = None  # where the holdout was asked to begin, and does


def leave_gap(
    split: Split,
    at_seconds: NDArray[np.float64],
    delay_seconds: float,
    labelled_seconds: NDArray[np.float64] | None = None,
) -> Split:
    """Return the split without the training rows whose label was unknown when the holdout begins:
    those labelled later (`labelled_seconds`, nan if unknown), or younger than the label delay. A
    model that serves from then on could not have learned from them. This applies to splits by time
    only; rows without a time are kept.

    >>> days = pd.date_range("2026-01-01", periods=10, tz="UTC")
    >>> split = leave_gap(split_rows(days, None, range(10), seed=0), np.arange(10.0), 2.0)
    >>> split.train.tolist(), split.n_unknown_yet
    ([0, 1, 2, 3, 4, 5, 6], 1)
    """
    if split.kind != "time":
        return split
    begins = float(np.nanmin(at_seconds[split.holdout]))
    known_at = at_seconds + delay_seconds
    if labelled_seconds is not None:
        known_at = np.where(np.isnan(labelled_seconds), known_at, labelled_seconds)
    unknown = (known_at > begins)[split.train]
    if not unknown.any():
        return split
    n = int(unknown.sum())
    late = float(np.median((known_at - at_seconds)[split.train][unknown]))
    took = text.duration(late)
    return replace(
        split,
        train=split.train[~unknown],
        reason=f"{split.reason} {n:,} rows before it are left out, since labels take {took} and "
        "theirs were not known yet.",
        n_unknown_yet=n,
    )


def choose_label_delay(measured_seconds: Sequence[float], days: float | None) -> float:
    """Return the label delay in seconds: `days` if it is set, else the time within which nine of
    ten of the newest labels came, or 0 with fewer than 50 of them.

    >>> choose_label_delay([], 2.0), choose_label_delay([60.0] * 100, None)
    (172800.0, 60.0)
    >>> choose_label_delay([60.0] * 10, None)
    0.0
    """
    if days is not None:
        return days * 86_400
    if len(measured_seconds) < _MIN_DELAYS:
        return 0.0
    return max(0.0, float(np.quantile(measured_seconds, 0.9)))


def choose_recent(
    at: ArrayLike | pd.Series,
    holdout_share: float = 0.2,
    *,
    spans: Sequence[timedelta] = (RECENT,),
    min_rows: int = RECENT_ROWS,
) -> datetime | None:
    """Return the time at which a short holdout begins: the first of `spans` before the newest row
    that holds `min_rows`, or as far back as those need. Return None if that would be more than
    `holdout_share` of the rows, or too few carry a time.

    >>> days = pd.date_range("2026-01-01", periods=400, tz="UTC")
    >>> choose_recent(days), choose_recent(days[:100])
    (datetime.datetime(2027, 1, 6, 0, 0, tzinfo=datetime.timezone.utc), None)
    >>> weeks = [timedelta(days=7), timedelta(days=14)]
    >>> str(choose_recent(days, spans=weeks, min_rows=10))
    '2027-01-21 00:00:00+00:00'
    """
    series = pd.to_datetime(pd.Series(at), utc=True)
    n = len(series)
    ordered = series.dropna().sort_values()
    if len(ordered) < max(MIN_SHARE_WITH_TIME * n, min_rows):
        return None
    starts = [ordered.iloc[-1] - span for span in spans]
    least = ordered.iloc[-min_rows]
    begins = next((start for start in starts if start <= least), least)
    begins = ordered[ordered >= begins].iloc[0]
    if int((ordered >= begins).sum()) > holdout_share * len(ordered):
        return None
    found: datetime = begins.to_pydatetime()
    return found


def identify_rows(frame: pd.DataFrame) -> _Indices:
    """Return a number for each row of a snapshot that does not depend on other rows."""
    return pd.util.hash_pandas_object(frame[KEY], index=False).to_numpy().view(np.int64)


def split_rows(
    at: ArrayLike | pd.Series,
    group: ArrayLike | pd.Series | None,
    content: ArrayLike,
    *,
    identity: ArrayLike | None = None,
    holdout_share: float = 0.2,
    holdout_from_at: datetime | None = None,
    seed: int,
) -> Split:
    """Hold out about `holdout_share` of the rows, or those from `holdout_from_at` on if the split
    is by time.

    By time where at least 95 % of rows carry one: the newest rows, from a moment on at which no
    equal times are torn apart; later rows of a group or content that is in the training rows too
    are left out. Else, and where that would leave less than half a holdout, by group; without
    groups at random, in an order that hangs on the seed and each group's name or each row's content
    alone: rows that are added leave the others where they are, but for a few at the edge. Equal
    `content` stays together, unless on average ten or more of at least 200 rows share theirs:
    features so coarse do not make rows copies of each other.

    `at`: times or NaT; `group`: words or missing; `content`: integers, see `identify_content`;
    `identity`: integers, see `identify_rows`, for where contents do not tell rows apart. Raises
    `Refused` where the rows cannot be divided.

    >>> days = pd.date_range("2026-01-01", periods=10, tz="UTC")
    >>> split = split_rows(days, None, range(10), seed=0)
    >>> split.kind, split.holdout.tolist()
    ('time', [8, 9])
    """
    contents = np.asarray(content, dtype=np.int64)
    n = len(contents)
    groups = _codes(group, n)
    n_contents = count_distinct(contents)
    coarse = n >= _COARSE_ROWS and n_contents * _COARSE_REPEATS <= n
    said = ""
    if coarse:
        said = (
            f" The features take only {n_contents:,} different values together, so rows with equal "
            "features are not counted as copies."
        )
        contents = (
            np.arange(n, dtype=np.int64)
            if identity is None
            else np.asarray(identity, dtype=np.int64)
        )
    times, has_time = _times(at, n)
    if holdout_from_at is not None and has_time.any():
        newer = has_time & (times >= round(holdout_from_at.timestamp() * 1e6))
        share = float(newer.sum() / has_time.sum())
        split, _ = _split_by_time(times, has_time, groups, contents, share)
        if split is not None and len(split.holdout) >= RECENT_ROWS:
            return replace(split, reason=split.reason + said, holdout_from_at=holdout_from_at)
    not_by_time = ""
    if n and has_time.mean() >= MIN_SHARE_WITH_TIME:
        split, not_by_time = _split_by_time(times, has_time, groups, contents, holdout_share)
        if split is not None:
            return _with_reason(split, split.reason + said)
    elif groups.max(initial=-1) < 0:
        not_by_time = "The rows carry no time and no group. "
    ranks = _rank(group, contents, seed)
    split = _split_by_unit(groups, contents, ranks, holdout_share, seed)
    return _with_reason(split, not_by_time + split.reason + said)


def _split_by_time(
    times: _Indices, has_time: NDArray[np.bool_], groups: _Indices, contents: _Indices, share: float
) -> tuple[Split | None, str]:
    ordered = np.sort(times[has_time])
    starts = np.flatnonzero(np.diff(ordered)) + 1  # where a later moment begins
    if not len(starts):
        return None, "Not by time, since all rows carry the same one. "
    wanted = len(ordered) * share
    start = starts[np.argmin(np.abs(starts - (len(ordered) - wanted)))]
    late = has_time & (times >= ordered[start])
    train = np.flatnonzero(~late)
    known = np.isin(contents, contents[train]) | ((groups >= 0) & np.isin(groups, groups[train]))
    holdout = np.flatnonzero(late & ~known)
    n_left_out = int((late & known).sum())
    if len(holdout) < max(1.0, wanted * _MIN_KEPT):
        return None, (
            f"Not by time, since {n_left_out:,} of the newest {int(late.sum()):,} rows belong to "
            "groups or repeat features that are older. "
        )
    moment = pd.Timestamp(int(ordered[start]), unit="us", tz=UTC)
    reason = (
        f"By time: the newest {len(holdout):,} of {len(times):,} rows, from "
        f"{moment:%Y-%m-%d %H:%M} UTC on, are held out."
    )
    if n_left_out:
        reason += (
            f" {n_left_out:,} later rows are left out, since their group or features are among "
            "the rows learned from."
        )
    if not has_time.all():
        reason += f" {int((~has_time).sum()):,} rows without a time are learned from."
    return Split(train, holdout, "time", reason, n_left_out), ""


def _split_by_unit(
    groups: _Indices, contents: _Indices, ranks: _Ranks, share: float, seed: int
) -> Split:
    """Assign whole groups of rows to the sides, drawn with the seed."""
    n = len(contents)
    kind: Literal["group", "random"] = (
        "group" if count_distinct(groups[groups >= 0]) > 1 else "random"
    )
    units = _connect(groups, contents)
    in_holdout = _draw(units, ranks, n * share)
    n_left_out = 0
    if in_holdout.sum() < n * share * _MIN_KEPT and kind == "group":
        # Equal contents tie most groups together: draw groups, and leave out what is on both sides.
        in_holdout = _draw(_connect(groups, np.arange(n, dtype=np.int64)), ranks, n * share)
        repeated = in_holdout & np.isin(contents, contents[~in_holdout])
        n_left_out = int(repeated.sum())
        left_out = repeated
    else:
        left_out = np.zeros(n, dtype=bool)
    train, holdout = np.flatnonzero(~in_holdout), np.flatnonzero(in_holdout & ~left_out)
    if not len(train) or not len(holdout):
        raise Refused(
            f"The {n:,} rows cannot be divided into rows to learn from and rows to judge by: all "
            "of them belong to one group or have the same features. Import rows that differ, or "
            "choose another group column."
        )
    n_units = count_distinct(units)
    if kind == "group":
        reason = (
            f"By group: {len(holdout):,} of {n:,} rows are held out, drawn with seed {seed}, no "
            "group and no equal features on both sides."
        )
    else:
        reason = (
            f"At random: {len(holdout):,} of {n:,} rows are held out, drawn with seed {seed}"
            + (
                f"; {n - n_units:,} rows repeat features and stay beside their equals."
                if n_units < n
                else "."
            )
        )
    if n_left_out:
        reason += f" {n_left_out:,} rows are left out, since equal ones are learned from."
    return Split(train, holdout, kind, reason, n_left_out)


def _connect(groups: _Indices, contents: _Indices) -> _Indices:
    """Return a number for each row that connected rows (by group or content) share."""
    _, content_codes = np.unique(contents, return_inverse=True)
    n_contents = int(content_codes.max()) + 1 if len(contents) else 0
    n_nodes = n_contents + int(groups.max(initial=-1)) + 1
    grouped = groups >= 0
    edges = coo_array(
        (
            np.ones(int(grouped.sum()), dtype=np.int8),
            (content_codes[grouped], n_contents + groups[grouped]),
        ),
        shape=(n_nodes, n_nodes),
    )
    _, labels = connected_components(edges, directed=False)
    connected: _Indices = np.asarray(labels, dtype=np.int64)[content_codes]
    return connected


def _rank(group: ArrayLike | pd.Series | None, contents: _Indices, seed: int) -> _Ranks:
    """Return a random-looking number for each row that depends only on the seed and its group's
    name, or its content if it has no group (SplitMix64: Steele, Lea and Flood, OOPSLA 2014)."""
    ranks = contents.view(np.uint64).copy()
    if group is not None:
        words = pd.Series(group)
        has_group = words.notna().to_numpy()
        named = words[has_group].astype("str").astype("object")
        ranks[has_group] = pd.util.hash_pandas_object(named, index=False).to_numpy()
    ranks += np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        ranks = (ranks ^ (ranks >> np.uint64(shift))) * np.uint64(factor)
    mixed: _Ranks = ranks ^ (ranks >> np.uint64(31))
    return mixed


def _draw(units: _Indices, ranks: _Ranks, wanted: float) -> NDArray[np.bool_]:
    """Draw units by the lowest rank of their rows until there are about `wanted` rows; skip a unit
    that would make it more than a fifth too many."""
    sizes = np.bincount(units)
    drawn = np.zeros(len(sizes), dtype=bool)
    lowest = np.full(len(sizes), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(lowest, units, ranks)
    there = np.flatnonzero(sizes)
    order = there[np.argsort(lowest[there], kind="stable")]
    total = 0
    for unit in order:
        if total >= wanted:
            break
        if total + sizes[unit] <= max(wanted * 1.2, 1):
            drawn[unit] = True
            total += sizes[unit]
    if total < wanted * _MIN_KEPT and len(order) > 1:  # only large units: the smallest one
        drawn[:] = False
        drawn[order[np.argmin(sizes[order])]] = True
    in_holdout: NDArray[np.bool_] = drawn[units]
    return in_holdout


def _times(at: ArrayLike | pd.Series, n: int) -> tuple[_Indices, NDArray[np.bool_]]:
    series = pd.Series(pd.to_datetime(pd.Series(at), utc=True)).dt.as_unit("us")
    if len(series) != n:
        raise ValueError(f"{len(series)} times for {n} rows")
    has_time = np.asarray(series.notna(), dtype=np.bool_)
    return np.asarray(series.astype("int64"), dtype=np.int64), has_time


def _codes(group: ArrayLike | pd.Series | None, n: int) -> _Indices:
    if group is None:
        return np.full(n, -1, dtype=np.int64)
    codes, _ = pd.factorize(pd.Series(group))
    return codes.astype(np.int64)


def _with_reason(split: Split, reason: str) -> Split:
    return replace(split, reason=reason)
