"""Evaluate a candidate on its holdout, and what single columns are worth to it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.features.values import levels_of, numbers_of
from core.stats.association import category_p_value, holm, number_p_value

if TYPE_CHECKING:
    import pandas as pd
from dataclasses import dataclass

from core.artifacts.artifact import Artifact
from core.domain.model_card import Card, find_half_width
from core.domain.training_report import HoldoutSegment, Picks, ScoreBand
from core.settings import Scale
from core.training.data.rows import Rows, name_features
from core.training.evaluate.error_slices import cut_categories, measure_bands, measure_segments
from core.training.evaluate.fitting import Fitted
from core.training.evaluate.gate import Comparison, Doubts, Evidence, has_skill
from core.training.evaluate.metrics import (
    Blocks,
    Evaluation,
    choose_blocks,
    evaluate_scores,
    make_guesses,
)
from core.training.evaluate.picks import examine_picks
from core.training.explain.contributions import (
    EXACT,
    SHUFFLED,
    contribute,
    share_contributions,
    trace_columns,
)
from core.training.explain.pipeline_inspection import prepare_rows

_MAX_ROWS = 20_000
_MAX_PERMUTED = 1_000


def find_related(
    frame: "pd.DataFrame", target: NDArray[np.float64], kinds: Mapping[str, str], *, seed: int
) -> tuple[str, ...]:
    """The columns that say something about the target by themselves, at the 1 % level over all of
    them together (Holm), strongest first. `kinds` are the encoder's."""
    rows = _some(len(frame), _MAX_ROWS, seed)
    part, outcome = frame.iloc[rows], target[rows]
    return holm(
        {
            name: (
                number_p_value(numbers_of(part, name), outcome)
                if kind == "numeric"
                else category_p_value(levels_of(part, name), outcome)
            )
            for name, kind in kinds.items()
        }
    )


def measure_importance(
    score: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    matrix: NDArray[np.float64],
    target: NDArray[np.float64],
    sources: Sequence[str],
    *,
    seed: int,
) -> dict[str, float]:
    """Each raw column's share (0..1, in all 1) of what the error grows by when its values are
    shuffled between the rows (Breiman 2001, on rows that were not trained on), largest first; 0
    where it does not grow. Of columns that say the same, each looks less important than they are
    together.

    `matrix` holds the encoded rows, `sources` the raw column of each of its columns: since each row
    is encoded by itself, shuffling these is shuffling the raw values. At most 1,000 rows are used.

    >>> matrix = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]])
    >>> measure_importance(lambda rows: rows[:, 0], matrix, matrix[:, 0], ["a", "b"], seed=0)
    {'a': 1.0, 'b': 0.0}
    """
    rng = np.random.default_rng(seed)
    rows = _some(len(matrix), _MAX_PERMUTED, seed)
    part, outcome = matrix[rows], target[rows]
    before = float(np.mean(np.abs(outcome - score(part))))
    growth = {}
    for name in dict.fromkeys(sources):
        columns = [i for i, source in enumerate(sources) if source == name]
        kept = part[:, columns].copy()
        part[:, columns] = kept[rng.permutation(len(part))]
        growth[name] = max(0.0, float(np.mean(np.abs(outcome - score(part)))) - before)
        part[:, columns] = kept
    total = sum(growth.values())
    shares = {name: value / total if total > 0 else 0.0 for name, value in growth.items()}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _some(n: int, limit: int, seed: int) -> NDArray[np.int64]:
    if n <= limit:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, limit, replace=False))


_MAX_EXPLAINED = 1_000


@dataclass(frozen=True, slots=True)
class Examination:
    """`scores` are finite: one that was no number stands at the scale's low end, and is counted."""

    scores: NDArray[np.float64]
    n_not_finite: int
    blocks: Blocks
    evaluation: Evaluation
    related: tuple[str, ...]  # columns that say something about the target by themselves
    importance: dict[str, float]
    """Empty where the model has no skill to attribute, or a step mixes the columns."""
    importance_method: str
    segments: tuple[HoldoutSegment, ...]
    score_bands: tuple[ScoreBand, ...]
    picks: Picks | None  # None where no group of the holdout is a choice


def examine_candidate(
    artifact: Artifact,
    fitted: Fitted,
    train: Rows,
    holdout: Rows,
    *,
    by_time: bool,
    tolerance: float,
    seed: int,
) -> Examination:
    """Score the holdout and measure; the naive guesses and the related columns come from the
    training rows, all errors from the holdout."""
    card = artifact.card
    raw = artifact.score(holdout.features)
    scores = np.nan_to_num(raw, nan=card.scale_low)
    blocks = choose_blocks(
        holdout.at_seconds if by_time else None, holdout.group, len(holdout.target)
    )
    scale = Scale(card.scale_low, card.scale_high)
    guesses, category = make_guesses(train, holdout, fitted.kinds, by_time=by_time, scale=scale)
    evaluation = evaluate_scores(
        holdout.target,
        scores,
        guesses,
        _find_half_widths(card, scores),
        tolerance=tolerance,
        blocks=blocks,
        category=category,
    )
    importance, method = _measure_importance(artifact, holdout, evaluation, seed)
    return Examination(
        scores=scores,
        n_not_finite=int(np.isnan(raw).sum()),
        blocks=blocks,
        evaluation=evaluation,
        related=find_related(
            prepare_rows(artifact.pipeline, train.features), train.target, fitted.kinds, seed=seed
        ),
        importance=importance,
        importance_method=method,
        segments=measure_segments(
            cut_categories(holdout.features, fitted.kinds), holdout.target, scores, blocks
        ),
        score_bands=measure_bands(holdout.target, scores, blocks),
        picks=examine_picks(scores, train, holdout, fitted.kinds, scale),
    )


def gather_evidence(
    found: Examination,
    holdout: Rows,
    comparison: Comparison | None,
    *,
    synthetic: bool,
    doubts: Doubts,
    purpose: str,
    objective: str,
    tolerance: float,
) -> Evidence:
    """Return the evidence that the gate and the summary decide from."""
    return Evidence(
        metrics=found.evaluation.metrics,
        naive=found.evaluation.naive,
        n_holdout=len(found.scores),
        n_synthetic=int(holdout.synthetic.sum()),
        n_not_finite=found.n_not_finite,
        spread=float(np.ptp(found.scores)),
        basis=found.blocks.words,
        columns=name_features(holdout.features),
        related=found.related,
        comparison=comparison,
        synthetic=synthetic,
        doubts=doubts,
        purpose=purpose,
        picks=found.picks,
        objective=objective,
        tolerance=tolerance,
    )


def _find_half_widths(card: Card, scores: NDArray[np.float64]) -> NDArray[np.float64] | None:
    found = [find_half_width(card, score) for score in scores.tolist()]
    return None if None in found else np.array(found, dtype=np.float64)


def _measure_importance(
    artifact: Artifact, holdout: Rows, evaluation: Evaluation, seed: int
) -> tuple[dict[str, float], str]:
    """Each column's share of what moves the scores of the holdout, and how that was found."""
    pipeline, card = artifact.pipeline, artifact.card
    if not has_skill(evaluation.metrics) or not hasattr(pipeline, "steps"):
        return {}, ""
    some = holdout.features.iloc[:: max(1, -(-len(holdout.target) // _MAX_EXPLAINED))]
    found = contribute(pipeline, some, card.scale_high - card.scale_low)
    if found is not None:
        return share_contributions(found), EXACT
    traced = trace_columns(pipeline, holdout.features)
    if traced is None:
        return {}, ""
    shares = measure_importance(
        lambda matrix: np.clip(pipeline[-1].predict(matrix), card.scale_low, card.scale_high),
        traced[0],
        holdout.target,
        traced[1],
        seed=seed,
    )
    return shares, SHUFFLED
