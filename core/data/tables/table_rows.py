"""Turn rows of a table into samples and rejections, by its plan; pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.data.parsing.cell_parser import BadValue, ColumnKind, as_text, show
from core.data.parsing.row_parser import read_field, read_target
from core.data.tables.table_plans import FeaturePath, TablePlan
from core.domain.sample import FeatureValue, Provenance, Rejection, Sample
from core.domain.source import TableMapping
from core.settings import Scale

_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})  # PostgreSQL's words for such numbers
_CORRECT_SCALE = "correct the target's scale in the mapping"


def build_table_samples(
    rows: Sequence[Mapping[str, Any]], plan: TablePlan, *, first_row: int, scale: Scale
) -> tuple[list[Sample], list[Rejection]]:
    """Return the samples of some rows, and why each other one was not taken; `first_row` is the
    number of the first. A value that is absent stays missing.

    >>> from core.data.tables.table_plans import plan_table
    >>> plan = plan_table(TableMapping("t", "y", features=("a",)), ["id", "created_at", "y", "a"])
    >>> row = {"id": 1, "created_at": None, "y": 0.5, "a": None}
    >>> (sample,), _ = build_table_samples([row], plan, first_row=1, scale=Scale(0, 1))
    >>> sample.target, sample.features, sample.external_id
    (0.5, {'a': None}, '1')
    """
    samples: list[Sample] = []
    rejections: list[Rejection] = []
    for number, row in enumerate(rows, start=first_row):
        try:
            samples.append(_build_sample(row, plan, scale))
        except BadValue as error:
            message = f"{plan.mapping.key} {show(row.get(plan.mapping.key))}: {error.message}"
            rejections.append(Rejection(number, message, error.code))
    return samples, rejections


def _build_sample(row: Mapping[str, Any], plan: TablePlan, scale: Scale) -> Sample:
    mapping = plan.mapping
    return Sample(
        source=mapping.source,
        provenance=Provenance.REAL,
        features=dict(_read_features(row, plan.features)),
        target=_read_target(row, mapping, scale),
        at=read_field(row, "time", mapping.timestamp, ColumnKind.TIME),
        text=read_field(row, "text", mapping.text, ColumnKind.TEXT),
        group=read_field(row, "group", mapping.group, ColumnKind.CATEGORY),
        external_id=as_text(row[mapping.key]),
        labelled_at=read_field(row, "time of the label", mapping.label_timestamp, ColumnKind.TIME),
    )


def _read_features(
    row: Mapping[str, Any], paths: Sequence[FeaturePath]
) -> Iterator[tuple[str, FeatureValue]]:
    """Yield each feature with its value; one that JSON lacks is not there."""
    for path in paths:
        value = row[path.column]
        if path.inside:
            inside = value if isinstance(value, Mapping) else {}
            name = next((name for name in path.inside if name in inside), None)
            if name is None:
                continue
            value = inside[name]
        is_word = isinstance(value, str) and value not in _NOT_FINITE
        kind = ColumnKind.CATEGORY if is_word else ColumnKind.NUMBER
        yield path.name, read_field({path.name: value}, "feature", path.name, kind)


def _read_target(row: Mapping[str, Any], mapping: TableMapping, scale: Scale) -> float:
    """Return the target on the scale of the settings."""
    low, high = mapping.target_low, mapping.target_high
    if low is None or high is None:
        return read_target(row, mapping.target, scale.low, scale.high, _CORRECT_SCALE)
    target = read_target(row, mapping.target, low, high, _CORRECT_SCALE)
    return scale.low + (target - low) / (high - low) * (scale.high - scale.low)
