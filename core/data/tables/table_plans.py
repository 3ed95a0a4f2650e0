"""The plan of a table: its mapping checked against its columns, or guessed from its first rows;
pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.data.parsing.cell_parser import ColumnKind, ValueKind, as_word, read_cell
from core.data.parsing.column_facts import ColumnFacts, describe_column
from core.data.parsing.column_types import ColumnScan
from core.data.parsing.notation import BadValue, show
from core.data.parsing.row_parser import read_field, read_target
from core.data.parsing.schema_inference import guess_mapping
from core.domain.dataset import RESERVED
from core.domain.sample import FeatureValue, Provenance, Rejection, Sample
from core.domain.source import TableMapping
from core.errors import InvalidInput
from core.settings import Scale


@dataclass(frozen=True, slots=True)
class FeaturePath:
    """The place of a feature in a row: a column, or a value inside a JSON column."""

    name: str
    column: str
    inside: tuple[str, ...] = ()  # the names it may have there, the first that is there counts


@dataclass(frozen=True, slots=True)
class TablePlan:
    """A mapping resolved against the columns of a table."""

    mapping: TableMapping
    columns: tuple[str, ...]  # to ask for
    features: tuple[FeaturePath, ...]


def plan_table(mapping: TableMapping, columns: Sequence[str]) -> TablePlan:
    """Return the plan for a table with these columns. Raises `InvalidInput` if the mapping names a
    missing column, one twice, or no feature."""
    _check_scale(mapping)
    _check_label_time(mapping)
    roles = {
        "key": mapping.key,
        "target": mapping.target,
        "time": mapping.timestamp,
        "time of change": mapping.changed,
        "time of the label": mapping.label_timestamp,
        "text": mapping.text,
        "group": mapping.group,
    }
    needed = {role: column for role, column in roles.items() if column is not None}
    for role, column in needed.items():
        _check_column(mapping, role, column, columns)
    features = [_find_path(name) for name in mapping.features]
    for path in features:
        _check_column(mapping, "feature", path.column, columns)
    features += [
        path
        for path in (_find_path(name) for name in mapping.optional_features)
        if path.column in columns
    ]
    _check_features(mapping, features)
    asked = [*needed.values(), *(path.column for path in features)]
    return TablePlan(mapping, tuple(dict.fromkeys(asked)), tuple(features))


def guess_table(table: str, rows: Sequence[Mapping[str, Any]]) -> TableMapping:
    """Return a guessed mapping of a table from the names and values of its first rows; a person may
    change it. Raises `InvalidInput` if no column holds numbers.

    >>> rows = [{"id": 1, "made": "2026-02-01", "stars": 4, "length": 10, "tags": ["a"]}]
    >>> guess = guess_table("ratings", rows)
    >>> guess.key, guess.timestamp, guess.target, guess.features
    ('id', 'made', 'stars', ('length',))
    """
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    guess = guess_mapping([_describe(name, values) for name, values in columns.items()]).mapping
    kinds = {name: _guess_kind(values) for name, values in columns.items()}
    keys = [name for name in kinds if name.lower() in ("id", "uuid", "key")]
    key = guess.id or next(iter(keys or kinds))
    target = guess.target
    if not any(kind is ValueKind.NUMBER for name, kind in kinds.items() if name != key):
        raise InvalidInput(f"No column of '{table}' holds numbers: there is nothing to predict.")
    others = {key, target, guess.group, guess.text, *guess.ignored}
    features = [
        name
        for name, kind in kinds.items()
        if name not in others and kind in (ValueKind.NUMBER, ValueKind.WORD)
    ]
    return TableMapping(
        table,
        target,
        key=key,
        timestamp=guess.timestamp,
        text=guess.text,
        group=guess.group,
        features=tuple(features),
    )


def fit_mapping(mapping: TableMapping, columns: Sequence[str]) -> TableMapping:
    """Return a mapping that nobody chose for this table, without text and group if the table lacks
    them.

    >>> mapping = fit_mapping(TableMapping("t", "y", text="said", group="who"), ["id", "who"])
    >>> mapping.text, mapping.group
    (None, 'who')
    """
    return replace(
        mapping,
        text=mapping.text if mapping.text in columns else None,
        group=mapping.group if mapping.group in columns else None,
    )


def _describe(name: str, values: Sequence[object]) -> ColumnFacts:
    scan = ColumnScan()
    scan.add(values)
    return describe_column(name, values, scan)


def _guess_kind(values: Sequence[object]) -> ValueKind | None:
    """Return the type of a column's values, None if they are missing or lists and objects."""
    present = [value for value in values if value is not None]
    if not present or any(isinstance(value, list | dict) for value in present):
        return None
    if all(isinstance(value, int | float) for value in present):
        return ValueKind.NUMBER
    return ValueKind.TIME if all(_is_time(value) for value in present) else ValueKind.WORD


def _is_time(value: object) -> bool:
    try:
        if not isinstance(value, str) or value.isdigit():
            return False
        return read_cell(value, ColumnKind.TIME) is not None
    except BadValue:
        return False


def _find_path(feature: str) -> FeaturePath:
    """Return the path of a mapping's feature; inside JSON the snake_case name is tried too.

    >>> _find_path("metadata.codeQuality")
    FeaturePath(name='codeQuality', column='metadata', inside=('codeQuality', 'code_quality'))
    """
    column, dot, name = feature.partition(".")
    if not dot:
        return FeaturePath(column, column)
    snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
    return FeaturePath(name, column, tuple(dict.fromkeys((name, snake))))


def _check_scale(mapping: TableMapping) -> None:
    low, high = mapping.target_low, mapping.target_high
    if (low is None) != (high is None) or (low is not None and high is not None and low >= high):
        raise InvalidInput(
            f"The target's scale of '{mapping.table}' needs a lowest value below a highest one, or "
            "neither."
        )


def _check_label_time(mapping: TableMapping) -> None:
    if mapping.label_timestamp is not None and mapping.timestamp is None:
        raise InvalidInput(
            f"'{mapping.label_timestamp}' says when the labels of '{mapping.table}' came, and "
            "nothing when the work was made: map a column for its time as well."
        )


def _check_column(mapping: TableMapping, role: str, column: str, columns: Sequence[str]) -> None:
    if column not in columns:
        shown = ", ".join(f"'{name}'" for name in columns[:20])
        raise InvalidInput(
            f"Table '{mapping.table}' has no column '{column}' for the {role}; its columns are "
            f"{shown}{' …' if len(columns) > 20 else ''}. Correct the mapping."
        )


def _check_features(mapping: TableMapping, features: Sequence[FeaturePath]) -> None:
    names = [path.name for path in features]
    if not names and mapping.text is None:
        raise InvalidInput(
            f"The mapping of '{mapping.table}' names no feature and no text that the table has: "
            "nothing could tell a score from it."
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidInput(f"The mapping of '{mapping.table}' names '{repeated[0]}' twice.")
    if mapping.target in {path.column for path in features}:
        raise InvalidInput(
            f"Column '{mapping.target}' of '{mapping.table}' cannot be both the target and a "
            "feature."
        )
    reserved = sorted(set(names) & set(RESERVED))
    if reserved:
        raise InvalidInput(
            f"'{reserved[0]}' is a name that Plumbline keeps for itself: leave it out of the "
            f"features of '{mapping.table}'."
        )


_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})  # PostgreSQL's words for such numbers
_CORRECT_SCALE = "correct the target's scale in the mapping"


def build_table_samples(
    rows: Sequence[Mapping[str, Any]], plan: TablePlan, *, first_row: int, scale: Scale
) -> tuple[list[Sample], list[Rejection]]:
    """Return the samples and the rejections of some rows; `first_row` is the number of the first.
    An absent value stays missing.

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
        external_id=as_word(row[mapping.key]),
        labelled_at=read_field(row, "time of the label", mapping.label_timestamp, ColumnKind.TIME),
    )


def _read_features(
    row: Mapping[str, Any], paths: Sequence[FeaturePath]
) -> Iterator[tuple[str, FeatureValue]]:
    """Yield each feature with its value; skip those that the JSON lacks."""
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
