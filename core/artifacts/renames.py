"""Classes of saved pipelines that have moved: an artifact of an earlier program names them as they
were called then."""

from collections.abc import Mapping
from typing import Any

RENAMES: Mapping[str, str] = {
    "core.training.blend.Blend": "core.training.models.blend.Blend",
    "core.training.forgetting_line.ForgettingLine": (
        "core.training.models.recursive_least_squares.ForgettingLine"
    ),
    "core.training.line.CompleteLine": "core.training.models.ridge.CompleteLine",
    "core.training.line.Line": "core.training.models.ridge.RidgeRegressor",
    "core.training.strong_columns.StrongColumns": (
        "core.training.models.feature_selection.StrongColumns"
    ),
    "core.training.trees.BoostedTrees": "core.training.models.trees.BoostedTrees",
}
"""Former full names and today's. A name stays here for as long as its artifacts may be loaded."""


def use_current_names(schema: Any) -> bool:
    """Give every class in the plan of a saved pipeline its current name, in place; return whether
    any had a former one.

    >>> plan = {"__module__": "core.training.line", "__class__": "Line", "content": []}
    >>> use_current_names(plan), plan["__module__"], plan["__class__"]
    (True, 'core.training.models.ridge', 'RidgeRegressor')
    """
    found = False
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            name = RENAMES.get(f"{node.get('__module__')}.{node.get('__class__')}")
            if name is not None:
                node["__module__"], _, node["__class__"] = name.rpartition(".")
                found = True
            waiting.extend(node.values())
    return found
