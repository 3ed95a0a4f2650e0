"""A crafted pipeline is refused before anything of it is read back, whatever it hides in."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io

from core.artifacts import content
from core.errors import Refused
from core.registry import Registry
from tests.artifacts.crafted import (
    Node,
    edit_schema,
    fit,
    listed,
    mapping,
    node,
    pack,
    plain,
    plant,
    read_members,
    write_artifact,
)

GIT = "plumbline.program._ask_git"
OPEN = "core.features.transformer.open_transformer"
READ = "core.features.transformer._open_onnx"
COMMIT = "plumbline.program.describe_commit"


@pytest.fixture
def registry(home: Path) -> Registry:
    return Registry(home / "artifacts", "")


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever skops would read or call ends the test."""

    def read(*_: object, **__: object) -> None:
        raise AssertionError("read back before it was found to be allowed")

    for name in ("loads", "load", "get_untrusted_types"):
        monkeypatch.setattr(skops.io, name, read)


def tuple_of(*items: Node) -> Node:
    return listed(*items, kind="tuple")


def keys_called(name: str) -> Node:
    """skops calls the type of a key with the key."""
    planted = mapping(attack=plain(1))
    planted["key_types"]["content"] = [node("TypeNode", name)]
    return planted


CALLS: dict[str, Callable[[], Node]] = {
    "a function of ours with arguments": lambda: node(
        "ConstructorFromReduceNode",
        GIT,
        content=tuple_of(plain("-c"), plain("alias.x=!id > PWNED"), plain("x")),
    ),
    "a reader of files with a path": lambda: node(
        "ConstructorFromReduceNode", OPEN, content=tuple_of(plain("/etc"))
    ),
    "a class on the list, but called": lambda: node(
        "ConstructorFromReduceNode", "core.training.models.ridge.RidgeRegressor", content=tuple_of()
    ),
    "a function as the type of a key": lambda: keys_called(OPEN),
    "a class as the type of a key": lambda: keys_called(
        "core.training.explain.explain_prediction.Why"
    ),
    "a function in place of a list": lambda: node("ListNode", READ, content=[plain("/etc/passwd")]),
    "a function in place of a set": lambda: node("SetNode", OPEN, content=[plain("/etc")]),
    "a function in place of a mapping": lambda: mapping(COMMIT),
    "a function in place of an array's type": lambda: node(
        "NdArrayNode", OPEN, type="numpy", file="1.npy"
    ),
    "a function in place of a loss": lambda: node(
        "LossNode", GIT, content=mapping(), __reduce__={"args": tuple_of(plain("status"))}
    ),
    "a function in place of a random state": lambda: node(
        "RandomStateNode", COMMIT, content=mapping()
    ),
    "a function in place of a named tuple": lambda: node("TupleNode", READ, content=[]),
    "a function that is called later": lambda: node("FunctionNode", READ),
    "a function with arguments for later": lambda: node(
        "PartialNode",
        "functools.partial",
        content={
            "func": node("FunctionNode", GIT),
            "args": tuple_of(plain("status")),
            "kwds": mapping(),
            "namespace": plain(None),
        },
    ),
    "a method of a class on the list": lambda: node(
        "MethodNode",
        "core.features.encoder.RowEncoder",
        content={"func": "fit", "obj": node("ObjectNode", "core.features.encoder.RowEncoder")},
    ),
    "an operator": lambda: node("OperatorFuncNode", "operator.methodcaller", attrs=tuple_of()),
    "a function under the name of a type": lambda: node("TypeNode", "core.training.flow.train"),
    "a class of ours that is not on the list": lambda: node(
        "ObjectNode", "core.training.models.recipe.Recipe"
    ),
    "a class of a library that is not on the list": lambda: node(
        "ObjectNode", "sklearn.feature_extraction.text.CountVectorizer", content=mapping()
    ),
    "a name that is split at another place": lambda: {
        **node("ObjectNode", "core.features.encoder.RowEncoder"),
        "__module__": "core.features",
        "__class__": "encoder.RowEncoder",
    },
    "a reference to a node": lambda: node("CachedNode", "builtins.dict", __id__=1),
}


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize("depth", ["as an attribute", "deep inside"])
@pytest.mark.parametrize("name", CALLS)
def test_a_pipeline_that_calls_or_names_what_is_not_on_the_list_is_refused(
    registry: Registry, name: str, depth: str
) -> None:
    planted = CALLS[name]()
    if depth == "deep inside":
        planted = tuple_of(
            mapping(
                a=node(
                    "NdArrayNode",
                    "numpy.ndarray",
                    type="json",
                    content=[node("ObjectNode", "sklearn.pipeline.Pipeline", content=planted)],
                    shape=tuple_of(plain(1)),
                )
            )
        )
    array = io.BytesIO()
    np.save(array, np.zeros(2))
    artifact_hash = write_artifact(registry, plant(planted, {"1.npy": array.getvalue()}))
    with pytest.raises(Refused, match=r"which may not be loaded: train the version again"):
        registry.load_artifact(artifact_hash)


def test_what_is_not_planted_is_loaded(registry: Registry) -> None:
    artifact_hash = write_artifact(registry, plant(plain(None)))
    registry.load_artifact(artifact_hash).verify_golden()


# --- Files that are not what they say ------------------------------------------------------------


def with_id(planted: Node, number: int) -> Node:
    return {**planted, "__id__": number}


F_REGRESSION = "sklearn.feature_selection._univariate_selection.f_regression"


def swap_keys() -> bytes:
    """The type of a key carries the id of a function that is allowed elsewhere: skops would take
    the function for it, and call it."""
    planted = keys_called("builtins.str")
    planted["key_types"]["content"] = [with_id(node("TypeNode", "builtins.str"), 7)]
    return plant(tuple_of(with_id(node("FunctionNode", F_REGRESSION), 7), planted))


def swap_key_lists() -> bytes:
    """The list of the keys' types carries the id of another list."""
    planted = keys_called("builtins.str")
    planted["key_types"]["__id__"] = 7
    return plant(tuple_of(with_id(listed(node("FunctionNode", F_REGRESSION)), 7), planted))


def claim_protocol(protocol: object) -> bytes:
    members = edit_schema(read_members(fit()), lambda schema: schema.update(protocol=protocol))
    return pack(members)


def add_file(name: str) -> bytes:
    return pack({**read_members(fit()), name: b"x"})


def repeat_schema() -> bytes:
    members = read_members(fit())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("schema.json", members["schema.json"])
    return buffer.getvalue()


def plant_array(array: bytes, **fields: Any) -> bytes:
    planted = node("NdArrayNode", "numpy.ndarray", **{"type": "numpy", "file": "1.npy"} | fields)
    return plant(planted, {"1.npy": array})


def pickled() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
    return plant_array(buffer.getvalue())


def lying_head() -> bytes:
    """Of 8 bytes, whose head says that they are 8 terabytes."""
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    return plant_array(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(8))


def encrypted() -> bytes:
    data = bytearray(pack(read_members(fit()), zipfile.ZIP_STORED))
    for mark, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        data[data.index(mark) + place] |= 1
    return bytes(data)


LIES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a node with another's id": (swap_keys, "id of another kind"),
    "a list with another's id": (swap_key_lists, "id of another kind"),
    "an older protocol, whose readers are laxer": (lambda: claim_protocol(0), "protocol is 0"),
    "a protocol that is no number": (lambda: claim_protocol(True), "protocol is True"),
    "a path out of the folder": (lambda: add_file("../../x.npy"), "a file named"),
    "a file that skops does not write": (lambda: add_file("setup.py"), "a file named"),
    "two schemas": (repeat_schema, "two files named 'schema.json'"),
    "a packing without a limit": (
        lambda: pack(read_members(fit()), zipfile.ZIP_LZMA),
        "packed in an unusual way",
    ),
    "an encrypted file": (encrypted, "is encrypted"),
    "an array with pickled objects": (pickled, "holds objects"),
    "an array that is a pickle": (lambda: plant_array(b"cos\nsystem\n."), "magic string"),
    "an array longer than it is": (lying_head, "not as long as its head says"),
    "an array that is the schema": (
        lambda: plant_array(b"x", file="schema.json"),
        "read from 'schema.json'",
    ),
    "an array of a type that does not exist": (
        lambda: plant_array(b"x", type="pickle"),
        "array of the type 'pickle'",
    ),
    "bytes of a file that is not there": (
        lambda: plant(node("BytesNode", "builtins.bytes", file="/etc/passwd")),
        "read from '/etc/passwd'",
    ),
    "a field that nobody reads": (
        lambda: plant({**plain(1), "file": "1.npy"}),
        r"fields \['file'\]",
    ),
    "a plain value that is deep": (
        lambda: plant({**plain(1), "content": "[" * 100_000}),
        "a plain value that is none",
    ),
    "a schema that is deep": (
        lambda: pack({**read_members(fit()), "schema.json": b"[" * 100_000}),
        "cannot be read",
    ),
    "a schema that is no mapping": (
        lambda: pack({**read_members(fit()), "schema.json": b"[]"}),
        "cannot be read",
    ),
    "a file that is no archive": (lambda: b"PK", "not a zip file"),
}


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize("name", LIES)
def test_a_pipeline_that_is_not_as_it_was_written_is_refused(registry: Registry, name: str) -> None:
    build, said = LIES[name]
    artifact_hash = write_artifact(registry, build())
    with pytest.raises(Refused, match=said):
        registry.load_artifact(artifact_hash)


@pytest.mark.usefixtures("nothing_runs")
def test_a_pipeline_that_unpacks_to_too_much_is_refused_without_unpacking(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = add_file("1.npy")
    monkeypatch.setattr(content, "MAX_BYTES", 10_000)
    artifact_hash = write_artifact(registry, bomb)
    with pytest.raises(Refused, match="bytes long when unpacked"):
        registry.load_artifact(artifact_hash)


def test_a_file_that_is_too_long_is_not_read(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact_hash = write_artifact(registry, plant(plain(None)))
    monkeypatch.setattr("core.artifacts.folder.MAX_BYTES", 1000)
    with pytest.raises(Refused, match=r"bytes long, and no artifact is"):
        registry.load_artifact(artifact_hash)


def test_a_state_that_its_class_cannot_take_is_refused(registry: Registry) -> None:
    """The nodes are allowed, and the class reads its state in a way that fails."""
    state = mapping(booster_=plain(10**15), start=plain("constant"))
    planted = node("ObjectNode", "core.training.models.trees.BoostedTrees", content=state)
    artifact_hash = write_artifact(registry, plant(planted))
    with pytest.raises(Refused, match="cannot be read by the libraries"):
        registry.load_artifact(artifact_hash)


def test_bytes_that_are_no_trees_are_refused(registry: Registry) -> None:
    name = "01234567-0123-0123-0123-0123456789ab.bin"
    state = mapping(booster_=node("BytesNode", "builtins.bytes", file=name))
    planted = node("ObjectNode", "core.training.models.trees.BoostedTrees", content=state)
    artifact_hash = write_artifact(registry, plant(planted, {name: b'{"learner": 1}'}))
    with pytest.raises(Refused, match="cannot be read by the libraries"):
        registry.load_artifact(artifact_hash)
