"""Choosing the parameters of boosted trees by folds, on all cores, so that it can be stopped."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import text
from core.domain.job import Progress, part_of
from core.domain.training_report import SearchAttempt
from core.errors import Cancelled
from core.training.models.fold_matrices import FoldMatrix, count_rows, prepare_folds
from core.training.models.parallel import count_cores
from core.training.models.recipe import Search, TrainingRows
from core.training.models.trees import CONSTANT, LINE, STEP, Binned, BoostedTrees, find_device

TREES = (100, 200, 400)
GRID: Mapping[str, tuple[float, ...]] = {
    "max_depth": (2, 4, 6),
    "learning_rate": (0.03, 0.06, 0.12),
    "subsample": (0.6, 0.8, 1.0),
}
PATIENCE = 60

_RUNGS = ((65, 1), (22, 3), (8, 5))
"""Candidates of the smart search and the folds that each round judges them by: 65 + 44 + 16 = 125
boostings, where the grid takes 27 * 5 = 135."""

_REPORT_SECONDS = 0.5

Candidate = Mapping[str, Any]
Curve = NDArray[np.float64]


def search_boosting(
    build: Callable[[Mapping[str, Any]], Any], rows: TrainingRows, seed: int, progress: Progress
) -> Search:
    """The parameters of the `BoostedTrees` at the end of the pipelines that `build` returns, by the
    method, the aim and the device of `rows`. Raises `Cancelled` with the best found so far where
    `progress` says so."""
    device, said = find_device(rows.device)
    given = rows.aim.parameters() | ({} if device == "cpu" else {"device": device})
    if device != rows.device:
        progress(0.0, said)
    if not rows.folds:
        return Search(given)
    folds = prepare_folds(lambda: build(given)[:-1], rows, part_of(progress, 0.0, 0.08))
    progress(0.08, "choosing what the trees start from")
    starts = [{"start": CONSTANT}, {"start": LINE}]
    start = search_few(build(given)[-1], given, starts, folds, part_of(progress, 0.08, 0.12))
    given = given | {"start": start.parameters["start"]}
    find = search_smart if rows.method == "smart" else search_grid
    return find(build(given)[-1], given, folds, seed, part_of(progress, 0.12, 1.0))


def search_grid(
    model: BoostedTrees,
    given: Mapping[str, Any],
    folds: Sequence[FoldMatrix],
    seed: int,
    progress: Progress,
) -> Search:
    """The best of 81 combinations: 3 numbers of trees x 3 depths x 3 rates x 3 subsamples.

    A boosting of 400 trees holds those of 100 and 200 as its beginning, so that 27 boostings a fold
    are enough; one ends early when 60 trees have brought nothing, and then keeps its last loss.
    Of the winner's curve the best beginning is taken, which may lie between the three numbers.

    The origin's ranges (10 to 30 trees of depth 3 to 5 at rates of 0.05 to 0.15) stop before much
    is learned: of a mean that is to be reached, 10 trees at 0.05 have gone 40 %, 30 have gone 79 %.
    Here the slowest corner (100 at 0.03) has gone 95 %, the fastest is far past the end, and depth
    2 (no more than pairs of columns) to 6 covers data from nearly additive to tangled."""
    candidates = [dict(zip(GRID, values, strict=True)) for values in product(*GRID.values())]
    order = np.random.default_rng(seed).permutation(len(candidates))  # what a stopped one has seen
    boostings = _Boostings(model, given, [candidates[i] for i in order], folds)
    everything = list(range(len(folds)))
    tasks = [(c, f) for c in range(len(candidates)) for f in everything]

    def best() -> Search | None:
        found = boostings.curves(everything)
        if not found:
            return None
        at_trees = {
            c: min(float(curve[min(n // STEP, len(curve)) - 1]) for n in TREES)
            for c, curve in found.items()
        }
        winner = min(at_trees, key=lambda c: at_trees[c])
        return boostings.describe(winner, found[winner], len(found) * len(TREES), "grid")

    with _keeping(best):
        boostings.run(tasks, best, progress)
    return _found(best)


def search_smart(
    model: BoostedTrees,
    given: Mapping[str, Any],
    folds: Sequence[FoldMatrix],
    seed: int,
    progress: Progress,
) -> Search:
    """The best of 65 candidates drawn from wider ranges, by successive halving (Jamieson and
    Talwalkar 2016): all are judged by the newest fold, the best third by two more, the best third
    of those by all. It takes no more boostings than the grid."""
    rng = np.random.default_rng(seed)
    candidates = [_draw(rng) for _ in range(_RUNGS[0][0])]
    boostings = _Boostings(model, given, candidates, folds)
    newest_first = list(range(len(folds)))[::-1]
    used: list[int] = []

    def best() -> Search | None:
        for n in range(len(folds), 0, -1):
            found = boostings.curves(newest_first[:n])
            if found:
                winner = min(found, key=lambda c: float(np.min(found[c])))
                return boostings.describe(winner, found[winner], len(boostings.tried), "smart")
        return None

    alive = list(range(len(candidates)))
    n_before = 0
    n_all = sum(
        n * (k - b) for (n, k), b in zip(_RUNGS, (0, *(k for _, k in _RUNGS)), strict=False)
    )
    with _keeping(best):
        for n_alive, n_folds in _RUNGS:
            new = newest_first[len(used) : n_folds]
            alive = alive[:n_alive]
            tasks = [(c, f) for c in alive for f in new]
            share = n_before / n_all, (n_before + len(tasks)) / n_all
            boostings.run(tasks, best, part_of(progress, *share))
            used, n_before = [*used, *new], n_before + len(tasks)
            losses = {c: float(np.min(curve)) for c, curve in boostings.curves(used).items()}
            alive.sort(key=lambda c: losses[c])
    return _found(best)


def search_few(
    model: BoostedTrees,
    given: Mapping[str, Any],
    candidates: Sequence[Candidate],
    folds: Sequence[FoldMatrix],
    progress: Progress,
) -> Search:
    """The best of a few candidates, each with its best number of trees up to 400."""
    boostings = _Boostings(model, given, candidates, folds)
    everything = list(range(len(folds)))

    def best() -> Search | None:
        found = boostings.curves(everything)
        if not found:
            return None
        winner = min(found, key=lambda c: float(np.min(found[c])))
        return boostings.describe(winner, found[winner], len(found), "grid")

    with _keeping(best):
        boostings.run([(c, f) for c in range(len(candidates)) for f in everything], best, progress)
    return _found(best)


class _Stopped(Exception):
    """Raised in a boosting's own thread when nobody waits for it any more."""


class _Boostings:
    """One boosting for each candidate and fold, and the curves of those that have ended."""

    def __init__(
        self,
        model: BoostedTrees,
        given: Mapping[str, Any],
        candidates: Sequence[Candidate],
        folds: Sequence[FoldMatrix],
    ) -> None:
        self._model, self._given = model, given
        self._candidates, self._folds = candidates, folds
        self._curves: dict[tuple[int, int], Curve] = {}
        self._stop, self._own = threading.Event(), threading.local()

    @property
    def tried(self) -> set[int]:
        """The candidates with at least one curve."""
        return {candidate for candidate, _ in self._curves}

    def curves(self, folds: Sequence[int]) -> dict[int, Curve]:
        """The mean curve over these folds of each candidate that has ended in all of them; a
        boosting that stopped early keeps its last loss."""
        return {
            c: self._average(c, folds)
            for c in sorted(self.tried)
            if all((c, f) in self._curves for f in folds)
        }

    def list_attempts(self) -> tuple[SearchAttempt, ...]:
        """Every candidate over the folds it has ended in, with its best number of trees."""
        found = []
        for c in sorted(self.tried):
            folds = [f for f in range(len(self._folds)) if (c, f) in self._curves]
            curve = self._average(c, folds)
            place = int(np.argmin(curve))
            parameters = {**self._candidates[c], "n_trees": (place + 1) * STEP}
            found.append(SearchAttempt(parameters, round(float(curve[place]), 6), len(folds)))
        return tuple(found)

    def describe(self, candidate: int, curve: Curve, n_combinations: int, method: str) -> Search:
        """A candidate with the number of trees at which its curve is lowest."""
        place = int(np.argmin(curve))
        parameters = {
            **self._given,
            **self._candidates[candidate],
            "n_trees": (place + 1) * STEP,
        }
        return Search(
            parameters,
            n_combinations,
            len(self._folds),
            method,
            count_rows(self._folds),
            float(curve[place]),
            self.list_attempts(),
        )

    def run(
        self,
        tasks: Sequence[tuple[int, int]],
        best: Callable[[], Search | None],
        progress: Progress,
    ) -> None:
        """Do the boostings in as many threads as there are cores, each on one core: XGBoost lets go
        of Python's lock, and more threads than cores would wait for each other."""
        with ThreadPoolExecutor(count_cores()) as pool:
            waiting = {pool.submit(self._trace, *task): task for task in tasks}
            try:
                self._collect(waiting, best, progress)
            finally:
                self._stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
        self._stop.clear()

    def _trace(self, candidate: int, fold: int) -> Curve:
        own = self._candidates[candidate]
        wanted = {**self._model.get_params(), **self._given, **own, "n_trees": max(TREES)}
        model = BoostedTrees(**wanted)
        kept: dict[tuple[int, str], Binned] = self._own.__dict__.setdefault("kept", {})
        key = fold, model.start
        if key not in kept:  # binned once by each thread: XGBoost promises nothing of sharing
            rows = self._folds[fold]
            kept[key] = model.bin(rows)
        return model.trace(kept[key], patience=PATIENCE, watch=self._check)

    def _average(self, candidate: int, folds: Sequence[int]) -> Curve:
        parts = [self._curves[candidate, f] for f in folds]
        n = max(len(part) for part in parts)
        padded = [np.pad(part, (0, n - len(part)), "edge") for part in parts]
        mean: Curve = np.mean(padded, axis=0)
        return mean

    def _check(self, n_trees: int) -> None:
        if self._stop.is_set():
            raise _Stopped

    def _collect(
        self,
        waiting: Mapping[Future[Curve], tuple[int, int]],
        best: Callable[[], Search | None],
        progress: Progress,
    ) -> None:
        started = said = time.monotonic()
        for n, future in enumerate(as_completed(waiting), 1):
            self._curves[waiting[future]] = future.result()
            now = time.monotonic()
            if now - said < _REPORT_SECONDS and n < len(waiting):
                continue
            said = now
            left = f"about {text.duration((now - started) / n * (len(waiting) - n))} left"
            found = best()
            so_far = "" if found is None else f", best loss {text.figure(found.loss)}"
            progress(n / len(waiting), f"search: {n} of {len(waiting)} boostings{so_far}, {left}")


def _draw(rng: np.random.Generator) -> Candidate:
    return {
        "max_depth": int(rng.integers(2, 9)),
        "learning_rate": round(float(np.exp(rng.uniform(np.log(0.02), np.log(0.2)))), 4),
        "subsample": round(float(rng.uniform(0.5, 1.0)), 2),
        "colsample": round(float(rng.uniform(0.5, 1.0)), 2),
        "min_child_weight": round(float(np.exp(rng.uniform(0.0, np.log(20.0)))), 1),
        "reg_lambda": round(float(np.exp(rng.uniform(np.log(0.1), np.log(10.0)))), 2),
    }


@contextmanager
def _keeping(best: Callable[[], Search | None]) -> Iterator[None]:
    """Let a cancel pass with what has been found until then."""
    try:
        yield
    except (Cancelled, KeyboardInterrupt) as error:
        found = best()
        kept = None if found is None else found.describe()
        raise Cancelled(str(error) or "Stopped.", kept) from error


def _found(best: Callable[[], Search | None]) -> Search:
    found = best()
    if found is None:
        raise ValueError("no boosting has ended")
    return found
