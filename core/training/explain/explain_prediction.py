"""The explanation of a logged prediction: the version that answered scores it again."""

from dataclasses import dataclass

from core import text
from core.domain.prediction import AnswerSource, Prediction
from core.domain.version import version_name
from core.errors import Refused
from core.registry import Registry
from core.store.engine.database import Database
from core.store.models import versions
from core.store.predictions import predictions
from core.training.explain.contributions import Explanation, explain_row

_SAME = 1e-6  # of the scale


@dataclass(frozen=True, slots=True)
class Why:
    """`doubt` is empty where the explained score is the one that was served."""

    prediction_id: str
    version: int
    served: float
    explanation: Explanation
    doubt: str


def explain_prediction(db: Database, registry: Registry, prediction_id: str) -> Why:
    """Return the points that each column added to the score of a logged prediction.

    Raises `NotFound` for an unknown id, `Refused` where no model answered it or its artifact was
    altered, `Unavailable` where that cannot be read."""
    with db.read() as conn:
        found = predictions.get_prediction(conn, prediction_id.strip())
        served = _check_model(found)
        version = versions.get_version(conn, found.version)
    artifact = registry.load_artifact(version.artifact_hash)
    explanation = explain_row(artifact, found.features)
    card = artifact.card
    now = min(max(explanation.score, card.scale_low), card.scale_high)
    doubt = ""
    if abs(now - served) > _SAME * (card.scale_high - card.scale_low):
        doubt = (
            f"The features that were logged alone score {text.figure(now)}, and "
            f"{text.figure(served)} was served: "
            "the version also reads the text, the time or the history of the row."
        )
    return Why(found.id, found.version, served, explanation, doubt)


def _check_model(found: Prediction) -> float:
    if found.source is not AnswerSource.MODEL or found.score is None:
        raise Refused(
            f"No model answered prediction {found.id}, so that there is no score of one to explain"
            f": {found.reason or version_name(found.version)}"
        )
    return found.score
