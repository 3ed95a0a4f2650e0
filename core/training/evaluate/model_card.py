"""The card that is saved beside a pipeline, with rows whose scores must stay the same."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.artifacts.artifact import Artifact, build_edge_rows, check_scorer
from core.artifacts.scorer import compile_pipeline
from core.domain.model_card import Band, Card, GoldenRow
from core.domain.sample import Features
from core.settings import Scale
from core.training.data.rows import Rows, list_rows
from core.training.evaluate.fitting import Fitted
from core.training.explain.pipeline_inspection import trace_inputs

N_GOLDEN = 10
N_CHECKED = 2_000


def build_card(
    recipe: str,
    fitted: Fitted,
    train: Rows,
    holdout: Rows,
    *,
    scale: Scale,
    tolerance: float,
    synthetic: bool,
) -> Card:
    """The card of a fitted pipeline. Its golden rows are ten training rows from the lowest score to
    the highest, and one in which everything is missing; its row scorer is checked on these, on the
    newest held-out rows and on edge cases."""
    features, reads = trace_inputs(fitted.pipeline, fitted.selected)
    card = Card(
        recipe=recipe,
        features=features,
        reads=reads,
        scale_low=scale.low,
        scale_high=scale.high,
        tolerance=tolerance,
        interval_half_width=fitted.half_width,
        golden=(),
        synthetic=synthetic,
        bands=tuple(Band(highest, width) for highest, width in fitted.bands),
    )
    artifact = Artifact(fitted.pipeline, card)
    columns = [name for name in train.features.columns if name in {*features, *reads}]
    rows = [*list_rows(train.features[columns], _spread(artifact.score(train.features))), {}]
    golden = _score_rows(artifact, rows)
    newest = list_rows(holdout.features[columns], np.arange(len(holdout.target))[-N_CHECKED:])
    checked = [*rows, *newest, *build_edge_rows(rows, card.features)]
    check = check_scorer(fitted.pipeline, compile_pipeline(fitted.pipeline), card, checked)
    return replace(card, golden=golden, scorer=check)


def _score_rows(artifact: Artifact, rows: list[Features]) -> tuple[GoldenRow, ...]:
    scores = artifact.score(rows)
    return tuple(
        GoldenRow(features, None, float(score))
        for features, score in zip(rows, scores, strict=True)
    )


def _spread(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    order = np.argsort(scores, kind="stable")
    places = np.linspace(0, len(scores) - 1, min(N_GOLDEN, len(scores)))
    return order[places.astype(np.int64)]
