"""Rehearsals: what another policy would have done to logged requests, from the labels of what was
shown and the probability that each decision had."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.decisions.threshold import cost_redo, count_effective
from core.domain.decisions.policy import PolicyTerms, RedoAction, RedoCosts
from core.stats.intervals import BlockEstimate, Interval, block_sums, estimate_by_blocks
from core.store.predictions.decisions import DecidedWork, PickedCandidate

Floats = NDArray[np.float64]
_LEAST = 1e-12  # of a difference between probabilities


@dataclass(frozen=True, slots=True)
class RedoLog:
    """Decisions of redo policies on work that a model scored, each array of shape (n_rows,)."""

    scores: Floats  # points
    attempts: NDArray[np.int64]
    p_accept: Floats  # the probability of accepting that the decision had
    thresholds: Floats  # of the policy that decided, points
    p_bad: Floats  # by its calibration; nan where it had none
    truths: Floats  # points; nan for work that was redone or has no label
    blocks: NDArray[np.int64]  # rows of one block depend on each other

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class PickLog:
    """Decisions of pick policies, each array of shape (n_rows,)."""

    n_candidates: Floats
    n_best: Floats  # candidates that share the best score
    is_best: NDArray[np.bool_]  # the picked one is among them
    probability: Floats  # that the picked one had
    picked: Floats  # its score, points
    best: Floats  # the best score
    mean: Floats  # of the scores of all candidates
    truths: Floats  # of the picked one; nan without a label
    blocks: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.picked)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The figures of a policy on logged decisions, each with its 95 % interval; None where they are
    unknown, with the reason in `unknown`. `value` is a request's: of a redo policy its costs in the
    team's unit, negative; of a pick policy the truth of what is picked, in points. `robust` are
    doubly robust, with the served score as the model; the others are weighted alone."""

    n_decisions: int
    n_labels: int
    effective_labels: float  # equally weighted ones that would say as much
    redo_share: Interval | None
    bad_shown: Interval | None  # share of what is accepted
    value: Interval | None
    robust_bad_shown: Interval | None
    robust_value: Interval | None
    unknown: str


@dataclass(frozen=True, slots=True)
class Saving:
    """The cost that a redo policy saves a request against never redoing, in the team's unit, with
    its 95 % interval; None where it is unknown, with the reason in `unknown`."""

    a_request: Interval | None
    n_decisions: int
    n_labels: int
    unknown: str


def build_redo_log(work: Sequence[DecidedWork]) -> RedoLog:
    """Return redo decisions as arrays."""
    accepted = [one.action is RedoAction.ACCEPT for one in work]
    return RedoLog(
        scores=np.array([one.score for one in work]),
        attempts=np.array([one.attempt for one in work]),
        p_accept=np.array(
            [
                one.probability if taken else 1.0 - one.probability
                for one, taken in zip(work, accepted, strict=True)
            ]
        ),
        thresholds=np.array([one.threshold for one in work]),
        p_bad=_fill([one.p_bad for one in work]),
        truths=_fill(
            [one.actual if taken else None for one, taken in zip(work, accepted, strict=True)]
        ),
        blocks=_number([one.unit_id for one in work]),
    )


def build_pick_log(picks: Sequence[PickedCandidate]) -> PickLog:
    """Return picks as arrays."""
    best = np.array([max(one.scores) for one in picks])
    picked = np.array([one.picked for one in picks])
    return PickLog(
        n_candidates=np.array([float(len(one.scores)) for one in picks]),
        n_best=np.array([float(one.scores.count(max(one.scores))) for one in picks]),
        is_best=picked == best,
        probability=np.array([one.probability for one in picks]),
        picked=picked,
        best=best,
        mean=np.array([math.fsum(one.scores) / len(one.scores) for one in picks]),
        truths=_fill([one.actual for one in picks]),
        blocks=_number([one.unit_id for one in picks]),
    )


def rehearse_redo(log: RedoLog, terms: PolicyTerms) -> Rehearsal:
    """Rehearse a redo policy that has a bar, costs and a threshold. Labels are weighed by the
    probability that the policy accepts over that with which the work was accepted, and normalised
    by their sum (self-normalised inverse probability; Swaminathan and Joachims 2015), or correct
    what the calibration expects (doubly robust; Dudik et al. 2011). The limits are those of the
    jackknife over blocks. What is redone costs the same whatever it was.

    >>> log = RedoLog(
    ...     scores=np.array([50.0, 50.0, 70.0, 70.0]),
    ...     attempts=np.ones(4, dtype=np.int64),
    ...     p_accept=np.array([0.5, 0.5, 1.0, 1.0]),
    ...     thresholds=np.full(4, 60.0),
    ...     p_bad=np.full(4, np.nan),
    ...     truths=np.array([20.0, np.nan, 80.0, 80.0]),
    ...     blocks=np.arange(4),
    ... )
    >>> from core.domain.decisions.policy import PolicyKind
    >>> terms = PolicyTerms(PolicyKind.REDO, 0.0, 60.0, RedoCosts(1.0, 10.0), 40.0)
    >>> found = rehearse_redo(log, terms)  # the one bad row stands for two of four
    >>> found.redo_share.value, found.bad_shown.value, found.value.value
    (0.0, 0.5, -5.0)
    """
    if terms.bar is None or terms.costs is None or terms.threshold is None:
        raise ValueError("a rehearsal needs a bar, costs and a threshold")
    accept = _find_accepting(log, terms, terms.threshold)
    labelled = np.isfinite(log.truths)
    weights = np.divide(accept, log.p_accept, out=np.zeros(len(log)), where=labelled)
    unknown = _find_unknown(log, accept, labelled)
    bad = np.where(labelled, log.truths < terms.bar, 0.0)
    expected = np.nan_to_num(log.p_bad)
    columns = np.column_stack(
        [
            np.ones(len(log)),
            accept,
            weights,
            weights * bad,
            accept * expected,
            weights * expected,
        ]
    )
    costs = terms.costs

    def figures(sums: Floats) -> Floats:
        n, accepted, weight, weighed, modelled, weighed_model = sums.T
        share = accepted / n
        with np.errstate(invalid="ignore", divide="ignore"):
            simple = weighed / weight
            robust = modelled / accepted + (weighed - weighed_model) / weight
        return np.column_stack(
            [
                1.0 - share,
                simple,
                _value(share, simple, costs),
                robust,
                _value(share, robust, costs),
            ]
        )

    redo, simple, value, robust, robust_value = _estimate(columns, log.blocks, figures)
    known = not unknown
    modelled = known and bool(np.isfinite(log.p_bad).all())
    return Rehearsal(
        n_decisions=len(log),
        n_labels=int(labelled.sum()),
        effective_labels=count_effective(weights),
        redo_share=_limit(redo, 0.0, 1.0),
        bad_shown=_limit(simple, 0.0, 1.0) if known else None,
        value=_limit(value) if known else None,
        robust_bad_shown=_limit(robust, 0.0, 1.0) if modelled else None,
        robust_value=_limit(robust_value) if modelled else None,
        unknown=unknown,
    )


def measure_saving(log: RedoLog, terms: PolicyTerms) -> Saving:
    """Measure what a policy with a bar, costs and a threshold saves: its value minus that of never
    redoing, both weighed by inverse probability on the same decisions as `rehearse_redo` does, with
    the limits of the difference."""
    if terms.bar is None or terms.costs is None or terms.threshold is None:
        raise ValueError("a saving needs a bar, costs and a threshold")
    costs, accept = terms.costs, _find_accepting(log, terms, terms.threshold)
    labelled = np.isfinite(log.truths)
    inverse = np.divide(1.0, log.p_accept, out=np.zeros(len(log)), where=labelled)
    bad = np.where(labelled, log.truths < terms.bar, 0.0)
    unknown = _find_unknown(log, np.ones(len(log)), labelled)
    columns = [np.ones(len(log)), accept, accept * inverse, accept * inverse * bad]
    columns += [inverse, inverse * bad]

    def figures(sums: Floats) -> Floats:
        n, accepted, weight, weighed, whole, bad_of_whole = sums.T
        with np.errstate(invalid="ignore", divide="ignore"):
            by_policy = _value(accepted / n, weighed / weight, costs)
            never = _value(np.ones(len(n)), bad_of_whole / whole, costs)
        return (by_policy - never)[:, None]

    (saved,) = _estimate(np.column_stack(columns), log.blocks, figures)
    return Saving(None if unknown else _limit(saved), len(log), int(labelled.sum()), unknown)


def rehearse_pick(log: PickLog, exploration: float) -> Rehearsal:
    """Rehearse a pick policy, as `rehearse_redo` does."""
    rule = np.where(log.is_best, (1.0 - exploration) / log.n_best, 0.0)
    labelled = np.isfinite(log.truths)
    weights = np.where(labelled, (exploration / log.n_candidates + rule) / log.probability, 0.0)
    truths = np.where(labelled, log.truths, 0.0)
    expected = exploration * log.mean + (1.0 - exploration) * log.best
    columns = np.column_stack(
        [np.ones(len(log)), expected, weights, weights * truths, weights * log.picked]
    )

    def figures(sums: Floats) -> Floats:
        n, modelled, weight, weighed, weighed_model = sums.T
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.column_stack(
                [weighed / weight, modelled / n + (weighed - weighed_model) / weight]
            )

    unknown = ""
    if not labelled.any():
        unknown = "unknown: no picked candidate has a label"
    elif exploration > 0 and not (labelled & ~log.is_best).any():
        unknown = "unknown: no candidate but the best was picked and labelled"
    value, robust = _estimate(columns, log.blocks, figures)
    return Rehearsal(
        n_decisions=len(log),
        n_labels=int(labelled.sum()),
        effective_labels=count_effective(weights),
        redo_share=None,
        bad_shown=None,
        value=None if unknown else _limit(value),
        robust_bad_shown=None,
        robust_value=None if unknown else _limit(robust),
        unknown=unknown,
    )


def _fill(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _number(units: Sequence[str | None]) -> NDArray[np.int64]:
    """Return a number for each row that rows of the same unit share; rows without one are alone."""
    names = [f"row {i}" if unit is None else f"unit {unit}" for i, unit in enumerate(units)]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _find_accepting(log: RedoLog, terms: PolicyTerms, threshold: float) -> Floats:
    """Return the probability with which a rule accepts each piece of work."""
    rule = (log.scores >= threshold) | (log.attempts >= terms.max_attempts)
    return np.where(rule, 1.0, terms.exploration)


def _value(accepted: Floats, bad_shown: Floats, costs: RedoCosts) -> Floats:
    """Return the value of a request: what redone and what bad accepted work costs, negative."""
    return -((1.0 - accepted) * cost_redo(costs) + accepted * costs.bad * bad_shown)


def _find_unknown(log: RedoLog, accept: Floats, labelled: NDArray[np.bool_]) -> str:
    """Return why nothing is known of what a policy would accept; empty where something is."""
    never = (accept > 0.0) & (log.p_accept < _LEAST)
    if never.any():
        return f"unknown: nothing under {log.thresholds[never].max():g} was let through"
    if not labelled.any():
        return "unknown: no accepted work has a label"
    more = accept > log.p_accept + _LEAST
    if more.any() and not (more & labelled).any():
        under = log.thresholds[more].max()
        return f"unknown: nothing under {under:g} that was let through has a label"
    return ""


def _estimate(
    columns: Floats, blocks: NDArray[np.int64], figures: Callable[[Floats], Floats]
) -> list[BlockEstimate | None]:
    """Return the figures with their standard errors by blocks. Few blocks of improbable decisions
    weigh most, so that the degrees of freedom are those of Satterthwaite (1946) for the squared
    changes of a figure when a block is left out."""
    sums = block_sums(columns, blocks)
    total = sums.sum(axis=0)
    squares = (figures(total - sums) - figures(total[None])) ** 2
    freedom = squares.sum(axis=0) ** 2 / np.maximum((squares**2).sum(axis=0), 1e-300)
    return [
        None if found is None else replace(found, freedom=max(1.0, min(found.freedom, float(n))))
        for found, n in zip(estimate_by_blocks(sums, figures), freedom, strict=True)
    ]


def _limit(
    estimate: BlockEstimate | None, lowest: float = -np.inf, highest: float = np.inf
) -> Interval | None:
    return None if estimate is None else estimate.find_limits(lowest=lowest, highest=highest)
