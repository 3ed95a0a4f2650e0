"""A transformer from a folder on this machine: sentence-transformers' files, run by onnxruntime.

Nothing is downloaded and torch is not needed. The folder holds `tokenizer.json` and the model as
`onnx/model.onnx` or `model.onnx`; the package `tokenizers` is needed. A text's vector is the mean
of the last layer over its tokens, brought to length 1 (Reimers and Gurevych 2019)."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import Unavailable
from core.libraries import IMPORTING

MAX_TOKENS = 256
_BATCH = 16
_KEPT = 10_000  # vectors, each of some kilobytes


class Transformer:
    """A tokenizer and a model: `run(ids, mask)`, both of shape (n_texts, n_tokens), returns the
    last layer, shape (n_texts, n_tokens, d)."""

    def __init__(self, name: str, tokenizer: Any, run: Any) -> None:
        self.name = name
        self._tokenizer = tokenizer
        self._run = run
        self._known: dict[str, NDArray[np.float64]] = {}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return one vector of length 1 a text, shape (n, d). Those of the last texts are kept: a
        training asks for each again in every fold."""
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
    """Return the model in a folder, opened once a process. Raises `Unavailable` with what is
    missing: the folder, its model, or a package."""
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
    raise Unavailable(
        f"The text model in {folder} has no model.onnx: export it as ONNX, or use the hashed one."
    )


def _open_onnx(path: Path) -> tuple[str, Any]:
    """Return the model's name, a hash of its file wherever it lies, and the function that runs it;
    both come of the same bytes, since the file is read once."""
    with IMPORTING:
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

    return f"{path.name} {hashlib.sha256(content).hexdigest()[:16]}", run


def _check_onnx(path: Path, content: bytes) -> None:
    """Raises `Unavailable` for what is no model, and for one whose weights lie in other files,
    whose names it chooses."""
    with IMPORTING:
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
