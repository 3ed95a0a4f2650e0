"""Linear regression on the raw features: what anything more elaborate has to beat."""

from collections.abc import Mapping
from typing import Any

from core.training.recipe import Recipe


def build(seed: int, parameters: Mapping[str, Any]) -> Any:
    """Medians for missing numbers, 0/1 columns for categories, all on one scale, then least
    squares with a penalty so small that it only matters where columns say the same thing."""
    # scikit-learn takes 4 s to import, which the menu must not cost
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    from core.features.encoder import RowEncoder

    return Pipeline(
        [("encode", RowEncoder()), ("scale", StandardScaler()), ("model", Ridge(alpha=1.0))]
    )


RECIPE = Recipe("baseline", "Linear regression on the raw features.", build)
