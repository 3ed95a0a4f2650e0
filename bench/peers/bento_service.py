"""The trees as a BentoML service; it runs in an environment of its own."""

import os

import bentoml
import numpy as np
import xgboost


@bentoml.service(workers=1)
class Trees:
    """One row at a time."""

    def __init__(self) -> None:
        self.booster = xgboost.Booster({"nthread": 1}, model_file=os.environ["BENCH_MODEL"])

    @bentoml.api
    def predict(self, row: list[float]) -> dict[str, float]:
        """Its score."""
        values = np.array([row], dtype=np.float32)
        return {"score": float(self.booster.inplace_predict(values, validate_features=False)[0])}
