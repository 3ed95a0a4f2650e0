"""What the tests of the data floor share: files from text, imports in one call, frames of rows."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from core.data.collect import import_file
from core.data.context import CollectContext
from core.data.parsing.schema_inference import choose_columns
from core.data.sources.preview import preview_file
from core.domain.dataset import AT, EXTERNAL_ID, GROUP, KEY, PROVENANCE, SOURCE, TARGET, TEXT
from core.domain.sample import Collection, ColumnMapping, Sample
from core.settings import Scale
from core.store.engine.database import Database
from tests.streams import stream_samples

settings.register_profile("data", deadline=None, database=None, derandomize=True)
settings.load_profile("data")

PERCENT = Scale(0.0, 100.0)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of this name and content, and return its path."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


class Importer:
    """Imports files into a store with the guessed mapping, or one that is given."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.progress: list[tuple[float, str]] = []

    def __call__(
        self,
        path: Path,
        mapping: ColumnMapping | None = None,
        *,
        scale: Scale = PERCENT,
        name: str | None = None,
        limit_bytes: int = 10**9,
        accept_rejects: bool = False,
        **named: str,
    ) -> Collection:
        chosen = mapping or choose_columns(preview_file(path).mapping, **named)
        context = CollectContext(
            self.db,
            scale,
            by="ada",
            now=lambda: NOON,
            progress=lambda share, message: self.progress.append((share, message)),
        )
        return import_file(
            context,
            path,
            chosen,
            name=name or path.name,
            limit_bytes=limit_bytes,
            accept_rejects=accept_rejects,
        )

    def samples(self) -> list[Sample]:
        """The visible rows, by time and then key."""
        with self.db.read() as conn:
            return list(stream_samples(conn))


@pytest.fixture
def importer(db: Database) -> Importer:
    return Importer(db)


def rows_as_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as CSV, by the keys of the first."""
    lines = [",".join(rows[0])]
    lines += [",".join("" if v is None else str(v) for v in row.values()) for row in rows]
    return "\n".join(lines) + "\n"


def rows_as_jsonl(rows: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(json.dumps(row) for row in rows) + "\n"


@pytest.fixture
def clean_frame() -> pd.DataFrame:
    """400 rows of the last weeks before noon with two numbers and a category that say something
    of the target, as `read_snapshot` gives them."""
    return make_frame(400)


def make_frame(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    depth, size = rng.normal(size=n), rng.normal(size=n)
    model = rng.choice(["small", "large"], n)
    target = 50 + 8 * depth - 4 * size + 3 * (model == "large") + rng.normal(0, 4, n)
    return pd.DataFrame(
        {
            KEY: [f"{number:064x}" for number in range(n)],
            AT: pd.date_range(end=NOON, periods=n, freq="150min").as_unit("us"),
            TARGET: np.clip(target, 0, 100),
            TEXT: pd.Series([None] * n, dtype="str"),
            GROUP: pd.Series([None] * n, dtype="str"),
            EXTERNAL_ID: pd.Series([None] * n, dtype="str"),
            SOURCE: "file:work.csv",
            PROVENANCE: "real",
            "depth": depth,
            "model": pd.Series(model, dtype="str"),
            "size": size,
        }
    )
