"""Linear regression on the enhanced features: ratios, history and time beside the raw columns."""

from collections.abc import Mapping
from typing import Any

from core.training.recipe import Recipe

PENALTY = 10.0


def build(seed: int, parameters: Mapping[str, Any]) -> Any:
    """What can be made of the base features, of a provider's and model's history and of the time;
    then as the baseline does it, with a penalty for columns that say nearly the same."""
    # scikit-learn takes 4 s to import, which the menu must not cost
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    from core.features.encoder import RowEncoder
    from core.features.enhanced import EnhancedFeatures

    steps = [("enhance", EnhancedFeatures()), ("encode", RowEncoder()), ("scale", StandardScaler())]
    return Pipeline([*steps, ("model", Ridge(alpha=PENALTY).set_params(**parameters))])


RECIPE = Recipe("enhanced", "Linear regression with derived, historical and time features.", build)
