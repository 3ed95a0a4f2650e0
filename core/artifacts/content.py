"""The check of a saved pipeline before anything of it is read back: every node of its skops file
has to be on the closed list, and every member of it to be what skops writes."""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from core.artifacts.allowed import ALLOWED
from core.artifacts.renames import use_current_names
from core.errors import Refused

MAX_BYTES = 1 << 30
"""Bytes that a pipeline may have when unpacked, and a file of it as it lies there."""

_SCHEMA = "schema.json"
_PROTOCOL = 2  # an older one would choose skops' older and laxer readers
_MEMBER = re.compile(r"\d+\.npy|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.bin")
_ENCRYPTED = 1
_HEADER_BYTES = 65_536

_Node = Mapping[str, Any]

_FIELDS: Mapping[str, frozenset[str]] = {
    "BytearrayNode": frozenset({"file"}),
    "BytesNode": frozenset({"file"}),
    "DTypeNode": frozenset({"content"}),
    "DictNode": frozenset({"content", "key_types"}),
    "FunctionNode": frozenset(),
    "JsonNode": frozenset({"content", "is_json"}),
    "ListNode": frozenset({"content"}),
    "LossNode": frozenset({"content", "__reduce__"}),
    "NdArrayNode": frozenset({"type", "file", "content", "shape"}),
    "ObjectNode": frozenset({"content"}),
    "RandomGeneratorNode": frozenset({"content"}),
    "RandomStateNode": frozenset({"content"}),
    "SetNode": frozenset({"content"}),
    "SliceNode": frozenset({"content"}),
    "TreeNode": frozenset({"content", "__reduce__"}),
    "TupleNode": frozenset({"content"}),
    "TypeNode": frozenset(),
}
_COMMON = frozenset({"__class__", "__module__", "__loader__", "__id__"})
_ROOT = frozenset({"protocol", "_skops_version"})
_SLICE = ("start", "stop", "step")
_BOOSTERS = {
    "core.training.models.trees.BoostedTrees": "booster_",
    "xgboost.core.Booster": "handle",
}
_PREDICTOR = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
_ENSEMBLES = frozenset(
    {
        "sklearn.ensemble._forest.ExtraTreesRegressor",
        "sklearn.ensemble._forest.RandomForestRegressor",
        "sklearn.ensemble._gb.GradientBoostingRegressor",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor",
        "sklearn.tree._classes.DecisionTreeRegressor",
        "sklearn.tree._classes.ExtraTreeRegressor",
    }
)
"""The classes that hand their rows to trees which do not count the columns again."""
_NESTED = ("", "[", "{", " ", "\t", "\n", "\r")


def check_content(content: bytes, recipe: str) -> bytes:
    """Read the plan of a saved pipeline and the heads of its arrays, and nothing else; return the
    pipeline with every class under its current name.

    Raises `Refused` where it names anything that is not on the closed list, and `ValueError`,
    `LookupError`, `TypeError` or `zipfile.BadZipFile` where it is not as skops writes one."""
    from core.artifacts import tree_bounds  # only who reads a pipeline waits for numpy

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sizes = _check_members(archive)
        schema = json.loads(archive.read(_SCHEMA))
        renamed = use_current_names(schema)
        _check_fields(schema, _ROOT)
        if type(schema["protocol"]) is not int or schema["protocol"] != _PROTOCOL:
            raise ValueError(f"its skops protocol is {schema['protocol']!r}")
        found = _check_nodes(schema, recipe, sizes, partial(_leave_out_ids, archive, {}))
        for name in found.arrays:
            with archive.open(name) as member:
                _check_array(name, member.read(_HEADER_BYTES), sizes[name])
        for name in found.boosters:
            tree_bounds.check_booster(archive.read(name))
        for tree, n_columns in found.trees:
            _check_tree(archive, tree, n_columns)
        return _replace_schema(archive, schema) if renamed else content


def _replace_schema(archive: zipfile.ZipFile, schema: _Node) -> bytes:
    """The same archive, not compressed, with another plan."""
    replaced = io.BytesIO()
    with zipfile.ZipFile(replaced, "w") as target:
        for name in archive.namelist():
            target.writestr(
                name, json.dumps(schema).encode() if name == _SCHEMA else archive.read(name)
            )
    return replaced.getvalue()


def _check_members(archive: zipfile.ZipFile) -> dict[str, int]:
    """The sizes of the members, unpacked, by name; nothing is unpacked."""
    sizes: dict[str, int] = {}
    for member in archive.infolist():
        name = member.filename
        if name != _SCHEMA and not _MEMBER.fullmatch(name):
            raise ValueError(f"it holds a file named {name[:80]!r}")
        if name in sizes:
            raise ValueError(f"it holds two files named {name!r}")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name} is packed in an unusual way")
        if member.flag_bits & _ENCRYPTED:
            raise ValueError(f"{name} is encrypted")
        sizes[name] = member.file_size
    if sum(sizes.values()) > MAX_BYTES:
        raise ValueError(f"it is {sum(sizes.values()):,} bytes long when unpacked")
    return sizes


@dataclass(frozen=True, slots=True)
class _Found:
    """The parts of a plan that have to be looked at: members that are arrays, members that are
    XGBoost's models, and scikit-learn's trees, each with the number of columns that its ensemble
    hands to it (None for no ensemble)."""

    arrays: set[str] = field(default_factory=set)
    boosters: set[str] = field(default_factory=set)
    trees: list[tuple[_Node, int | None]] = field(default_factory=list)


def _check_nodes(
    root: _Node, recipe: str, sizes: Mapping[str, int], leave_out_ids: Callable[[Any], Any]
) -> _Found:
    """Return the parts to look at, after every node was found to be allowed."""
    waiting: list[tuple[Any, bool, int | None]] = [(root, False, None)]
    known: dict[object, tuple[_Node, tuple[object, ...]]] = {}
    strange: set[str] = set()
    found = _Found()
    while waiting:
        node, is_keys, n_columns = waiting.pop()
        loader = node["__loader__"]
        name = f"{node['__module__']}.{node['__class__']}"
        if "." in node["__class__"] or name not in ALLOWED.get(loader, ()):
            strange.add(f"{name} ({loader})")
            continue
        if node is not root:
            _check_fields(node)
        # skops takes one node of an id for every other: they have to be the same
        if "__id__" in node:
            kind = (loader, name, is_keys)
            other, other_kind = known.setdefault(node["__id__"], (node, kind))
            if other_kind != kind:
                raise ValueError(f"a node of {name} has the id of another kind")
            if other != node and leave_out_ids(other) != leave_out_ids(node):
                raise ValueError(f"a node of {name} has the id of another")
        if "file" in node:
            if node["file"] == _SCHEMA or node["file"] not in sizes:
                raise ValueError(f"{name} is read from {node['file']!r}")
            if loader == "NdArrayNode":
                found.arrays.add(node["file"])
        if name in _BOOSTERS:
            found.boosters.update(_list_boosters(node, name))
        if loader == "TreeNode" or name == _PREDICTOR:
            found.trees.append((node, n_columns))
        if name in _ENSEMBLES:
            n_columns = _count_columns(node, n_columns)
        waiting.extend(
            (child, lists_keys, n_columns)
            for child, lists_keys in _list_children(node, loader, is_keys)
        )
    if strange:
        raise Refused(
            f"The pipeline of '{recipe}' holds {', '.join(sorted(strange))[:500]}, which may not "
            "be loaded: train the version again from classes on the list in "
            "core/artifacts/allowed.py, or add a class to it that is known to hold data only."
        )
    return found


def _leave_out_ids(archive: zipfile.ZipFile, digests: dict[str, bytes], value: Any) -> Any:
    """Return a part of a plan without ids, which differ from one writing of an object to the next,
    and with the content of a member, by its hash, in place of its name."""
    if isinstance(value, list):
        return [_leave_out_ids(archive, digests, item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {name: item for name, item in value.items() if name != "__id__"}
    file = kept.get("file")
    if isinstance(file, str):
        if file not in digests:
            digests[file] = hashlib.sha256(archive.read(file)).digest()
        kept["file"] = digests[file]
    return {name: _leave_out_ids(archive, digests, item) for name, item in kept.items()}


def _list_boosters(node: _Node, name: str) -> Iterator[str]:
    """Return the members in which an object has XGBoost's models."""
    attributes = node["content"]["content"]
    if _BOOSTERS[name] in attributes:
        yield attributes[_BOOSTERS[name]]["file"]


def _count_columns(node: _Node, n_columns: int | None) -> int | None:
    """Return the number of columns that an ensemble hands to its trees, at most `n_columns`."""
    attributes = node["content"]["content"]
    if "n_features_in_" not in attributes:
        return n_columns
    own = int(attributes["n_features_in_"]["content"])
    return own if n_columns is None else min(own, n_columns)


def _check_tree(archive: zipfile.ZipFile, node: _Node, n_columns: int | None) -> None:
    """Raise `ValueError` for a tree of scikit-learn whose nodes or columns are out of bounds."""
    # only who reads a pipeline waits for numpy
    from core.artifacts.tree_bounds import MAX_COLUMNS, check_children, check_columns

    state = node["content"]["content"]
    limit = MAX_COLUMNS if n_columns is None else check_columns(n_columns)
    if node["__loader__"] != "TreeNode":
        nodes = _read_array(archive, state["nodes"])
        left = nodes["left"].astype("i8")
        left[nodes["is_leaf"] != 0] = -1
        bitsets = _read_array(archive, state["raw_left_cat_bitsets"])
        splits = nodes["bitset_idx"][(nodes["is_categorical"] != 0) & (left != -1)]
        if (splits >= len(bitsets)).any():
            raise ValueError("a tree whose categories are out of bounds")
        check_children(left, nodes["right"].astype("i8"), nodes["feature_idx"], limit)
        return
    n_features, classes, n_outputs = node["__reduce__"]["args"]["content"]
    nodes = _read_array(archive, state["nodes"])
    if int(n_outputs["content"]) != len(_read_array(archive, classes)):
        raise ValueError("a tree with another number of outputs than it says")
    if int(state["node_count"]["content"]) != len(nodes):
        raise ValueError("a tree with another number of nodes than it says")
    limit = min(limit, check_columns(n_features["content"]))
    check_children(nodes["left_child"], nodes["right_child"], nodes["feature"], limit)


def _read_array(archive: zipfile.ZipFile, node: _Node) -> Any:
    """Return an array whose head was found to be right."""
    import numpy as np  # only who reads a pipeline waits for it

    if node["__loader__"] != "NdArrayNode" or node["type"] != "numpy":
        raise ValueError("the nodes of a tree are no array")
    return np.load(io.BytesIO(archive.read(node["file"])))  # it reads no pickles


def _list_children(node: _Node, loader: str, is_keys: bool) -> Iterator[tuple[Any, bool]]:
    """Return the nodes that skops reads inside one, each with True if it lists the key types of a
    mapping: skops calls these."""
    if is_keys and any(child["__loader__"] != "TypeNode" for child in node["content"]):
        raise ValueError("the keys of a mapping are not of a plain type")
    content: Any = node.get("content")
    if loader == "DictNode":
        if node["key_types"]["__loader__"] != "ListNode":
            raise ValueError("the types of a mapping's keys are no list")
        yield node["key_types"], True
        yield from ((child, False) for child in _mapping(content).values())
    elif loader in ("ListNode", "SetNode", "TupleNode"):
        yield from ((child, False) for child in _sequence(content))
    elif loader == "NdArrayNode":
        if node["type"] == "json":
            yield from ((child, False) for child in _sequence(content))
            yield node["shape"], False
        elif node["type"] != "numpy" or "file" not in node:
            raise ValueError(f"an array of the type {node['type']!r}")
    elif loader in ("TreeNode", "LossNode"):
        yield content, False
        yield node["__reduce__"]["args"], False
    elif loader == "RandomGeneratorNode":
        yield content["bit_generator"], False
        yield content["seed_seq"], False
    elif loader == "SliceNode":
        if not all(content[at] is None or type(content[at]) is int for at in _SLICE):
            raise ValueError("a slice that is not between whole numbers")
    elif loader == "JsonNode":
        if not isinstance(content, str) or content[:1] in _NESTED:
            raise ValueError("a plain value that is none")
    elif content is not None and "file" not in node:
        yield content, False


def _check_fields(node: _Node, more: frozenset[str] = frozenset()) -> None:
    unknown = _mapping(node).keys() - _COMMON - more - _FIELDS.get(node["__loader__"], frozenset())
    if unknown:
        raise ValueError(f"a {node['__loader__']} with the fields {sorted(unknown)}")


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("a mapping is something else")
    return value


def _sequence(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("a list is something else")
    return value


def _check_array(name: str, head: bytes, size: int) -> None:
    """An array in numpy's own format, without objects, as long as its head says: numpy would make
    room for what the head says before it reads on."""
    from numpy.lib import format as npy  # only who reads a pipeline waits for numpy

    stream = io.BytesIO(head)
    version = npy.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = npy.read_array_header_2_0(stream)
    else:
        raise ValueError(f"{name} is of numpy's format {version}")
    if dtype.hasobject:
        raise ValueError(f"{name} holds objects")
    n_bytes = dtype.itemsize
    for length in shape:
        n_bytes *= length
    if min(shape, default=0) < 0 or stream.tell() + n_bytes != size:
        raise ValueError(f"{name} is not as long as its head says")
