"""The report that is stored with a version, put together from what the training found."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from core.domain.training_report import LEFT_OUT, TrainingReport, WorstRow
from core.training.evaluate.error_slices import find_worst
from core.training.evaluate.fit_and_evaluate import Learned, Order
from core.training.evaluate.gate import Evidence, decide_gate
from core.training.evaluate.verdict import summarize_training
from core.training.explain.pipeline_inspection import list_added
from plumbline.program import describe_commit, describe_environment

if TYPE_CHECKING:
    import pandas as pd


def build_report(
    learned: Learned,
    evidence: Evidence,
    order: Order,
    *,
    keys: "pd.Series[str]",
    by: str,
    seconds: float,
) -> TrainingReport:
    """The report with the gate's decision and the summary; `keys` name the holdout's rows."""
    comparison, found, fitted = evidence.comparison, learned.found, learned.fitted
    split, card = learned.split, learned.artifact.card
    return TrainingReport(
        recipe=card.recipe,
        seed=order.seed,
        n_train=len(fitted.inside),
        n_holdout=len(split.holdout),
        split=split.kind,
        split_reason=split.reason,
        features_available=(*evidence.columns, *list_added(learned.artifact.pipeline)),
        features_selected=fitted.selected,
        importance=found.importance,
        search=fitted.search.describe(),
        metrics=evidence.metrics,
        champion_mae=None if comparison is None else comparison.mae,
        naive=evidence.naive,
        cv=fitted.cv,
        gate=decide_gate(evidence),
        tolerance=card.tolerance,
        scale_low=card.scale_low,
        scale_high=card.scale_high,
        synthetic=card.synthetic,
        overrides=tuple(evidence.doubts.overridden),
        acknowledged=tuple(evidence.doubts.acknowledged),
        summary=summarize_training(evidence),
        seconds=seconds,
        basis=evidence.basis,
        left_out={**fitted.dropped, **dict.fromkeys(order.leave_out, LEFT_OUT + by)},
        champion=None if comparison is None else comparison.version,
        improvement=None if comparison is None else comparison.improvement,
        gate_alpha=None if comparison is None else comparison.alpha,
        n_compared=0 if comparison is None else comparison.n_compared,
        random_split_mae=learned.at_random,
        interval_coverage=found.evaluation.coverage,
        n_unknown_yet=split.n_unknown_yet,
        label_delay_seconds=order.label_delay_seconds,
        learning_curve=learned.curve,
        doubling=learned.doubling,
        segments=found.segments,
        score_bands=found.score_bands,
        worst=_list_worst(learned, keys.tolist()),
        environment=describe_environment(),
        commit=describe_commit(),
        importance_method=found.importance_method,
        scorer=card.scorer,
        objective=order.plan.objective,
        window=fitted.window.reason,
        windows_tried=fitted.window.tried,
        plan=msgspec.to_builtins(order.plan),
        attempts=fitted.search.attempts,
        holdout_from_at=split.holdout_from_at,
        picks=found.picks,
    )


def _list_worst(learned: Learned, keys: Sequence[str]) -> tuple[WorstRow, ...]:
    rows, scores = learned.holdout, learned.found.scores
    return tuple(
        WorstRow(keys[i], _moment(rows.at_seconds[i]), float(scores[i]), float(rows.target[i]))
        for i in find_worst(rows.target, scores)
    )


def _moment(at_seconds: float) -> datetime | None:
    return None if np.isnan(at_seconds) else datetime.fromtimestamp(at_seconds, tz=UTC)
