"""Trees as one function of a row: the nodes of a fitted ensemble, scored by onnxruntime."""

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.artifacts.row_model import Values
from core.libraries import IMPORTING

_IDENTITY = frozenset(
    {
        "reg:squarederror",
        "reg:absoluteerror",
        "reg:pseudohubererror",
        "reg:quantileerror",
    }
)
"""Objectives of XGBoost whose score is the plain sum of the leaves."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree as parallel lists, the root at 0. A row goes left where its value is below the
    threshold (`or_equal`: or equal to it), and where it is missing as `missing_left` says. At a
    leaf, where `left` is -1, `value` counts."""

    feature: list[int]
    threshold: list[float]
    left: list[int]
    right: list[int]
    missing_left: list[bool]
    value: list[float]


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees whose leaves are added to `offset`."""

    trees: list[Tree]
    offset: float
    n_features: int
    or_equal: bool
    reads: str  # the precision to which a row's numbers are rounded: "f" for 32 bits, "d" for 64
    adds: str  # that of thresholds and sums


def read_booster(document: bytes) -> Forest:
    """The trees of an XGBoost model that was saved as JSON. Raises `ValueError` for one whose score
    is anything but the sum of its leaves."""
    learner = json.loads(document)["learner"]
    objective = learner["objective"]["name"]
    booster = learner["gradient_booster"]
    if objective not in _IDENTITY or booster["name"] != "gbtree":
        raise ValueError(f"no row scorer for {booster['name']} with {objective}")
    parameters = learner["learner_model_param"]
    offset = json.loads(parameters["base_score"])
    return Forest(
        trees=[_read_tree(tree) for tree in booster["model"]["trees"]],
        offset=float(offset[0] if isinstance(offset, list) else offset),
        n_features=int(parameters["num_feature"]),
        or_equal=False,
        reads="f",
        adds="f",
    )


class CompiledForest:
    """The sum of the leaves that a row of numbers reaches; nan is missing.

    >>> stump = Tree([1, 0, 0], [5.0, 0, 0], [1, -1, -1], [2, -1, -1], [True] * 3, [0, -2.0, 2.0])
    >>> score = CompiledForest(Forest([stump], 50.0, 2, False, "f", "f"))
    >>> score([0.0, 4.0]), score([0.0, 5.0]), score([0.0, float("nan")])
    (48.0, 52.0, 48.0)
    >>> score.score_rows([[0.0, 4.0], [0.0, 5.0]]).tolist()
    [48.0, 52.0]
    """

    def __init__(self, forest: Forest) -> None:
        with IMPORTING:
            # 0.9 s to import, which only what loads a model to serve has to pay
            import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(
            _build_graph(forest), options, providers=["CPUExecutionProvider"]
        )
        self._run, self._names = session.run, ["score"]
        self._n_features, self._reads, self._adds = forest.n_features, forest.reads, forest.adds

    def __call__(self, values: Values) -> float:
        return float(self._score(array(self._reads, values))[0, 0])

    def score_rows(self, rows: Sequence[Values]) -> NDArray[np.float64]:
        """The score of each row, shape (n_rows,)."""
        scores = self._score(array(self._reads, chain.from_iterable(rows)))
        return np.asarray(scores[:, 0], dtype=np.float64)

    def _score(self, numbers: "array[float]") -> NDArray[Any]:
        # an array makes infinity of what 32 bits cannot hold, as XGBoost does, and warns of nothing
        rows = np.frombuffer(numbers, self._reads).reshape(-1, self._n_features)
        scores: NDArray[Any] = self._run(self._names, {"row": rows.astype(self._adds, copy=False)})[
            0
        ]
        return scores


def _read_tree(tree: dict[str, Any]) -> Tree:
    if any(tree["split_type"]):
        raise ValueError("no row scorer for trees that split by category")
    return Tree(
        feature=tree["split_indices"],
        threshold=tree["split_conditions"],
        left=tree["left_children"],
        right=tree["right_children"],
        missing_left=[bool(flag) for flag in tree["default_left"]],
        value=tree["split_conditions"],  # XGBoost keeps a leaf's value where others have thresholds
    )


def _build_graph(forest: Forest) -> bytes:
    """The ensemble as a model of one operator, TreeEnsembleRegressor of ONNX's machine learning
    operators (https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleRegressor.html)."""
    with IMPORTING:
        # 0.5 s to import, which only what loads a model to serve has to pay
        from onnx import TensorProto, helper

    kind = TensorProto.DOUBLE if forest.adds == "d" else TensorProto.FLOAT
    attributes = _list_nodes(forest)
    if forest.adds == "d":
        for name in ("nodes_values", "target_weights"):
            numbers = attributes.pop(name)
            attributes[f"{name}_as_tensor"] = helper.make_tensor(
                name, kind, [len(numbers)], numbers
            )
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["row"],
        ["score"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        post_transform="NONE",
        **attributes,
    )
    graph = helper.make_graph(
        [node],
        "forest",
        [helper.make_tensor_value_info("row", kind, [None, forest.n_features])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=8)
    return bytes(model.SerializeToString())


def _list_nodes(forest: Forest) -> dict[str, Any]:
    """The attributes of the operator: nodes of all trees one after another."""
    # The offset is a tree of one leaf, before all others: added up in the order in which XGBoost
    # does it, 600 trees give the same 32 bits, and otherwise differ by 0.0002 points.
    first = Tree([0], [0.0], [-1], [-1], [False], [forest.offset])
    trees = list(enumerate([first, *forest.trees]))
    branch = "BRANCH_LEQ" if forest.or_equal else "BRANCH_LT"
    nodes = [(i, n, tree) for i, tree in trees for n in range(len(tree.left))]
    leaves = [(i, n, tree.value[n]) for i, n, tree in nodes if tree.left[n] == -1]
    return {
        "nodes_treeids": [i for i, _, _ in nodes],
        "nodes_nodeids": [n for _, n, _ in nodes],
        "nodes_featureids": [tree.feature[n] for _, n, tree in nodes],
        "nodes_values": [tree.threshold[n] for _, n, tree in nodes],
        "nodes_modes": ["LEAF" if tree.left[n] == -1 else branch for _, n, tree in nodes],
        "nodes_truenodeids": [max(tree.left[n], 0) for _, n, tree in nodes],
        "nodes_falsenodeids": [max(tree.right[n], 0) for _, n, tree in nodes],
        "nodes_missing_value_tracks_true": [int(tree.missing_left[n]) for _, n, tree in nodes],
        "target_treeids": [i for i, _, _ in leaves],
        "target_nodeids": [n for _, n, _ in leaves],
        "target_ids": [0] * len(leaves),
        "target_weights": [value for _, _, value in leaves],
    }
