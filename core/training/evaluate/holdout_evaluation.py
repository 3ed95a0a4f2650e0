"""Everything that is found out about a candidate on its holdout, before any verdict."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.artifacts.artifact import Artifact
from core.domain.model_card import Card, find_half_width
from core.domain.training_report import HoldoutSegment, ScoreBand
from core.settings import Scale
from core.training.data.rows import Rows, name_features
from core.training.evaluate.column_scores import find_related, measure_importance
from core.training.evaluate.error_slices import cut_categories, measure_bands, measure_segments
from core.training.evaluate.gate import Comparison, Evidence, has_skill
from core.training.evaluate.metrics import Blocks, Evaluation, choose_blocks, evaluate_scores
from core.training.evaluate.naive_baselines import make_guesses
from core.training.explain.contributions import (
    EXACT,
    SHUFFLED,
    contribute,
    share_contributions,
    trace_columns,
)
from core.training.explain.pipeline_inspection import prepare_rows
from core.training.search.fitting import Fitted

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
        seed=seed,
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
    )


def gather_evidence(
    found: Examination,
    holdout: Rows,
    comparison: Comparison | None,
    *,
    synthetic: bool,
    leaks: tuple[str, ...],
    overrides: tuple[str, ...],
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
        leaks=leaks,
        overrides=overrides,
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
