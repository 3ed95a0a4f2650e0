"""The three historical features at a moment: for all rows of a training, and for one row from the
sums of the store, by the same definition.

For a row of provider p and model m at time t, the rows that count are the others of p and m whose
label was known *before* t: neither the row itself, nor a later one, nor one of the same instant,
nor an earlier one whose label had not come. Of n such rows with qualities q (their targets) and
csat c: the mean quality is mean(q), the mean csat is mean(c) of those that have one, and the
consistency is 1 / (1 + s) with s the standard deviation of q (over n, in points of the scale): 1
where all are alike, and missing where n < 2. `seen_at` is the newest time at which one of them was
made. A row without a provider, a model or a time has no history, and counts in none."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.domain.history import MODEL, PROVIDER, Totals
from core.domain.sample import (
    CONSISTENCY,
    CSAT,
    HISTORY,
    MEAN_CSAT,
    MEAN_QUALITY,
    NAN,
    SEEN_AT,
    read_level,
)
from core.features.values import numbers_of

if TYPE_CHECKING:
    import pandas as pd

MIN_CONSISTENT = 2

_Floats = NDArray[np.float64]


def summarize_totals(totals: Totals | None) -> dict[str, float]:
    """Return the history of a row from the sums of the rows known at its time; all missing if there
    was none.

    >>> from datetime import UTC, datetime
    >>> seen = datetime(1970, 1, 2, tzinfo=UTC)
    >>> summarize_totals(Totals(2, 60.0, 20.0, 400.0, 1, 0.5, seen))  # of 60 and 80
    {'__mean_quality__': 70.0, '__mean_csat__': 0.5, '__consistency__': 0.09090909090909091, \
'__seen_at__': 86400.0}
    """
    if totals is None:
        return dict.fromkeys(HISTORY, NAN)
    shift = totals.total / totals.n
    spread = math.sqrt(max(totals.squares / totals.n - shift * shift, 0.0))
    return {
        MEAN_QUALITY: totals.origin + shift,
        MEAN_CSAT: totals.csat_total / totals.n_csat if totals.n_csat else NAN,
        CONSISTENCY: 1.0 / (1.0 + spread) if totals.n >= MIN_CONSISTENT else NAN,
        SEEN_AT: totals.seen_at.timestamp(),
    }


def trace_history(
    features: "pd.DataFrame", quality: _Floats, at_seconds: _Floats, known_seconds: _Floats
) -> dict[str, _Floats]:
    """Return the same for each of n rows from the others, each of shape (n,), nan if missing;
    sorted once, so that a million rows take seconds. `quality` is the target, `at_seconds` the time
    of the work and `known_seconds` that of its label, nan for a row without a time.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"provider": ["a"] * 3, "model": ["m"] * 3})
    >>> times = np.array([0.0, 10.0, 20.0])
    >>> trace_history(frame, np.array([60.0, 80.0, 10.0]), times, times)["__mean_quality__"]
    array([nan, 60., 70.])
    >>> late = np.array([15.0, 15.0, 20.0])  # both labels came only then
    >>> trace_history(frame, np.array([60.0, 80.0, 10.0]), times, late)["__mean_quality__"]
    array([nan, nan, 70.])
    """
    maker = _number_makers(features)
    rows = np.flatnonzero((maker >= 0) & ~np.isnan(at_seconds))
    found = {name: np.full(len(features), NAN) for name in HISTORY}
    if len(rows) == 0:
        return found
    known = np.maximum(known_seconds[rows], at_seconds[rows])
    order = np.lexsort((rows, known, maker[rows]))
    entries = rows[order]
    csat = numbers_of(features.iloc[entries], CSAT)
    sums = _accumulate(maker[entries], quality[entries], csat, at_seconds[entries])
    n_before = _count_before(maker[rows], known, at_seconds[rows])
    has_past = n_before > 0
    first = np.searchsorted(maker[entries], maker[rows[has_past]])  # of the same maker
    last = first + n_before[has_past] - 1
    for name, values in _summarize(sums, last, n_before[has_past]).items():
        found[name][rows[has_past]] = values
    return found


def _number_makers(features: "pd.DataFrame") -> NDArray[np.int64]:
    """Return a number for each pair of provider and model; -1 if a row lacks one of them."""
    import pandas as pd  # not for serving, which reads `summarize_totals` only

    if PROVIDER not in features.columns or MODEL not in features.columns:
        return np.full(len(features), -1, dtype=np.int64)
    codes = []
    for name in (PROVIDER, MODEL):
        places, values = pd.factorize(features[name].astype(object))
        levels, _ = pd.factorize(np.array([*map(read_level, values.tolist()), None], dtype=object))
        codes.append(levels[places])  # the last is for what is missing: -1, as is None itself
    provider, model = codes
    pair = provider.astype(np.int64) * (int(model.max(initial=0)) + 1) + model
    return np.where((provider < 0) | (model < 0), -1, pair)


def _accumulate(
    maker: NDArray[np.int64], quality: _Floats, csat: _Floats, at_seconds: _Floats
) -> Mapping[str, _Floats]:
    """Return running sums within each maker, whose entries are adjacent and in the order they were
    known."""
    import pandas as pd  # its sums within groups are compensated; as above

    is_first = np.r_[True, maker[1:] != maker[:-1]]
    origin = quality[np.maximum.accumulate(np.where(is_first, np.arange(len(maker)), 0))]
    shifted = quality - origin
    columns = {
        "total": shifted,
        "squares": shifted * shifted,
        "n_csat": (~np.isnan(csat)).astype(np.float64),
        "csat_total": np.nan_to_num(csat),
    }
    sums: Any = pd.DataFrame(columns).groupby(maker, sort=False).cumsum()
    seen: Any = pd.Series(at_seconds).groupby(maker, sort=False).cummax()
    found = {name: sums[name].to_numpy() for name in columns}
    return found | {"origin": origin, "seen_at": seen.to_numpy()}


def _count_before(
    maker: NDArray[np.int64], known: _Floats, at_seconds: _Floats
) -> NDArray[np.int64]:
    """Return for each row the number of entries of its maker known before its time: rows and
    entries are sorted together, a row before the entries of the same instant."""
    n = len(maker)
    is_entry = np.r_[np.ones(n, dtype=bool), np.zeros(n, dtype=bool)]
    makers = np.r_[maker, maker]
    order = np.lexsort((is_entry, np.r_[known, at_seconds], makers))
    passed = np.cumsum(is_entry[order])
    n_before = np.empty(2 * n, dtype=np.int64)
    n_before[order] = passed
    of_earlier_makers = np.searchsorted(np.sort(maker), maker)
    counted: NDArray[np.int64] = n_before[n:] - of_earlier_makers
    return counted


def _summarize(
    sums: Mapping[str, _Floats], last: NDArray[np.int64], n: NDArray[np.int64]
) -> dict[str, _Floats]:
    """Return `summarize_totals` for many rows; `last` is the newest known entry of each."""
    shift = sums["total"][last] / n
    spread = np.sqrt(np.maximum(sums["squares"][last] / n - shift * shift, 0.0))
    n_csat = sums["n_csat"][last]
    csat = np.full(len(n), NAN)
    np.divide(sums["csat_total"][last], n_csat, out=csat, where=n_csat > 0)
    return {
        MEAN_QUALITY: sums["origin"][last] + shift,
        MEAN_CSAT: csat,
        CONSISTENCY: np.where(n >= MIN_CONSISTENT, 1.0 / (1.0 + spread), NAN),
        SEEN_AT: sums["seen_at"][last],
    }
