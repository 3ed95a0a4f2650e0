"""The bounds of saved trees: each leads to its own nodes only, reads only columns that exist, and
is no longer than its file. The libraries that score trees check none of it; pure."""

import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_COLUMNS = 100_000
"""Columns that a tree may read: the libraries make room for a row of so many."""

_MAX_CATEGORY = 65_536
_MAX_DEPTH = 32
_NUMBERS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
_CONSTANTS = {"Z": None, "T": True, "F": False}
_BY_NODE = (
    "base_weights",
    "default_left",
    "left_children",
    "loss_changes",
    "parents",
    "right_children",
    "split_conditions",
    "split_indices",
    "split_type",
    "sum_hessian",
)


def check_children(
    left: NDArray[Any], right: NDArray[Any], column: NDArray[Any], n_columns: int
) -> None:
    """Raise `ValueError` unless the nodes of a tree, arrays of one length with the root at 0, lead
    from the root to leaves. A leaf has no left child (-1); every other node has two, each the child
    of no other node, and reads a column from 0 to `n_columns` - 1.

    >>> check_children(np.array([1, -1, -1]), np.array([2, -1, -1]), np.array([0, 0, 0]), 1)
    """
    inner = left != -1
    children = np.concatenate([left[inner], right[inner]]).astype(np.int64)
    if not len(left) or (children < 1).any() or (children >= len(left)).any():
        raise ValueError("a tree leads to a node that it has not")
    if len(np.unique(children)) != len(children):
        raise ValueError("a tree leads to a node in two ways")
    if (column[inner] < 0).any() or (column[inner] >= n_columns).any():
        raise ValueError(f"a tree reads a column beyond the {n_columns:,} that there are")


def check_columns(n_columns: object) -> int:
    """Return the number of columns that trees read; raise `ValueError` for one that cannot be.

    >>> check_columns("19")
    19
    """
    number = int(str(n_columns))
    if not 1 <= number <= MAX_COLUMNS:
        raise ValueError(f"trees that read {number:,} columns")
    return number


def check_booster(content: bytes) -> None:
    """Raise `ValueError`, `LookupError` or `TypeError` for an XGBoost model in UBJSON that is not
    as XGBoost writes it, or whose trees, lengths or parameters are out of bounds."""
    found = read_ubjson(content)
    model = found.get("Model", found)["learner"]
    parameters = model["learner_model_param"]
    n_columns = check_columns(parameters["num_feature"])
    if int(parameters["num_class"]) > 1 or int(parameters.get("num_target", 1)) > 1:
        raise ValueError("a model of several targets")
    for part in _list_mappings(model["gradient_booster"]):
        if part.get("enc"):
            raise ValueError("a model of categories that only a frame has")
        if "gbtree_model_param" in part:
            _check_forest(part)
        if "left_children" in part:
            _check_tree(part, n_columns)
        if "weights" in part and len(part["weights"]) != n_columns + 1:
            raise ValueError("a linear model whose weights are not those of its columns")


def _check_forest(model: Mapping[str, Any]) -> None:
    n_trees = len(model["trees"])
    groups, starts = np.asarray(model["tree_info"]), np.asarray(model["iteration_indptr"])
    if int(model["gbtree_model_param"]["num_trees"]) != n_trees or len(groups) != n_trees:
        raise ValueError("a forest with another number of trees than it says")
    if (
        groups.any()
        or (starts < 0).any()
        or (starts > n_trees).any()
        or (np.diff(starts) < 0).any()
    ):
        raise ValueError("a forest whose rounds are not those of its trees")


def _check_tree(tree: Mapping[str, Any], n_columns: int) -> None:
    n_nodes = int(tree["tree_param"]["num_nodes"])
    nodes = {name: np.asarray(tree[name]) for name in _BY_NODE}
    if any(len(values) != n_nodes for values in nodes.values()):
        raise ValueError("a tree with another number of nodes than it says")
    if int(tree["tree_param"].get("size_leaf_vector", 1)) > 1:
        raise ValueError("a tree of several targets")
    check_children(
        nodes["left_children"], nodes["right_children"], nodes["split_indices"], n_columns
    )
    categories, at, starts, sizes = (
        np.asarray(tree[name], dtype=np.int64)
        for name in (
            "categories",
            "categories_nodes",
            "categories_segments",
            "categories_sizes",
        )
    )
    if not len(at) == len(starts) == len(sizes) == np.count_nonzero(nodes["split_type"]):
        raise ValueError("a tree whose categories are not those of its nodes")
    ends = starts + sizes
    bad = (at < 0) | (at >= n_nodes) | (starts < 0) | (sizes < 0) | (ends > len(categories))
    if bad.any() or (categories < 0).any() or (categories >= _MAX_CATEGORY).any():
        raise ValueError("a tree whose categories are out of bounds")


def _list_mappings(value: object) -> Iterator[Mapping[str, Any]]:
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def read_ubjson(content: bytes) -> dict[str, Any]:
    """Return a document in UBJSON (https://ubjson.org, as XGBoost writes it), arrays of one type as
    numpy's. Raises `ValueError` where a length goes beyond the content.

    >>> read_ubjson(b"{L" + (1).to_bytes(8, "big") + b"ai\\x07}")
    {'a': 7}
    """
    value, end = _read_value(content, 0, 0)
    if not isinstance(value, dict) or end != len(content):
        raise ValueError("the model is not as XGBoost writes one")
    return value


def _read_value(content: bytes, at: int, depth: int) -> tuple[Any, int]:
    """Return the value at a place, and the place after it."""
    if depth > _MAX_DEPTH:
        raise ValueError("a model that is too deep")
    kind, at = _take(content, at, 1).decode("latin-1"), at + 1
    if kind == "{":
        found = {}
        while _take(content, at, 1) != b"}":
            name, at = _read_text(content, at)
            found[name], at = _read_value(content, at, depth + 1)
        return found, at + 1
    if kind == "[":
        return _read_array(content, at, depth)
    if kind == "S":
        return _read_text(content, at)
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], at
    number = np.dtype(_NUMBERS[kind])
    return np.frombuffer(_take(content, at, number.itemsize), number)[
        0
    ].item(), at + number.itemsize


def _read_array(content: bytes, at: int, depth: int) -> tuple[Any, int]:
    if _take(content, at, 1) == b"$":
        kind = np.dtype(_NUMBERS[_take(content, at + 1, 1).decode("latin-1")])
        if _take(content, at + 2, 1) != b"#":
            raise ValueError("an array without a length")
        length, at = _read_length(content, at + 3)
        values = np.frombuffer(_take(content, at, length * kind.itemsize), kind)
        return values, at + length * kind.itemsize
    items = []
    if _take(content, at, 1) == b"#":
        length, at = _read_length(content, at + 1)
        if length > len(content) - at:
            raise ValueError("an array that is longer than the model")
        for _ in range(length):
            item, at = _read_value(content, at, depth + 1)
            items.append(item)
        return items, at
    while _take(content, at, 1) != b"]":
        item, at = _read_value(content, at, depth + 1)
        items.append(item)
    return items, at + 1


def _read_text(content: bytes, at: int) -> tuple[str, int]:
    length, at = _read_length(content, at)
    return _take(content, at, length).decode(), at + length


def _read_length(content: bytes, at: int) -> tuple[int, int]:
    if _take(content, at, 1) != b"L":
        raise ValueError("a length of another type than XGBoost writes")
    (length,) = struct.unpack(">q", _take(content, at + 1, 8))
    return length, at + 9


def _take(content: bytes, at: int, length: int) -> bytes:
    if length < 0 or at + length > len(content):
        raise ValueError("a length beyond the end of the model")
    return content[at : at + length]
