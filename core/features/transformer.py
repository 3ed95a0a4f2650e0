"""A transformer from a folder on this machine: sentence-transformers' files, run by numpy or ONNX.

Nothing is downloaded and torch is not needed. A folder with `onnx/model.onnx` or `model.onnx` runs
in onnxruntime; one with `model.safetensors` of the BERT family (MiniLM, CodeBERT's smaller kin)
runs here (Devlin et al. 2019). Both need the package `tokenizers`, and give the mean of the last
layer over a text's tokens, brought to length 1 (Reimers and Gurevych 2019)."""

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from core.errors import Unavailable

MAX_TOKENS = 256
_BATCH = 16
_KEPT = 10_000  # vectors, each of some kilobytes

_Array = NDArray[np.float32]


class Transformer:
    """A tokenizer and what runs behind it: `run(ids, mask)` gives the last layer, shape
    (n_texts, n_tokens, d)."""

    def __init__(self, name: str, tokenizer: Any, run: Any) -> None:
        self.name = name
        self._tokenizer = tokenizer
        self._run = run
        self._known: dict[str, NDArray[np.float64]] = {}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """One vector of length 1 a text, shape (n, d). Those of the last texts are kept: a training
        asks for each again in every fold."""
        if len(self._known) > _KEPT:
            self._known = {}
        known = self._known
        new = sorted({text for text in texts if text not in known}, key=len)  # little padding
        for start in range(0, len(new), _BATCH):
            batch = new[start : start + _BATCH]
            known.update(zip(batch, self._embed_batch(batch), strict=True))
        return np.array([known[text] for text in texts])

    def _embed_batch(self, texts: Sequence[str]) -> NDArray[np.float64]:
        encoded = self._tokenizer.encode_batch(list(texts))
        longest = max(len(one.ids) for one in encoded)
        ids = np.zeros((len(texts), longest), dtype=np.int64)
        mask = np.zeros((len(texts), longest), dtype=np.int64)
        for i, one in enumerate(encoded):
            ids[i, : len(one.ids)] = one.ids
            mask[i, : len(one.ids)] = 1
        layer = np.asarray(self._run(ids, mask), dtype=np.float64)
        mean = (layer * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1)[:, None]
        vectors: NDArray[np.float64] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return vectors


@lru_cache(maxsize=2)
def open_transformer(path: str) -> Transformer:
    """The model in a folder, opened once a process. Raises `Unavailable` with what is missing: the
    folder, its model, or a package."""
    folder = Path(path)
    tokens = folder / "tokenizer.json"
    if not tokens.is_file():
        raise Unavailable(
            f"There is no text model in {folder} (no tokenizer.json): name the folder of a "
            "sentence-transformers model, or use the hashed one."
        )
    try:
        from tokenizers import Tokenizer  # optional, and only where a transformer is used
    except ImportError:
        raise Unavailable(
            f"The text model in {folder} needs the package tokenizers: install it (`pip install "
            "tokenizers`), or use the hashed one."
        ) from None
    tokenizer = Tokenizer.from_file(str(tokens))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    for name in ("onnx/model.onnx", "model.onnx"):
        if (folder / name).is_file():
            named, run = _open_onnx(folder / name)
            return Transformer(named, tokenizer, run)
    weights = folder / "model.safetensors"
    if weights.is_file():
        with weights.open("rb") as file:
            named = _name(weights, file)
        return Transformer(named, tokenizer, _Bert(folder, read_safetensors(weights)))
    raise Unavailable(
        f"The text model in {folder} has neither model.onnx nor model.safetensors: export it as "
        "ONNX, or use the hashed one."
    )


def read_safetensors(path: Path) -> dict[str, _Array]:
    """The 32-bit arrays of a safetensors file by name: eight bytes with the length of a JSON
    header, the header with each array's shape and place, the arrays."""
    content = np.memmap(path, dtype=np.uint8, mode="r")
    length = int(content[:8].view("<u8")[0])
    header = json.loads(bytes(content[8 : 8 + length]))
    arrays = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = (8 + length + place for place in entry["data_offsets"])
            arrays[name] = np.frombuffer(content[start:end].tobytes(), "<f4").reshape(
                entry["shape"]
            )
    return arrays


def _open_onnx(path: Path) -> tuple[str, Any]:
    """The name of a model and what runs it, both of the same bytes: the file is read once."""
    import onnxruntime  # 0.3 s, and only where a transformer is used

    content = path.read_bytes()
    _check_onnx(path, content)
    options = onnxruntime.SessionOptions()  # knows no operators but onnxruntime's own
    options.add_session_config_entry("session.load_model_format", "ONNX")
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    wanted = {one.name for one in session.get_inputs()}

    def run(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Any:
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return session.run(None, {name: given[name] for name in wanted})[0]

    return _name(path, io.BytesIO(content)), run


def _check_onnx(path: Path, content: bytes) -> None:
    """Raises `Unavailable` for what is no model, and for one whose weights lie in other files,
    whose names it chooses."""
    import onnx  # 0.5 s, and only where a transformer is used
    from google.protobuf.message import DecodeError

    try:
        model = onnx.ModelProto.FromString(content)
    except DecodeError as error:
        raise Unavailable(
            f"The text model {path} is no ONNX model ({error}): export it again, or use the "
            "hashed one."
        ) from None
    if any(
        tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data
        for tensor in _list_tensors(model)
    ):
        raise Unavailable(
            f"The text model {path} has weights in other files, which are not read: export it "
            "into one file, or use the hashed one."
        )


def _list_tensors(message: Any) -> Iterator[Any]:
    """The tensors at any depth: weights, attributes, subgraphs and functions."""
    if message.DESCRIPTOR.full_name == "onnx.TensorProto":
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for child in value if field.is_repeated else [value]:
                yield from _list_tensors(child)


class _Bert:
    """The encoder of BERT in numpy."""

    def __init__(self, folder: Path, weights: dict[str, _Array]) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if config.get("model_type") != "bert":
            raise Unavailable(
                f"The text model in {folder} is of the kind {config.get('model_type')}, and only "
                "bert runs from safetensors: export it as ONNX, or use the hashed one."
            )
        self._n_layers = int(config["num_hidden_layers"])
        self._n_heads = int(config["num_attention_heads"])
        self._epsilon = float(config["layer_norm_eps"])
        self._weights = {name.removeprefix("bert."): array for name, array in weights.items()}

    def __call__(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> _Array:
        """The last layer, shape (n_texts, n_tokens, d)."""
        get = self._weights
        x = (
            get["embeddings.word_embeddings.weight"][ids]
            + get["embeddings.position_embeddings.weight"][: ids.shape[1]]
            + get["embeddings.token_type_embeddings.weight"][0]
        )
        x = self._norm(x, "embeddings.LayerNorm")
        hidden = np.where(mask[:, None, None, :] == 1, 0.0, -1e9).astype(np.float32)
        for i in range(self._n_layers):
            x = self._layer(x, hidden, f"encoder.layer.{i}.")
        return x

    def _layer(self, x: _Array, hidden: _Array, name: str) -> _Array:
        n, tokens, width = x.shape
        query, key, value = (
            self._dense(x, f"{name}attention.self.{part}")
            .reshape(n, tokens, self._n_heads, -1)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(query.shape[-1])) + hidden
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        attended = (scores / scores.sum(axis=-1, keepdims=True)) @ value
        joined = attended.transpose(0, 2, 1, 3).reshape(n, tokens, width)
        x = self._norm(
            x + self._dense(joined, f"{name}attention.output.dense"),
            f"{name}attention.output.LayerNorm",
        )
        inner = self._dense(x, f"{name}intermediate.dense")
        inner = inner * 0.5 * (1.0 + erf(inner / np.float32(np.sqrt(2.0))))
        return self._norm(x + self._dense(inner, f"{name}output.dense"), f"{name}output.LayerNorm")

    def _dense(self, x: _Array, name: str) -> _Array:
        product: _Array = x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return product

    def _norm(self, x: _Array, name: str) -> _Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self._epsilon)
        scaled: _Array = centred / spread * self._weights[f"{name}.weight"]
        return scaled + self._weights[f"{name}.bias"]


def _name(path: Path, file: Any) -> str:
    """The model's own name: a hash of its file, wherever it lies."""
    return f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
