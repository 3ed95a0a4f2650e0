"""A snapshot's frame as training reads it: features, target, times, groups, split and folds."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.data.quality.near_duplicates import count_distinct
from core.domain.dataset import AT, GROUP, LABELLED_AT, PROVENANCE, RESERVED, TARGET, TEXT
from core.domain.sample import CARRIED, Features, Provenance
from core.errors import InvalidInput
from core.features.history import trace_history

if TYPE_CHECKING:
    import pandas as pd
from datetime import datetime

from core.data.quality.near_duplicates import identify_content
from core.data.splits import Split, identify_rows, split_rows
from core.domain.training_report import LEFT_OUT, TrainingReport
from core.training.models.recipe import Fold

_COARSE_REPEATS = 10


@dataclass(frozen=True, slots=True)
class Rows:
    """Arrays are parallel to the frame. `together` numbers what no split may tear apart: a row's
    group, else its content; a row's own number where neither says anything."""

    features: "pd.DataFrame"  # and what each row carries beside them (`core.domain.feature`)
    target: NDArray[np.float64]
    at_seconds: NDArray[np.float64]  # since 1970, nan where a row has no time
    group: NDArray[np.int64] | None  # None where no row has a group
    together: NDArray[np.int64]
    synthetic: NDArray[np.bool_]

    def pick(self, rows: NDArray[np.int64]) -> "Rows":
        """Some of the rows, by position."""
        return Rows(
            self.features.iloc[rows],
            self.target[rows],
            self.at_seconds[rows],
            None if self.group is None else self.group[rows],
            self.together[rows],
            self.synthetic[rows],
        )


def arrange_rows(
    frame: "pd.DataFrame", content: NDArray[np.int64], leave_out: Collection[str]
) -> Rows:
    """The rows of a snapshot without the columns that a person left out; raises `InvalidInput` for
    a name that is no feature. `content` numbers rows with the same features alike."""
    names = [str(name) for name in frame.columns if name not in RESERVED]
    unknown = sorted(set(leave_out) - set(names))
    if unknown:
        raise InvalidInput(
            f"'{unknown[0]}' cannot be left out, since it is not a column of the rows: "
            f"{', '.join(names)} are."
        )
    group = _group_codes(frame)
    return Rows(
        features=carry_frame(frame.drop(columns=list(leave_out))),
        target=frame[TARGET].to_numpy(dtype=np.float64, copy=True),
        at_seconds=read_seconds(frame, AT),
        group=group,
        together=_together(group, content),
        synthetic=(frame[PROVENANCE] == Provenance.SYNTHETIC.value).to_numpy(dtype=bool),
    )


def carry_frame(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The features of a snapshot's frame, and what a request would carry beside them: the time, the
    text, and what was known of the row's provider and model at that time. What no row has is left
    out."""
    features = frame[[name for name in frame.columns if name not in RESERVED]]
    at, known = read_seconds(frame, AT), read_seconds(frame, LABELLED_AT)
    quality = frame[TARGET].to_numpy(dtype=np.float64)
    numbers = {AT: at} | trace_history(features, quality, at, np.fmax(at, known))
    features = features.assign(
        **{key: values for key, values in numbers.items() if not np.isnan(values).all()}
    )
    has_text = TEXT in frame.columns and bool(frame[TEXT].notna().any())
    return features.assign(**{TEXT: frame[TEXT]}) if has_text else features


def name_features(frame: "pd.DataFrame") -> tuple[str, ...]:
    """The columns that are features, of a frame that carries more."""
    return tuple(str(name) for name in frame.columns if name not in CARRIED)


def list_rows(frame: "pd.DataFrame", positions: NDArray[np.int64]) -> list[Features]:
    """Rows of a features' frame as the API would send them: plain values, None for missing."""
    part = frame.iloc[positions]
    columns = {name: [_plain(value) for value in part[name].tolist()] for name in part.columns}
    return [{name: columns[name][i] for name in columns} for i in range(len(part))]


def _plain(value: object) -> float | str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and np.isfinite(value):
        return float(value)
    return None


def read_seconds(frame: "pd.DataFrame", name: str) -> NDArray[np.float64]:
    """A column of times as seconds since 1970, nan where there is none; all nan where a snapshot of
    former days does not have the column."""
    if name not in frame.columns:
        return np.full(len(frame), np.nan)
    at = frame[name].dt.as_unit("us")
    micros = at.astype("int64").to_numpy(copy=True) / 1e6
    return np.where(at.isna().to_numpy(), np.nan, micros)


def _group_codes(frame: "pd.DataFrame") -> NDArray[np.int64] | None:
    known = frame[GROUP].notna().to_numpy()
    if not known.any():
        return None
    names, codes = np.unique(frame[GROUP].to_numpy(dtype=str), return_inverse=True)
    return np.where(known, codes, len(names) + np.arange(len(frame)))


def _together(group: NDArray[np.int64] | None, content: NDArray[np.int64]) -> NDArray[np.int64]:
    if group is not None:
        return group
    if count_distinct(content) * _COARSE_REPEATS <= len(content):  # so coarse that no row is a copy
        return np.arange(len(content))
    return content


N_FOLDS = 5
MIN_ROWS = 20


def split_folds(
    at_seconds: NDArray[np.float64] | None,
    group: NDArray[np.int64],
    *,
    seed: int,
    n_folds: int = N_FOLDS,
) -> tuple[Fold, ...]:
    """Five folds of positions; none where there are fewer than 20 rows or two groups.

    With times (seconds, nan where a row has none) each fold is judged on the part that follows
    those it fits on; a group that stands in both is left out of the fit. Without, each row is
    judged once, and whole groups are dealt at random into parts of about the same size. `group`
    numbers what has to stay together: a row's own number where nothing does.

    >>> [(fit.tolist(), judge.tolist()) for fit, judge in
    ...  split_folds(np.arange(30.0), np.arange(30), seed=0, n_folds=2)][0]
    ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
    """
    if len(group) < MIN_ROWS:
        return ()
    if at_seconds is not None:
        return _by_time(at_seconds, group, n_folds)
    return _by_group(group, n_folds, seed)


def _by_time(
    at_seconds: NDArray[np.float64], group: NDArray[np.int64], n_folds: int
) -> tuple[Fold, ...]:
    at = np.where(np.isnan(at_seconds), -np.inf, at_seconds)  # no time: never judged
    edges = np.quantile(at, np.arange(1, n_folds + 1) / (n_folds + 1), method="lower")
    part = np.searchsorted(edges, at, side="left")  # equal times share a part
    part[np.isneginf(at)] = 0
    folds = []
    for i in range(1, n_folds + 1):
        judge = np.flatnonzero(part == i)
        fit = np.flatnonzero((part < i) & ~np.isin(group, group[judge]))
        if len(judge) and len(fit):
            folds.append((fit, judge))
    return tuple(folds)


def _by_group(group: NDArray[np.int64], n_folds: int, seed: int) -> tuple[Fold, ...]:
    names, sizes = np.unique(group, return_counts=True)
    n_folds = min(n_folds, len(names))
    if n_folds < 2:
        return ()
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]  # large groups first
    part, filled = np.empty(len(names), dtype=np.int64), np.zeros(n_folds)
    for i in order:
        part[i] = int(np.argmin(filled))
        filled[part[i]] += sizes[i]
    of_row = part[np.searchsorted(names, group)]
    return tuple((np.flatnonzero(of_row != i), np.flatnonzero(of_row == i)) for i in range(n_folds))


SPLIT_SEED = 0
"""Every training draws the same holdout from the same rows, whatever its own seed: versions are
compared on the same rows, and nobody tries seeds until the holdout is kind."""


def split_frame(frame: "pd.DataFrame", holdout_from_at: datetime | None = None) -> Split:
    """Return the split of a snapshot's rows: the same for every training on them whose holdout
    begins at the same moment, with the newest fifth of the rows unless given."""
    return split_rows(
        frame[AT],
        frame[GROUP],
        identify_content(frame),
        identity=identify_rows(frame),
        holdout_from_at=holdout_from_at,
        seed=SPLIT_SEED,
    )


def split_as_then(frame: "pd.DataFrame", report: TrainingReport) -> Split:
    """Return the split that a version was trained with, of its snapshot's rows."""
    left_out = [name for name, why in report.left_out.items() if why.startswith(LEFT_OUT)]
    return split_frame(frame.drop(columns=left_out, errors="ignore"), report.holdout_from_at)
