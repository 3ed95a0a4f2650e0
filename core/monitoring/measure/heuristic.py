"""The error that the heuristic would have made on labelled requests; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from core.domain.history import summarize_recent
from core.domain.sample import Features
from core.serving.fallback import choose_guess, choose_metrics
from core.settings import Scale
from core.stats.intervals import Interval, block_sums, divide_sums, estimate_by_blocks, wilson

_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class HeuristicError:
    """The error of the heuristic on `n` labelled requests: the MAE in points and the accuracy, the
    share within the tolerance, each with its 95 % interval by days; infinite limits for one day.
    That of the accuracy is at least as wide as Wilson's, since accurate days do not differ.
    `n_by_metrics` were guessed from base metrics, the rest from labels."""

    n: int
    n_days: int
    mae: Interval
    accuracy: Interval
    n_by_metrics: int


def measure_heuristic(
    labelled: Sequence[tuple[float, Features, datetime]], scale: Scale, tolerance: float
) -> HeuristicError | None:
    """Return the error of guesses for the newer half of labelled requests (given newest first),
    with means over the labels of the older half; None for fewer than two requests.

    >>> from datetime import UTC
    >>> at = datetime(2026, 3, 2, tzinfo=UTC)
    >>> rows = [(60.0, {"codeQuality": 64.0}, at), (50.0, {}, at), (70.0, {}, at)]
    >>> found = measure_heuristic(rows, Scale(0.0, 100.0), 5.0)
    >>> found.n, found.mae.value, found.accuracy.value, found.mae.is_known
    (1, 4.0, 1.0, False)
    """
    newer, older = labelled[: len(labelled) // 2], labelled[len(labelled) // 2 :]
    recent = summarize_recent((actual, features) for actual, features, _ in older)
    errors, days, n_by_metrics = [], [], 0
    for actual, features, at in newer:
        score = choose_guess(features, recent, scale).score
        if score is not None:
            errors.append(abs(score - actual))
            days.append(int(at.timestamp() // _DAY_SECONDS))
            n_by_metrics += bool(choose_metrics(features))
    if not errors:
        return None
    error = np.array(errors)
    columns = np.column_stack([error, error <= tolerance, np.ones(len(error))])
    sums = block_sums(columns, np.array(days))
    mae, accuracy = estimate_by_blocks(sums, divide_sums)
    assert mae is not None
    assert accuracy is not None
    return HeuristicError(
        n=len(errors),
        n_days=len(sums),
        mae=mae.find_limits(lowest=0.0),
        accuracy=accuracy.find_limits(lowest=0.0, highest=1.0).widen_to(
            wilson(sum(one <= tolerance for one in errors), len(errors))
        ),
        n_by_metrics=n_by_metrics,
    )
