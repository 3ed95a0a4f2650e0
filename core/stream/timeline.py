"""A file's rows in the order of time, typed as an import types them, on disk and read in pieces."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.data.parsing.cell_parser import BadValue, parse_number
from core.data.parsing.column_types import ColumnKind
from core.data.parsing.row_parser import RowPlan, build_samples
from core.data.sources.files import open_table, plan_file
from core.data.sources.raw import ROWS_PER_PIECE, RawPiece
from core.domain.sample import ColumnMapping, Features, Provenance, Sample
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
    plan = next(item for item in plan_file(path, mapping) if isinstance(item, RowPlan))
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
    targets: list[float] = []
    n_left_out, example, bad_target = 0, "", ""
    stored = folder / "timeline.arrow"
    with pa.OSFile(str(stored), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for piece in open_table(path).read_pieces(ROWS_PER_PIECE):
            samples, found, wrong, why = _read_piece(piece, plan)
            at += [to_micros(sample.at) for sample in samples if sample.at is not None]
            targets += found
            n_left_out += wrong
            example, bad_target = example or why, bad_target or _find_bad_target(piece, plan)
            if samples:
                writer.write_batch(_batch(samples, plan, schema))
    if not at:
        raise InvalidInput(
            f"No row of '{path.name}' has a time in '{mapping.timestamp}' that can be read: "
            f"{example or 'all of them are empty'}."
        )
    target = np.array(targets)
    if np.isnan(target).all():
        raise InvalidInput(
            f"No row of '{path.name}' has a number in the target '{mapping.target}': "
            f"{bad_target or 'all of them are empty'}."
        )
    with pa.memory_map(str(stored)) as source:
        columns = pa.ipc.open_file(source).read_all()
    return _sort(StreamTimeline(plan, np.array(at), target, columns, n_left_out, example))


def _read_piece(piece: RawPiece, plan: RowPlan) -> tuple[list[Sample], list[float], int, str]:
    """The rows with a time, their targets, how many could not be read, and why the first."""
    numbers = _targets(piece, plan)
    places = {row: place for place, row in enumerate(piece.rows)}
    zeros = dict(piece.columns) | {plan.mapping.target: [0.0] * len(piece.rows)}
    samples, rejections = build_samples(
        replace(piece, columns=zeros),
        plan,
        source="stream",
        provenance=Provenance.REAL,
        scale=_ANY,
    )
    rejected = {places[item.row] for item in rejections if item.row in places}
    taken = [place for place in range(len(piece.rows)) if place not in rejected]
    timed = [
        (sample, numbers[place])
        for sample, place in zip(samples, taken, strict=True)
        if sample.at is not None
    ]
    n_wrong = piece.n_received - len(timed)
    why = f"row {rejections[0].row}: {rejections[0].message}" if rejections else ""
    return [sample for sample, _ in timed], [number for _, number in timed], n_wrong, why


def _targets(piece: RawPiece, plan: RowPlan) -> list[float]:
    return [_number(value) for value in _target_values(piece, plan)]


def _target_values(piece: RawPiece, plan: RowPlan) -> Sequence[object]:
    return piece.columns.get(plan.mapping.target) or [None] * len(piece.rows)


def _number(value: object) -> float:
    try:
        number = parse_number(value)
    except BadValue:
        return float("nan")
    return float("nan") if number is None else number


def _find_bad_target(piece: RawPiece, plan: RowPlan) -> str:
    for row, value in zip(piece.rows, _target_values(piece, plan), strict=True):
        try:
            parse_number(value)
        except BadValue as error:
            return f"row {row}: {error.message}"
    return ""


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
