"""A file's rows in the order of time, typed as an import types them, on disk and read in pieces."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.data.parsing.cell_parser import ColumnKind
from core.data.parsing.column_types import read_column
from core.data.parsing.notation import PLAIN
from core.data.parsing.raw import ROWS_PER_PIECE, RawPiece
from core.data.parsing.row_parser import RowPlan, build_samples
from core.data.sources.files import open_table, plan_file
from core.domain.sample import ColumnMapping, Features, Provenance, Rejection, Sample
from core.errors import InvalidInput
from core.settings import Scale
from core.store.engine.types import to_micros

_ANY = Scale(-1e300, 1e300)
_TEXT = "__text__"


@dataclass(frozen=True, slots=True)
class StreamTimeline:
    """The rows with a time, oldest first; `target` is nan where a row has none."""

    plan: RowPlan
    at_micros: NDArray[np.int64]
    target: NDArray[np.float64]
    columns: pa.Table
    n_left_out: int  # rows that could not be read
    example: str  # of one of them, empty where there is none

    def find(self, at: datetime) -> int:
        """The number of rows before a moment."""
        return int(np.searchsorted(self.at_micros, to_micros(at)))

    def rows(self, start: int, end: int) -> list[tuple[Features, str | None]]:
        """The features and the text of some rows, as a caller of the API would send them."""
        names = list(self.plan.features)
        part = self.columns.slice(start, end - start)
        features = part.select(names).to_pylist() if names else [{} for _ in range(end - start)]
        texts = part.column(_TEXT).to_pylist()
        return list(zip(features, texts, strict=True))

    def write_labelled(self, end: int, path: Path) -> int:
        """Write the first `end` rows that have a target as Parquet, to be imported; how many."""
        mapping = self.plan.mapping
        keep = ~np.isnan(self.target[:end])
        part = self.columns.slice(0, end).filter(pa.array(keep))
        at = pa.array(self.at_micros[:end][keep], pa.timestamp("us", tz="UTC"))
        table = part.select(list(self.plan.features))
        if mapping.text is not None:
            table = table.append_column(mapping.text, part.column(_TEXT))
        table = table.append_column(mapping.timestamp, at)
        table = table.append_column(mapping.target, pa.array(self.target[:end][keep]))
        pq.write_table(table, path)
        return int(keep.sum())


def read_timeline(path: Path, mapping: ColumnMapping, folder: Path) -> StreamTimeline:
    """Read a file piece by piece into `folder`. Raises `InvalidInput` where the mapping does not
    fit, no row has a readable time, or no target is a number."""
    plan = plan_file(path, mapping, lambda share: None)
    schema = pa.schema(
        [
            *(
                (name, pa.float64() if kind is ColumnKind.NUMBER else pa.string())
                for name, kind in plan.features.items()
            ),
            (_TEXT, pa.string()),
        ]
    )
    at: list[int] = []
    targets: list[float | None] = []
    n_left_out, example, bad_target = 0, "", ""
    stored = folder / "timeline.arrow"
    with pa.OSFile(str(stored), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for piece in open_table(path).read_pieces(ROWS_PER_PIECE):
            samples, rejections = _read_samples(piece, plan)
            values = piece.columns.get(mapping.target) or [None] * len(piece.rows)
            notation = plan.notations.get(mapping.target, PLAIN)
            found, wrong = read_column(values, ColumnKind.NUMBER, notation)
            at += [to_micros(sample.at) for sample in samples if sample.at is not None]
            targets += [found[int(sample.target)] for sample in samples]
            n_left_out += piece.n_received - len(samples)
            for rejection in rejections[:1]:
                example = example or f"row {rejection.row}: {rejection.message}"
            for place, error in wrong.items():
                bad_target = bad_target or f"row {piece.rows[place]}: {error.message}"
            if samples:
                writer.write_batch(_batch(samples, plan, schema))
    if not at:
        raise InvalidInput(
            f"No row of '{path.name}' has a time in '{mapping.timestamp}' that can be read: "
            f"{example or 'all of them are empty'}."
        )
    target = np.array(targets, dtype=np.float64)  # None becomes nan
    if np.isnan(target).all():
        raise InvalidInput(
            f"No row of '{path.name}' has a number in the target '{mapping.target}': "
            f"{bad_target or 'all of them are empty'}."
        )
    with pa.memory_map(str(stored)) as source:
        columns = pa.ipc.open_file(source).read_all()
    return _sort(StreamTimeline(plan, np.array(at), target, columns, n_left_out, example))


def _read_samples(piece: RawPiece, plan: RowPlan) -> tuple[list[Sample], list[Rejection]]:
    """Return the rows with a time, and why others cannot be read. A row may lack a target here:
    the target of a sample is the place of its row in the piece."""
    columns = {**piece.columns, plan.mapping.target: range(len(piece.rows))}
    samples, rejections, _ = build_samples(
        replace(piece, columns=columns),
        plan,
        source="stream",
        provenance=Provenance.REAL,
        scale=_ANY,
    )
    return [sample for sample in samples if sample.at is not None], rejections


def _batch(samples: Sequence[Sample], plan: RowPlan, schema: pa.Schema) -> pa.RecordBatch:
    def columns() -> Iterator[pa.Array]:
        for name in plan.features:
            values = [sample.features[name] for sample in samples]
            yield pa.array(values, schema.field(name).type)
        yield pa.array([sample.text for sample in samples], pa.string())

    return pa.RecordBatch.from_arrays(list(columns()), schema=schema)


def _sort(timeline: StreamTimeline) -> StreamTimeline:
    if (np.diff(timeline.at_micros) >= 0).all():
        return timeline
    order = np.argsort(timeline.at_micros, kind="stable")
    return replace(
        timeline,
        at_micros=timeline.at_micros[order],
        target=timeline.target[order],
        columns=timeline.columns.take(pa.array(order)),
    )
