"""Linear regression on the enhanced features and an embedding of the text."""

from collections.abc import Mapping
from typing import Any

from core.training.models.recipe import Recipe
from core.training.recipes import enhanced


def build(seed: int, parameters: Mapping[str, Any]) -> Any:
    """Return the enhanced pipeline behind an embedding of the text; rows without a text lack its
    columns. The parameter `embedding` is the folder of a transformer; hashed tokens otherwise."""
    # scikit-learn takes 4 s to import, which the menu must not cost
    from sklearn.pipeline import Pipeline

    from core.features.embeddings import HASHED, TextEmbedding

    others = {name: value for name, value in parameters.items() if name != "embedding"}
    step = TextEmbedding(model=parameters.get("embedding", HASHED), seed=seed)
    return Pipeline([("text", step), *enhanced.build(seed, others).steps])


RECIPE = Recipe("text", "The enhanced features, and the text's tokens in a few numbers.", build)
