"""Trees that somebody crafted are refused before a library that checks nothing gets them."""

import io
import json
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from xgboost import XGBRegressor

from core.artifacts.content import check_content
from core.artifacts.tree_bounds import check_booster, read_ubjson
from core.training.models.trees import BoostedTrees
from tests.artifacts.crafted import Node, edit_schema, pack, read_members

Edit = Callable[[Any], None]
X = np.random.default_rng(0).normal(size=(80, 3))
Y = X[:, 2]


def as_members(model: Any) -> dict[str, bytes]:
    return read_members(model)


@pytest.fixture(scope="module")
def booster() -> bytes:
    return bytes(BoostedTrees(n_trees=3).fit(X, Y).booster_.save_raw("ubj"))


@pytest.fixture(scope="module")
def forest() -> dict[str, bytes]:
    return as_members(RandomForestRegressor(2, max_depth=2, random_state=0).fit(X, Y))


def replace_array(
    booster: bytes, name: str, change: Callable[[np.ndarray[Any, Any]], None]
) -> bytes:
    """The model with one array of its first tree changed in place."""
    head = struct.pack(">cq", b"L", len(name)) + name.encode() + b"[$"
    at = booster.index(head) + len(head)
    kind = np.dtype({"l": ">i4", "d": ">f4", "U": ">u1"}[chr(booster[at])])
    (length,) = struct.unpack(">q", booster[at + 3 : at + 11])
    start, end = at + 11, at + 11 + length * kind.itemsize
    values = np.frombuffer(booster[start:end], kind).copy()
    change(values)
    return booster[:start] + values.tobytes() + booster[end:]


def replace_item(booster: bytes, name: str, value: int) -> bytes:
    """The model with the first number of a list replaced by one of 32 bits."""
    at = booster.index(name.encode() + b"[#L") + len(name) + 11
    return booster[:at] + struct.pack(">ci", b"l", value) + booster[at + 2 :]


def set_at(place: int, value: float) -> Callable[[np.ndarray[Any, Any]], None]:
    def change(values: np.ndarray[Any, Any]) -> None:
        values[place] = value

    return change


def replace_word(booster: bytes, name: str, word: str) -> bytes:
    """The model with one of its parameters, a text, replaced."""
    pattern = re.escape(struct.pack(">cq", b"L", len(name)) + name.encode()) + rb"SL(.{8})"
    *_, found = re.finditer(pattern, booster, re.DOTALL)
    (length,) = struct.unpack(">q", found[1])
    start = found.end()
    text = struct.pack(">q", len(word)) + word.encode()
    return booster[: start - 8] + text + booster[start + length :]


CRAFTED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a child beyond its nodes": (
        lambda b: replace_array(b, "left_children", set_at(0, 2_000_000_000)),
        "a node that it has not",
    ),
    "a child before its nodes": (
        lambda b: replace_array(b, "right_children", set_at(0, -7)),
        "a node that it has not",
    ),
    "a circle": (
        lambda b: replace_array(b, "left_children", set_at(1, 1)),
        "a node in two ways",
    ),
    "the root as a child": (
        lambda b: replace_array(b, "left_children", set_at(0, 0)),
        "a node that it has not",
    ),
    "a column beyond the row": (
        lambda b: replace_array(b, "split_indices", set_at(0, 3)),
        "a column beyond the 3",
    ),
    "a row of four thousand million columns": (
        lambda b: replace_word(b, "num_feature", "4294967295"),
        "trees that read 4,294,967,295 columns",
    ),
    "a million targets": (
        lambda b: replace_word(b, "num_target", "1000000"),
        "several targets",
    ),
    "a million classes": (lambda b: replace_word(b, "num_class", "1000000"), "several targets"),
    "two thousand million nodes": (
        lambda b: replace_word(b, "num_nodes", "2147483647"),
        "another number of nodes",
    ),
    "a million trees": (
        lambda b: replace_word(b, "num_trees", "1000000"),
        "another number of trees",
    ),
    "leaves of a million values": (
        lambda b: replace_word(b, "size_leaf_vector", "1000000"),
        "several targets",
    ),
    "rounds beyond its trees": (
        lambda b: replace_item(b, "iteration_indptr", 1_000_000),
        "rounds are not those",
    ),
    "a tree of another group": (
        lambda b: replace_item(b, "tree_info", 9),
        "rounds are not those",
    ),
    "a category without its set": (
        lambda b: replace_array(b, "split_type", set_at(0, 1)),
        "categories are not those",
    ),
    "an array of eight thousand petabytes": (
        lambda b: b.replace(
            b"base_weights[$d#L" + b[b.index(b"base_weights") + 17 :][:8],
            b"base_weights[$d#L" + struct.pack(">q", 2**60),
            1,
        ),
        "beyond the end",
    ),
    "a text of a negative length": (
        lambda b: b.replace(b"SL" + struct.pack(">q", 1), b"SL" + struct.pack(">q", -1), 1),
        "beyond the end",
    ),
    "half of it": (lambda b: b[: len(b) // 2], "beyond the end"),
    "more than it": (lambda b: b + b"x", "not as XGBoost writes"),
    "a thousand lists in each other": (lambda _: b"[" * 1_000, "too deep"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_booster_is_refused(booster: bytes, name: str) -> None:
    craft, said = CRAFTED[name]
    crafted = craft(booster)
    assert crafted != booster
    with pytest.raises(ValueError, match=said):
        check_booster(crafted)


@pytest.mark.parametrize(
    "parameters",
    [{}, {"booster": "gblinear"}, {"booster": "dart"}, {"tree_method": "exact", "gamma": 5.0}],
)
def test_what_xgboost_writes_is_taken(booster: bytes, parameters: dict[str, object]) -> None:
    model = XGBRegressor(n_estimators=5, **parameters).fit(X, Y)
    check_booster(bytes(model.get_booster().__getstate__()["handle"]))
    check_booster(booster)
    assert read_ubjson(booster)["learner"]["learner_model_param"]["num_feature"] == "3"


def edit_nodes(members: dict[str, bytes], field: str, value: int) -> bytes:
    """The forest whose first tree's root has another value in a field."""
    schema = json.loads(members["schema.json"])
    first = schema["content"]["content"]["estimators_"]["content"][0]["content"]["content"]
    file = first["tree_"]["content"]["content"]["nodes"]["file"]
    nodes = np.load(io.BytesIO(members[file]))
    nodes[field][0] = value
    buffer = io.BytesIO()
    np.save(buffer, nodes)
    return pack({**members, file: buffer.getvalue()})


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("left_child", 2_000_000, "a node that it has not"),
        ("right_child", -3, "a node that it has not"),
        ("right_child", 1, "a node in two ways"),
        ("feature", 3, "a column beyond the 3"),
        ("feature", 2_000_000_000, "a column beyond the 3"),
    ],
)
def test_a_crafted_tree_of_scikit_learn_is_refused(
    forest: dict[str, bytes], field: str, value: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        check_content(edit_nodes(forest, field, value), "forest")


def test_a_forest_that_claims_fewer_columns_than_its_trees_read_is_refused(
    forest: dict[str, bytes],
) -> None:
    """It would hand them rows of one column."""

    def edit(schema: Node) -> None:
        schema["content"]["content"]["n_features_in_"] = {
            **schema["content"]["content"]["n_features_in_"],
            "content": "1",
            "__id__": 1,
        }

    with pytest.raises(ValueError, match="a column beyond the 1 "):
        check_content(pack(edit_schema(forest, edit)), "forest")


@pytest.mark.parametrize("place", [0, 2])
def test_a_tree_that_claims_more_than_it_has_is_refused(
    forest: dict[str, bytes], place: int
) -> None:
    def edit(schema: Node) -> None:
        estimators = schema["content"]["content"]["estimators_"]["content"]
        tree = estimators[0]["content"]["content"]["tree_"]
        planted = {**tree["__reduce__"]["args"]["content"][place], "content": "1000000000"}
        tree["__reduce__"]["args"]["content"][place] = {**planted, "__id__": 1}

    with pytest.raises(ValueError, match=r"1,000,000,000 columns|another number of outputs"):
        check_content(pack(edit_schema(forest, edit)), "forest")


def test_a_crafted_array_under_the_id_of_a_good_one_is_refused(forest: dict[str, bytes]) -> None:
    """skops would take the first array of an id for the tree's own."""
    schema = json.loads(forest["schema.json"])
    first = schema["content"]["content"]["estimators_"]["content"][0]["content"]["content"]
    nodes = first["tree_"]["content"]["content"]["nodes"]

    def edit(schema: Node) -> None:
        schema["content"]["content"]["class_weight"] = {**nodes, "file": "7.npy"}

    crafted = np.load(io.BytesIO(forest[nodes["file"]]))
    crafted["left_child"][0] = 2_000_000
    buffer = io.BytesIO()
    np.save(buffer, crafted)
    with pytest.raises(ValueError, match="has the id of another"):
        check_content(pack({**edit_schema(forest, edit), "7.npy": buffer.getvalue()}), "forest")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("left", 4_000_000_000, "a node that it has not"),
        ("feature_idx", 3, "a column beyond the 3"),
        ("is_categorical", 1, "categories are out of bounds"),
    ],
)
def test_a_crafted_histogram_tree_is_refused(field: str, value: int, said: str) -> None:
    members = as_members(HistGradientBoostingRegressor(max_iter=1).fit(X, Y))
    check_content(pack(members), "histogram")
    schema = json.loads(members["schema.json"])
    predictors = schema["content"]["content"]["_predictors"]["content"]
    file = predictors[0]["content"][0]["content"]["content"]["nodes"]["file"]
    nodes = np.load(io.BytesIO(members[file]))
    nodes[field][0] = value
    buffer = io.BytesIO()
    np.save(buffer, nodes)
    with pytest.raises(ValueError, match=said):
        check_content(pack({**members, file: buffer.getvalue()}), "histogram")


def test_a_forest_as_it_was_written_is_taken(forest: dict[str, bytes]) -> None:
    content = pack(forest)
    assert check_content(content, "forest") == content
    loaded = skops.io.loads(content, trusted=["sklearn.tree._tree.Tree"])
    assert loaded.predict(X).shape == (80,)
