"""Error without labels: what a window's errors are expected to be, and how often that was right."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core import text
from core.domain.monitoring import MIN_TRACK, Bins, DriftReport, Reference, Track
from core.domain.prediction import AnswerSource
from core.monitoring.measure.rollup_updates import load_window
from core.monitoring.measure.rollups import merge_outcomes
from core.store.engine.database import Connection
from core.store.monitoring import drift

MIN_ROWS = 200
"""Labelled rows below which nothing is fitted."""

_COARSE = 8
_PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0)
_N_FOLDS = 5

Floats = NDArray[np.float64]


def fit_costs(
    columns: Sequence[Bins], index: Sequence[NDArray[np.int64]], errors: Floats
) -> list[Bins]:
    """The columns with their costs: what each bin adds to the mean |error|, in points, by ridge
    regression on about eight coarse bins a column, its penalty chosen by five folds. All costs are
    left empty where no penalty beats the plain mean, or there are fewer than 200 rows.

    `index` holds the bin of each row by column, `errors` the rows' |error|."""
    if len(errors) < MIN_ROWS:
        return list(columns)
    coarse = [_merge_bins(np.array(bins.counts)) for bins in columns]
    matrix = np.concatenate(
        [_one_hot(group[rows], group) for group, rows in zip(coarse, index, strict=True)], axis=1
    )
    matrix -= matrix.mean(axis=0)
    centred = errors - errors.mean()
    penalty = _choose_penalty(matrix, centred)
    if penalty is None:
        return list(columns)
    weights = _solve(matrix.T @ matrix, matrix.T @ centred, penalty)
    fitted, start = [], 0
    for bins, group in zip(columns, coarse, strict=True):
        costs = weights[start : start + int(group.max()) + 1][group]
        start += int(group.max()) + 1
        shares = np.array(bins.counts) / sum(bins.counts)
        fitted.append(replace(bins, costs=tuple((costs - shares @ costs).tolist())))
    return fitted


def estimate_change(bins: Bins, counts: NDArray[np.int64]) -> float | None:
    """Estimate the change of the mean |error|, in points, by a window's values of one column; None
    if nothing is known of the column."""
    if not bins.costs or not counts.sum():
        return None
    return float(np.array(bins.costs) @ counts / counts.sum())


def estimate_mae(reference: Reference, changes: Sequence[float | None]) -> float | None:
    """The expected MAE of a window: that of the holdout with what every column changes of it.

    >>> from datetime import datetime
    >>> reference = Reference(3, datetime(2026, 3, 2), 500, 0, 4.0, (), estimates=True)
    >>> estimate_mae(reference, [0.5, None, -0.25])
    4.25
    """
    if not reference.estimates:
        return None
    return max(0.0, reference.mae + sum(change for change in changes if change is not None))


def judge_track(pairs: Sequence[tuple[float, float]]) -> Track:
    """The track record of (estimated, realised) windows that follow each other, oldest first.

    >>> pairs = [(4.0, 4.1), (5.0, 5.2), (4.0, 4.1), (6.0, 5.8), (4.0, 4.0), (5.0, 5.0)]
    >>> track = judge_track(pairs)
    >>> track.n_windows, round(track.error, 2), round(track.error_of_last, 2), track.is_shown
    (5, 0.1, 1.34, True)
    """
    later = pairs[1:]
    if not later:
        return Track(0)
    before = [realised for _, realised in pairs[:-1]]
    return Track(
        n_windows=len(later),
        error=float(np.mean([abs(estimate - realised) for estimate, realised in later])),
        error_of_last=float(
            np.mean([abs(last - pair[1]) for last, pair in zip(before, later, strict=True)])
        ),
    )


def describe_estimate(report: DriftReport) -> str:
    """Describe the expected error of the window, or why there is no estimate.

    >>> from datetime import datetime
    >>> noon = datetime(2026, 3, 2)
    >>> report = DriftReport(3, noon, noon, noon, 900, 900, (), estimated_mae=4.0)
    >>> describe_estimate(report)
    'No estimate of the error without labels yet: 0 windows with labels, 5 are needed to judge it.'
    """
    track = report.track
    if report.estimated_mae is None:
        return (
            "The error cannot be estimated without labels: the inputs tell nothing of it on the "
            "held-out rows, or there are too few of these."
        )
    if track.error is None or track.error_of_last is None or track.n_windows < MIN_TRACK:
        return (
            f"No estimate of the error without labels yet: {track.n_windows} windows with labels, "
            f"{MIN_TRACK} are needed to judge it."
        )
    record = (
        f"over {track.n_windows} windows it missed the MAE by {text.figure(track.error)} points, "
        "the last "
        f"window with labels by {text.figure(track.error_of_last)}"
    )
    if not track.is_shown:
        return f"The estimate of the error without labels is hidden: {record}."
    return (
        f"Estimated MAE of this window, without its labels: {text.figure(report.estimated_mae)} "
        "points "
        f"({record}). It is blind where the same inputs have come to mean something else."
    )


def _merge_bins(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The coarse bin of each bin: neighbours together until they hold an eighth; the missing ones
    stay apart where there are any."""
    values, n_missing = counts[:-1], counts[-1]
    total = max(int(values.sum()), 1)
    middle = np.cumsum(values) - values / 2
    group = np.minimum((middle * _COARSE // total).astype(np.int64), _COARSE - 1)
    _, group = np.unique(group, return_inverse=True)
    last = int(group.max())
    return np.append(group, last + 1 if n_missing else last)


def _one_hot(rows: NDArray[np.int64], group: NDArray[np.int64]) -> Floats:
    matrix = np.zeros((len(rows), int(group.max()) + 1))
    matrix[np.arange(len(rows)), rows] = 1.0
    return matrix


def _solve(gram: Floats, moments: Floats, penalty: float) -> Floats:
    return np.asarray(np.linalg.solve(gram + penalty * np.eye(len(gram)), moments))


def _choose_penalty(matrix: Floats, errors: Floats) -> float | None:
    """The penalty with the smallest squared error on rows left out, of centred values; None where
    zero is better than any. Folds are runs of neighbouring rows, since these may be alike."""
    fold = np.arange(len(errors)) * _N_FOLDS // len(errors)
    parts = [(matrix[fold == i], errors[fold == i]) for i in range(_N_FOLDS)]
    products = [(rows.T @ rows, rows.T @ values) for rows, values in parts]
    gram = sum(one for one, _ in products)
    moments = sum(one for _, one in products)
    losses = {np.inf: float(errors @ errors)}
    for penalty in _PENALTIES:
        losses[penalty] = sum(
            float(np.sum((values - rows @ _solve(gram - g, moments - m, penalty)) ** 2))
            for (rows, values), (g, m) in zip(parts, products, strict=True)
        )
    best = min(losses, key=lambda penalty: losses[penalty])
    return None if best == np.inf else best


MIN_LABELS = 30
"""Labels of a window from which on its realised MAE counts."""

_N_WINDOWS = 30


def load_track(conn: Connection, version: int, before: datetime) -> Track:
    """Load the track record of the estimates against labels, of up to 30 windows that do not
    overlap and are not later than `before`; the newest windows with labels count."""
    pairs = []
    for report in _load_windows(conn, version, before):
        realised = _load_mae(conn, report)
        if report.estimated_mae is not None and realised is not None:
            pairs.append((report.estimated_mae, realised))
    return judge_track(pairs[::-1])


def _load_windows(conn: Connection, version: int, before: datetime) -> list[DriftReport]:
    """Newest first, each ending where the one after it begins or earlier."""
    found: list[DriftReport] = []
    for _ in range(_N_WINDOWS):
        report = next(iter(drift.load_reports(conn, version, 1, before=before)), None)
        if report is None or report.from_at >= report.to_at:
            break
        found.append(report)
        before = report.from_at
    return found


def _load_mae(conn: Connection, report: DriftReport) -> float | None:
    outcomes = merge_outcomes(
        rollup.outcomes
        for rollup in load_window(conn, report.from_at, report.to_at)
        if rollup.version == report.version and rollup.source is AnswerSource.MODEL
    )
    return outcomes.sum_abs / outcomes.n if outcomes.n >= MIN_LABELS else None
