"""A text's columns are learned in the pipeline, and are the same on every path."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.utils import estimator_checks

from core.domain.dataset import TEXT
from core.domain.model_card import Card
from core.errors import Unavailable
from core.features import transformer
from core.features.embeddings import TextEmbedding
from core.features.encoder import RowEncoder
from core.features.hashed import HashedTokens
from core.features.transformer import Transformer, open_transformer
from core.registry import Registry
from core.training.explain.pipeline_inspection import trace_inputs
from tests.text_model import find_text_model

CODE = [f"def f{i}(items):\n    return [x + {i} for x in items if x > {i}]" for i in range(12)]
PROSE = [f"The answer number {i} explains why the sea is blue and deep." for i in range(12)]
ROWS: list[dict[str, Any]] = [{TEXT: text, "size": float(i)} for i, text in enumerate(CODE + PROSE)]


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
    ],
)
def test_it_keeps_the_contract_of_scikit_learn(check: Any) -> None:
    check("TextEmbedding", TextEmbedding())


def test_a_frame_mappings_and_a_single_row_have_the_same_columns() -> None:
    step = TextEmbedding(n_columns=5).fit(pd.DataFrame(ROWS))
    assert step.added_ == [f"text {i}" for i in range(1, 6)]
    frame, mapped, one = (
        step.transform(pd.DataFrame(ROWS)),
        step.transform(ROWS),
        step.compile_row(),
    )
    for i, row in enumerate(ROWS):
        wanted = frame[step.added_].iloc[i].to_numpy()
        np.testing.assert_allclose([mapped[i][name] for name in step.added_], wanted, atol=1e-12)
        np.testing.assert_allclose([one(row)[name] for name in step.added_], wanted, atol=1e-12)


def test_code_and_prose_fall_apart() -> None:
    step = TextEmbedding(n_columns=2).fit(ROWS)
    values = np.array([[row[name] for name in step.added_] for row in step.transform(ROWS)])
    code, prose = values[:12], values[12:]
    apart = np.linalg.norm(code.mean(axis=0) - prose.mean(axis=0))
    assert apart > 4 * np.linalg.norm(code - code.mean(axis=0), axis=1).max()


@pytest.mark.parametrize("text", [None, "", "  \n", 4.0])
def test_a_row_without_a_text_lacks_the_columns(text: Any) -> None:
    step = TextEmbedding(n_columns=3).fit(ROWS)
    (row,) = step.transform([{TEXT: text}])
    assert np.isnan([row[name] for name in step.added_]).all()
    assert np.isnan([step.compile_row()({TEXT: text})[name] for name in step.added_]).all()


def test_without_texts_there_is_no_column_and_a_reason() -> None:
    step = TextEmbedding().fit([{"size": 1.0}, {"size": 2.0, TEXT: "one"}])
    assert step.added_ == []
    assert step.absent_ == {"text": "fewer than two rows have a text"}
    assert step.transform([{"size": 1.0}]) == [step.compile_row()({"size": 1.0})] == [{"size": 1.0}]


def test_vectors_have_the_length_one_and_a_text_without_tokens_none() -> None:
    vectors = HashedTokens().embed([*CODE, ""]).toarray()
    assert np.linalg.norm(vectors, axis=1).tolist() == pytest.approx([1.0] * 12 + [0.0])


def test_a_saved_pipeline_reads_the_text_and_scores_the_same(tmp_path: Path) -> None:
    steps = [("text", TextEmbedding(n_columns=3)), ("encode", RowEncoder()), ("model", Ridge())]
    pipeline = clone(Pipeline(steps)).fit(pd.DataFrame(ROWS), np.arange(24.0))
    features, reads = trace_inputs(pipeline, pipeline[1].kinds_)
    assert (features, reads) == (("size",), (TEXT,))
    card = Card("text", features, 0.0, 100.0, 5.0, None, (), False, reads=reads)
    registry = Registry(tmp_path, "")
    read = registry.load_artifact(registry.save_artifact(pipeline, card))
    wanted = np.clip(pipeline.predict(pd.DataFrame(ROWS)), 0, 100)
    np.testing.assert_allclose(read.score(ROWS), wanted, atol=1e-9)
    np.testing.assert_allclose(read.score_rows(ROWS), wanted, atol=1e-9)


# --- Transformers ---------------------------------------------------------------------------


@pytest.fixture
def text_model(monkeypatch: pytest.MonkeyPatch) -> str:
    """The folder of the real small model, with `tokenizers` to be imported."""
    packages, model = find_text_model()
    monkeypatch.syspath_prepend(packages)
    return str(model)


@pytest.mark.slow
def test_the_small_model_gives_the_vectors_that_its_authors_publish(text_model: str) -> None:
    """https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2: the first values of the first
    of its example sentences, there by torch."""
    model = open_transformer(text_model)
    vectors = model.embed(["This is an example sentence", "Each sentence is converted"])
    assert vectors.shape == (2, 384)
    published = [0.0676569, 0.0634959, 0.0487131, 0.0793049, 0.0374480]
    assert vectors[0, :5].tolist() == pytest.approx(published, abs=1e-5)


ALIKE = (
    ("How do I sort a list in Python?", "def ordered(xs): return sorted(xs)"),
    ("The cat sleeps on the sofa.", "A kitten is napping on the couch."),
    ("The database refuses connections.", "Postgres is down and nothing can log in."),
    ("Stocks fell sharply on Monday.", "Share prices dropped at the start of the week."),
    ("Preheat the oven and whisk the eggs.", "A recipe for baking a cake."),
)


@pytest.mark.slow
def test_the_nearest_of_many_sentences_is_the_one_that_says_the_same(text_model: str) -> None:
    """Which no shared word could tell."""
    model = open_transformer(text_model)
    likeness = model.embed([one for one, _ in ALIKE]) @ model.embed([two for _, two in ALIKE]).T
    assert likeness.argmax(axis=1).tolist() == [0, 1, 2, 3, 4]
    hashed = HashedTokens()
    words = hashed.embed([one for one, _ in ALIKE]) @ hashed.embed([two for _, two in ALIKE]).T
    assert words.toarray().argmax(axis=1).tolist() != [0, 1, 2, 3, 4]


@pytest.mark.slow
def test_a_text_has_the_same_vector_in_whatever_company(text_model: str) -> None:
    texts = ["sort a list", "a much longer sentence about cats that sit on mats " * 4]
    together = open_transformer(text_model).embed(texts)
    open_transformer.cache_clear()
    alone = open_transformer(text_model).embed(texts[:1])
    np.testing.assert_allclose(together[0], alone[0], atol=1e-5)


def test_a_text_is_embedded_once_and_forgotten_where_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def embed(self: Transformer, texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return np.array([[float(len(text))] for text in texts])

    monkeypatch.setattr(Transformer, "_embed_batch", embed)
    monkeypatch.setattr(transformer, "_KEPT", 2)
    model = Transformer("m", None, None)
    assert model.embed(["aaa", "b", "aaa"]).tolist() == [[3.0], [1.0], [3.0]]
    assert model.embed(["b", "cc"]).tolist() == [[1.0], [2.0]]
    assert asked == ["b", "aaa", "cc"]
    assert model.embed(["b"]).tolist() == [[1.0]]
    assert asked[3:] == ["b"]


@pytest.mark.slow
@pytest.mark.usefixtures("text_model")
def test_an_onnx_model_in_a_folder_runs(tmp_path: Path) -> None:
    """A model that looks each token up in a table: the vector is the mean of its rows."""
    table = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    save_tokenizer(tmp_path)
    save_onnx(table, tmp_path / "model.onnx")
    vectors = open_transformer(str(tmp_path)).embed(["one two", "one"])
    np.testing.assert_allclose(vectors, [[0.5**0.5, 0.5**0.5], [1.0, 0.0]], atol=1e-6)
    step = TextEmbedding(model=str(tmp_path), n_columns=1).fit([{TEXT: "one"}, {TEXT: "two"}])
    save_onnx(table + 1, tmp_path / "model.onnx")
    open_transformer.cache_clear()
    with pytest.raises(ValueError, match="and the version was trained with"):
        step.transform([{TEXT: "one"}])


def hide_in_weights(model: Any, tensor: Any) -> None:
    model.graph.initializer.append(tensor)


def hide_in_attribute(model: Any, tensor: Any) -> None:
    node = model.graph.node.add(op_type="Constant", output=["hidden"])
    node.attribute.add(name="value", t=tensor)


def hide_in_subgraph(model: Any, tensor: Any) -> None:
    node = model.graph.node.add(op_type="If", input=["c"], output=["hidden"])
    node.attribute.add(name="then_branch").g.initializer.append(tensor)


def hide_in_function(model: Any, tensor: Any) -> None:
    node = model.functions.add(name="f").node.add(op_type="Constant")
    node.attribute.add(name="value", tensors=[tensor])


def hide_in_sparse_weights(model: Any, tensor: Any) -> None:
    model.graph.sparse_initializer.add().values.CopyFrom(tensor)


HIDING = (
    hide_in_weights,
    hide_in_attribute,
    hide_in_subgraph,
    hide_in_function,
    hide_in_sparse_weights,
)


@pytest.mark.parametrize("hide", HIDING)
@pytest.mark.parametrize("marked", [True, False])
def test_an_onnx_model_cannot_name_another_file(
    tmp_path: Path, hide: Callable[[Any, Any], None], marked: bool
) -> None:
    """Not read even where onnxruntime would open what lies beside the model."""
    import onnx  # a second, for one test

    save_onnx(np.zeros((3, 2), dtype=np.float32), tmp_path / "model.onnx")
    model = onnx.load(str(tmp_path / "model.onnx"))
    tensor = onnx.TensorProto(name="hidden", data_type=onnx.TensorProto.FLOAT, dims=[2])
    tensor.external_data.add(key="location", value="secret.bin")
    if marked:
        tensor.data_location = onnx.TensorProto.EXTERNAL
    (tmp_path / "secret.bin").write_bytes(bytes(8))
    hide(model, tensor)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(Unavailable, match="weights in other files, which are not read"):
        transformer._open_onnx(tmp_path / "model.onnx")


def test_a_file_that_is_no_onnx_model_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\x07 no model")
    with pytest.raises(Unavailable, match=r"model\.onnx is no ONNX model"):
        transformer._open_onnx(tmp_path / "model.onnx")


def test_an_onnx_model_is_run_from_the_bytes_that_were_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file may be another one by the time that it is opened again."""
    path = tmp_path / "model.onnx"
    save_onnx(np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 1.0]], dtype=np.float32), path)
    check = transformer._check_onnx

    def change(checked: Path, content: bytes) -> None:
        check(checked, content)
        checked.write_bytes(b"another one")

    monkeypatch.setattr(transformer, "_check_onnx", change)
    _, run = transformer._open_onnx(path)
    ids = np.array([[0]])
    assert run(ids, np.ones_like(ids)).tolist() == [[[3.0, 4.0]]]


def save_tokenizer(folder: Path) -> None:
    tokenizers: Any = importlib.import_module("tokenizers")  # there where the fixture is used
    words = tokenizers.models.WordLevel({"?": 0, "one": 1, "two": 2}, unk_token="?")
    tokenizer = tokenizers.Tokenizer(words)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))


def save_onnx(table: np.ndarray, path: Path) -> None:
    import onnx  # a second, for one test

    helper, kind = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])],
        "lookup",
        [helper.make_tensor_value_info("input_ids", kind.INT64, ["n", "tokens"])],
        [helper.make_tensor_value_info("last_hidden_state", kind.FLOAT, ["n", "tokens", 2])],
        [onnx.numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(Unavailable, match=r"in /nowhere \(no tokenizer.json\): name the folder"):
        open_transformer("/nowhere")


@pytest.mark.slow
@pytest.mark.usefixtures("text_model")
def test_a_folder_without_a_model_says_what_is_missing(tmp_path: Path) -> None:
    save_tokenizer(tmp_path)
    with pytest.raises(Unavailable, match=r"has no model\.onnx: export it as ONNX"):
        open_transformer(str(tmp_path))
