"""Artifacts that somebody crafted: the hash and the signature are right, and the golden rows score
as they did, but the file holds something that no training wrote."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import skops.io

from core.artifacts.folder import CARD_FILE, PIPELINE_FILE, SIGNATURE_FILE, _hash_files
from core.domain.model_card import Card, GoldenRow
from core.registry import Registry
from core.training.recipe_registry import RECIPES

Node = dict[str, Any]
ROWS = [{"size": float(i), "lang": "py" if i % 3 else "go"} for i in range(60)]
TARGET = np.array([40 + i / 2 + (3 if i % 3 else 0) for i in range(60)])


def fit(recipe: str = "baseline", **parameters: Any) -> Any:
    return RECIPES[recipe].build(0, parameters).fit(ROWS, TARGET)


def make_card(pipeline: Any, recipe: str = "baseline") -> Card:
    score = float(np.clip(pipeline.predict(ROWS[:1])[0], 0, 100))
    golden = (GoldenRow(ROWS[0], None, score),)
    return Card(recipe, ("lang", "size"), 0.0, 100.0, 5.0, 4.0, golden, False)


def read_members(pipeline: Any) -> dict[str, bytes]:
    """What skops writes of a pipeline, by the name of the file inside."""
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(pipeline))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def edit_schema(members: dict[str, bytes], edit: Callable[[Node], None]) -> dict[str, bytes]:
    schema = json.loads(members["schema.json"])
    edit(schema)
    return {**members, "schema.json": json.dumps(schema).encode()}


def plant(node: Node, others: Mapping[str, bytes] | None = None) -> bytes:
    """A good pipeline one of whose attributes is read from `node`."""
    members = {**read_members(fit()), **(others or {})}

    def edit(schema: Node) -> None:
        schema["content"]["content"]["transform_input"] = node

    return pack(edit_schema(members, edit))


def write_artifact(registry: Registry, pipeline: bytes, card: Card | None = None) -> str:
    """Put it where artifacts lie, with the right hash and this installation's own signature."""
    files = {
        PIPELINE_FILE: pipeline,
        CARD_FILE: msgspec.json.encode(card or make_card(fit())),
    }
    artifact_hash = _hash_files(files)
    folder: Path = registry.artifact_folder(artifact_hash)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    registry.signing_key.create()
    (folder / SIGNATURE_FILE).write_text(registry.signing_key.sign(artifact_hash))
    return artifact_hash


# --- Nodes as skops writes them ------------------------------------------------------------------


def node(loader: str, name: str, **fields: Any) -> Node:
    module, _, cls = name.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": cls, **fields}


def plain(value: object) -> Node:
    return node("JsonNode", "builtins.str", content=json.dumps(value), is_json=True)


def listed(*items: Node, kind: str = "list") -> Node:
    return node(f"{kind.title()}Node", f"builtins.{kind}", content=list(items))


def mapping(name: str = "builtins.dict", **items: Node) -> Node:
    keys = listed(*(node("TypeNode", "builtins.str") for _ in items))
    return node("DictNode", name, content=items, key_types=keys)
