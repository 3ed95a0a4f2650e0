"""The pipeline step before the encoder that adds a text's embedding to each row.

An embedder turns texts into vectors without having learned from them; the step learns how to say
most of these vectors in a few numbers (truncated SVD, Deerwester et al. 1990), inside the saved
pipeline. Which embedder: `hashed` needs nothing (`core.features.hashed`), a path names the folder
of a transformer (`core.features.transformer`)."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.extmath import randomized_svd
from sklearn.utils.validation import check_is_fitted

from core.domain.dataset import TEXT
from core.domain.sample import NAN
from core.features.hashed import HashedTokens
from core.features.transformer import open_transformer
from core.features.values import check_rows

if TYPE_CHECKING:
    import pandas as pd

HASHED = HashedTokens.name


class Embedder(Protocol):
    """Turns texts into vectors, always the same for the same text."""

    @property
    def name(self) -> str:
        """Return the unique id of the embedder. Serving refuses a version trained with another
        one."""

    def embed(self, texts: Sequence[str]) -> Any:
        """Return one vector a text, shape (n, d): an array or a sparse matrix."""


def open_embedder(model: str) -> Embedder:
    """Return the embedder of a name or a path. Raises `Unavailable` if the path holds no model, or
    its runtime is not installed."""
    return HashedTokens() if model == HASHED else open_transformer(model)


class TextEmbedding(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Adds the columns `text 1` to `text N`: a text's topic and style.

    A row without a text has none of them (nan). Fewer columns than `n_columns` come of few rows.
    Attributes: `components_` (shape (n_columns, d)), `embedder_` (its name), `added_`, `absent_`.

    >>> rows = [{"__text__": text} for text in ("def f(x): return x", "x = 1", "to be or not")]
    >>> step = TextEmbedding(n_columns=2).fit(rows)
    >>> [sorted(row) for row in step.transform([{"__text__": "def g(x): return x"}])]
    [['__text__', 'text 1', 'text 2']]
    """

    def __init__(self, *, model: str = HASHED, n_columns: int = 24, seed: int = 0) -> None:
        self.model = model
        self.n_columns = n_columns
        self.seed = seed

    def fit(self, X: "Sequence[Mapping[str, object]] | pd.DataFrame", y: object = None) -> Self:
        """Learn the columns from the rows that have a text."""
        check_rows(X)
        texts = [text for text in _texts(X) if text is not None]
        embedder = open_embedder(self.model)
        self.embedder_ = embedder.name
        self.added_: list[str] = []
        self.absent_: dict[str, str] = {}
        n_columns = min(self.n_columns, len(texts) - 1)
        if n_columns < 1:
            self.absent_["text"] = "fewer than two rows have a text"
            return self
        _, _, self.components_ = randomized_svd(
            embedder.embed(texts), n_columns, random_state=self.seed
        )
        self.added_ = [f"text {i + 1}" for i in range(len(self.components_))]
        return self

    def transform(
        self, X: "Sequence[Mapping[str, object]] | pd.DataFrame"
    ) -> "list[dict[str, object]] | pd.DataFrame":
        """Return the rows with the new columns: a frame for a frame, else a list of mappings.
        Raises `Unavailable` as `open_embedder` does, or if the path holds another model now."""
        check_is_fitted(self)
        check_rows(X)
        rows: Any = X
        values = self._embed(_texts(rows))
        if hasattr(rows, "columns"):
            columns = dict(zip(self.added_, values.T, strict=True))
            frame: pd.DataFrame = rows.assign(**columns)
            return frame
        return [
            {**row, **dict(zip(self.added_, own, strict=True))}
            for row, own in zip(rows, values.tolist(), strict=True)
        ]

    def compile_row(self) -> Callable[[Mapping[str, object]], dict[str, object]]:
        """Return a function that does to one mapping what `transform` does to many."""
        check_is_fitted(self)
        missing: dict[str, object] = dict.fromkeys(self.added_, NAN)
        if not self.added_:
            return dict
        say = self._compile_text()

        def add(row: Mapping[str, object]) -> dict[str, object]:
            text = _read_text(row.get(TEXT))
            new = missing if text is None else dict(zip(self.added_, say(text), strict=True))
            return {**row, **new}

        return add

    def get_inputs(self, column: str) -> tuple[str, ...]:
        """Return the columns that an added column is made of."""
        return (TEXT,)

    def get_spellings(self, column: str) -> tuple[str, ...]:
        """Return the column itself: a raw column has no other name."""
        return (column,)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.dict = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        tags.no_validation = True
        return tags

    def _embed(self, texts: Sequence[str | None]) -> NDArray[np.float64]:
        values = np.full((len(texts), len(self.added_)), NAN)
        rows = [i for i, text in enumerate(texts) if text is not None]
        if rows and self.added_:
            vectors = self._open().embed([text for text in texts if text is not None])
            values[rows] = vectors @ self.components_.T
        return values

    def _open(self) -> Embedder:
        embedder = open_embedder(self.model)
        if embedder.name != self.embedder_:
            raise ValueError(
                f"the text model at {self.model} is {embedder.name}, and the version was trained "
                f"with {self.embedder_}"
            )
        return embedder

    def _compile_text(self) -> Callable[[str], list[float]]:
        embedder = self._open()
        by_place = np.ascontiguousarray(self.components_.T)
        if not isinstance(embedder, HashedTokens):
            return lambda text: (embedder.embed([text])[0] @ by_place).tolist()

        def say(text: str) -> list[float]:
            places, values = embedder.embed_sparse(text)
            own: list[float] = (values @ by_place[places]).tolist()
            return own

        return say


def _texts(rows: Any) -> list[str | None]:
    if not hasattr(rows, "columns"):
        return [_read_text(row.get(TEXT)) for row in rows]
    if TEXT not in rows.columns:
        return [None] * len(rows)
    return [_read_text(value) for value in rows[TEXT].tolist()]


def _read_text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
