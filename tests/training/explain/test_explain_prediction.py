"""A logged prediction is explained by the version that answered it."""

from collections.abc import Callable
from datetime import datetime

import pytest

from core.domain.prediction import AnswerSource
from core.domain.version import Version
from core.errors import NotFound, Refused
from core.store.engine.database import Database
from core.store.predictions import predictions
from core.training.explain.explain_prediction import explain_prediction
from tests.fakes import make_prediction
from tests.training.worlds import FakeTracking, fill, make_samples

ROW = {"size": 1.0, "lang": "py", "other": 0.0, "third": 20.0}


def test_a_served_score_is_explained_to_the_last_bit(
    db: Database,
    registry: FakeTracking,
    train: Callable[..., Version],
    now: Callable[[], datetime],
) -> None:
    fill(db, make_samples(120), now)
    version = train()
    score = float(registry.load_artifact(version.artifact_hash).score([ROW])[0])
    answered = {"version": version.number, "features": ROW}
    with db.write() as conn:
        predictions.append_predictions(
            conn,
            [
                make_prediction("a", score=score, **answered),
                make_prediction("b", score=score - 3, **answered),
                make_prediction(
                    "c", source=AnswerSource.HEURISTIC, reason="It was down.", **answered
                ),
            ],
        )
    why = explain_prediction(db, registry, "a")
    explanation = why.explanation
    total = explanation.base + sum(explanation.contributions.values())
    assert total == pytest.approx(why.served, abs=1e-6)  # float64 sums on a scale of 100
    assert why.doubt == ""
    assert "the text, the time or the history" in explain_prediction(db, registry, "b").doubt
    with pytest.raises(Refused, match=r"No model answered prediction c.*It was down"):
        explain_prediction(db, registry, "c")
    with pytest.raises(NotFound):
        explain_prediction(db, registry, "d")
