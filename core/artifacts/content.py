"""The check of a saved pipeline before anything of it is read back: every node of its skops file
has to be on the closed list, and every member of it to be what skops writes."""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
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
_NESTED = ("", "[", "{", " ", "\t", "\n", "\r")


def check_content(content: bytes, recipe: str) -> bytes:
    """Read the plan of a saved pipeline and the heads of its arrays, and nothing else; return the
    pipeline with every class under its current name.

    Raises `Refused` where it names anything that is not on the closed list, and `ValueError`,
    `LookupError`, `TypeError` or `zipfile.BadZipFile` where it is not as skops writes one."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sizes = _check_members(archive)
        schema = json.loads(archive.read(_SCHEMA))
        renamed = use_current_names(schema)
        _check_fields(schema, _ROOT)
        if type(schema["protocol"]) is not int or schema["protocol"] != _PROTOCOL:
            raise ValueError(f"its skops protocol is {schema['protocol']!r}")
        arrays = _check_nodes(schema, recipe, sizes)
        for name in arrays:
            with archive.open(name) as member:
                _check_array(name, member.read(_HEADER_BYTES), sizes[name])
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


def _check_nodes(root: _Node, recipe: str, sizes: Mapping[str, int]) -> set[str]:
    """The members that are read as arrays, after every node was found to be allowed."""
    waiting: list[tuple[Any, bool]] = [(root, False)]
    known: dict[object, tuple[object, ...]] = {}
    strange: set[str] = set()
    arrays: set[str] = set()
    while waiting:
        node, is_keys = waiting.pop()
        loader = node["__loader__"]
        name = f"{node['__module__']}.{node['__class__']}"
        if "." in node["__class__"] or name not in ALLOWED.get(loader, ()):
            strange.add(f"{name} ({loader})")
            continue
        if node is not root:
            _check_fields(node)
        # skops takes the first node of an id for every later one: it has to be of the same kind
        kind = (loader, name, is_keys)
        if "__id__" in node and known.setdefault(node["__id__"], kind) != kind:
            raise ValueError(f"a node of {name} has the id of another kind")
        if "file" in node:
            if node["file"] == _SCHEMA or node["file"] not in sizes:
                raise ValueError(f"{name} is read from {node['file']!r}")
            if loader == "NdArrayNode":
                arrays.add(node["file"])
        waiting.extend(_list_children(node, loader, is_keys))
    if strange:
        raise Refused(
            f"The pipeline of '{recipe}' holds {', '.join(sorted(strange))[:500]}, which may not "
            "be loaded: train the version again from classes on the list in "
            "core/artifacts/allowed.py, or add a class to it that is known to hold data only."
        )
    return arrays


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
