"""The report that is stored with a version, put together from what the training found."""

from collections.abc import Collection

from core.data.splits import Split
from core.domain.card import Card
from core.domain.report import TrainingReport
from core.training.examine import Examination
from core.training.fitting import Fitted
from core.training.gate import Evidence, decide_gate
from core.training.verdict import summarize_training


def build_report(
    card: Card,
    split: Split,
    fitted: Fitted,
    found: Examination,
    evidence: Evidence,
    *,
    seed: int,
    at_random: float | None,
    leave_out: Collection[str],
    by: str,
    seconds: float,
) -> TrainingReport:
    """The report with the gate's decision and the summary."""
    comparison = evidence.comparison
    return TrainingReport(
        recipe=card.recipe,
        seed=seed,
        n_train=len(split.train),
        n_holdout=len(split.holdout),
        split=split.kind,
        split_reason=split.reason,
        features_available=tuple(evidence.columns),
        features_selected=tuple(fitted.kinds),
        importance=found.importance,
        search={
            "n_combinations": fitted.search.n_combinations,
            "n_folds": fitted.search.n_folds,
            "best": dict(fitted.search.parameters),
        },
        metrics=evidence.metrics,
        champion_mae=None if comparison is None else comparison.mae,
        naive=evidence.naive,
        cv=fitted.cv,
        gate=decide_gate(evidence),
        tolerance=card.tolerance,
        scale_low=card.scale_low,
        scale_high=card.scale_high,
        synthetic=card.synthetic,
        overrides=tuple(evidence.overrides),
        summary=summarize_training(evidence),
        seconds=seconds,
        basis=evidence.basis,
        left_out={**dict.fromkeys(leave_out, f"left out by {by}"), **fitted.dropped},
        champion=None if comparison is None else comparison.version,
        improvement=None if comparison is None else comparison.improvement,
        n_compared=0 if comparison is None else comparison.n_compared,
        random_split_mae=at_random,
        interval_coverage=found.evaluation.coverage,
        scorer=card.scorer,
    )
