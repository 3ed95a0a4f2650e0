"""A candidate as a picker of the best of several, beside naive pickers on the same groups."""

import re
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from core.domain.dataset import TEXT
from core.domain.training_report import Estimate, NaivePick, Picks
from core.features.values import levels_of, numbers_of
from core.settings import Scale
from core.stats.intervals import BlockEstimate
from core.stats.picks import PickFigures, measure_picks
from core.training.data.rows import Rows
from core.training.evaluate.metrics import (
    HEURISTIC,
    MIN_WEIGHED,
    mean_of_level,
    to_estimate,
    weigh_rows,
)

RANDOM, BEST_CATEGORY, LONGEST = "random", "best_category", "longest"

_LENGTH = re.compile(r"(^|_)(n_)?(words|tokens|chars|characters|length|len|lines|size)($|_)")

_Scored = tuple[str, NDArray[np.float64], NDArray[np.float64]]
"""A column with its score of each training row and of each holdout row."""


def examine_picks(
    scores: NDArray[np.float64],
    train: Rows,
    holdout: Rows,
    kinds: Mapping[str, str],
    scale: Scale,
) -> Picks | None:
    """Return the figures of picking by finite `scores`, shape (n_holdout,), from the holdout's
    groups; None where no group is a choice. Naive pickers are made of the training rows alone."""
    if holdout.group is None:
        return None
    pickers, of = make_pickers(train, holdout, kinds, scale)
    found = measure_picks(holdout.target, scores, holdout.group, pickers)
    if not found.n_groups:
        return None
    return Picks(
        n_groups=found.n_groups,
        n_pairs=found.n_pairs,
        pair_accuracy=_limit(found.pair_accuracy, lowest=0.0, highest=1.0),
        tau=_limit(found.tau, lowest=-1.0, highest=1.0),
        regret=_limit(found.regret, lowest=0.0),
        gap_recovered=_limit(found.gap_recovered, highest=1.0),
        advantage=_limit(found.advantage),
        naive={
            name: _describe(measure_picks(holdout.target, picker, holdout.group, {}), of.get(name))
            for name, picker in pickers.items()
        },
    )


def make_pickers(
    train: Rows, holdout: Rows, kinds: Mapping[str, str], scale: Scale
) -> tuple[dict[str, NDArray[np.float64]], dict[str, str]]:
    """Return the score of each naive picker for the holdout's rows, and the column that a picker
    looks at. Of several categories, and of several lengths, the one that picks best on the training
    rows is taken; the heuristic is among them where half of the rows have base metrics."""
    pickers = {RANDOM: np.zeros(len(holdout.target))}
    of: dict[str, str] = {}
    columns = {BEST_CATEGORY: _score_categories(train, holdout, kinds)}
    columns[LONGEST] = _score_lengths(train, holdout, kinds)
    for name, scored in columns.items():
        best = _choose(train, scored)
        if best is not None:
            of[name], _, pickers[name] = best
    weighed = weigh_rows(holdout.features, scale)
    known = np.isfinite(weighed)
    if len(known) and known.mean() >= MIN_WEIGHED:
        pickers[HEURISTIC] = np.where(known, weighed, float(np.mean(train.target)))
    return pickers, of


def best_picker(naive: Mapping[str, NaivePick]) -> str:
    """Return the name of the naive picker that recovers most of the gap.

    >>> best_picker({"random": NaivePick(0.5, 2.0, 0.0), "longest": NaivePick(0.6, 1.0, 0.3)})
    'longest'
    """
    return max(naive, key=lambda name: naive[name].gap_recovered or 0.0)


def _score_categories(train: Rows, holdout: Rows, kinds: Mapping[str, str]) -> Iterator[_Scored]:
    for name, kind in kinds.items():
        if kind == "category" and name in train.features.columns:
            before = levels_of(train.features, name)
            yield (
                name,
                mean_of_level(before, train.target, before),
                mean_of_level(before, train.target, levels_of(holdout.features, name)),
            )


def _score_lengths(train: Rows, holdout: Rows, kinds: Mapping[str, str]) -> Iterator[_Scored]:
    if TEXT in train.features.columns:
        yield "text", _measure_texts(train), _measure_texts(holdout)
    for name, kind in kinds.items():
        snake = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
        if kind == "numeric" and _LENGTH.search(snake) and name in train.features.columns:
            yield (
                name,
                _fill(numbers_of(train.features, name)),
                _fill(numbers_of(holdout.features, name)),
            )


def _measure_texts(rows: Rows) -> NDArray[np.float64]:
    return np.asarray(rows.features[TEXT].fillna("").str.len(), dtype=np.float64)


def _fill(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lengths with 0 for the unknown ones."""
    return np.where(np.isnan(lengths), 0.0, lengths)


def _choose(train: Rows, scored: Iterator[_Scored]) -> _Scored | None:
    """Return the column that recovers most of the gap on the training rows, if any varies."""
    if train.group is None:
        return None
    best: tuple[float, _Scored] | None = None
    for column in scored:
        found = measure_picks(train.target, column[1], train.group, {}).gap_recovered
        if found is not None and (best is None or found.value > best[0]):
            best = found.value, column
    return None if best is None else best[1]


def _describe(found: PickFigures, of: str | None) -> NaivePick:
    return NaivePick(
        pair_accuracy=None if found.pair_accuracy is None else found.pair_accuracy.value,
        regret=0.0 if found.regret is None else found.regret.value,
        gap_recovered=None if found.gap_recovered is None else found.gap_recovered.value,
        of=of,
    )


def _limit(
    found: BlockEstimate | None, *, lowest: float = -np.inf, highest: float = np.inf
) -> Estimate | None:
    """Return a figure with its 95 % limits; None where a single group leaves it without."""
    if found is None or not np.isfinite(found.error):
        return None
    return to_estimate(found.find_limits(lowest=lowest, highest=highest))
