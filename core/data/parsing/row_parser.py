"""Raw rows of a file or a request as samples and rejections; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.data.parsing.cell_parser import ColumnKind, as_text, read_cell
from core.data.parsing.column_types import ColumnScan, explain_unclear, read_column
from core.data.parsing.json_shapes import METADATA
from core.data.parsing.notation import PLAIN, BadValue, Notation
from core.data.parsing.raw import RawPiece
from core.domain.dataset import RESERVED
from core.domain.sample import ColumnMapping, FeatureValue, Provenance, Rejection, Sample
from core.errors import InvalidInput
from core.settings import Scale

_SYNTHETIC = frozenset({"synthetic", "demo", "generated", "simulated"})
_SOURCE, _IS_SYNTHETIC = METADATA + "source", METADATA + "synthetic"


@dataclass(frozen=True, slots=True)
class RowPlan:
    """The roles and types of a file's columns, decided from all of its values."""

    mapping: ColumnMapping
    features: Mapping[str, ColumnKind]  # NUMBER or CATEGORY, in the file's order
    left_out: Mapping[str, str]  # columns that are no feature although nobody said so, and why
    n_rows: int
    notations: Mapping[str, Notation] = field(default_factory=dict)  # not plain ones


def choose_plan(
    name: str,
    mapping: ColumnMapping,
    scans: Mapping[str, ColumnScan],
    n_rows: int,
    notations: Mapping[str, Notation] | None = None,
) -> RowPlan:
    """Return the plan for a file of this name. Raises `InvalidInput` if a named column does not
    exist or is reserved, if it is unclear how numbers are written, or if no feature is left."""
    check_mapping(name, mapping, list(scans))
    notations = notations or {}
    used = used_columns(mapping)
    features: dict[str, ColumnKind] = {}
    left_out: dict[str, str] = {}
    for column, scan in scans.items():
        unclear = explain_unclear(scan, notations.get(column, PLAIN))
        if unclear is not None:
            raise InvalidInput(f"Column '{column}' of '{name}' {unclear}.")
        if column in used or column.startswith(METADATA):
            continue
        if scan.kind is ColumnKind.NESTED:
            left_out[column] = f"holds lists or objects ({scan.example}); a feature is one value"
        elif scan.kind is ColumnKind.TIME:
            left_out[column] = "holds times; a feature is a number or a word"
        else:
            is_number = scan.kind in (ColumnKind.NUMBER, ColumnKind.EMPTY)
            features[column] = ColumnKind.NUMBER if is_number else ColumnKind.CATEGORY
    if not features and mapping.text is None:
        reasons = "; ".join(f"'{column}' {why}" for column, why in left_out.items())
        raise InvalidInput(
            f"'{name}' has no feature: every column is the target, left out or ignored"
            f"{' (' + reasons + ')' if reasons else ''}. A sample needs at least one."
        )
    return RowPlan(mapping, features, left_out, n_rows, notations)


def used_columns(mapping: ColumnMapping) -> set[str]:
    """Return the columns with a role, which are no features.

    >>> sorted(used_columns(ColumnMapping(target="y", id="k", ignored=("z",))))
    ['k', 'y', 'z']
    """
    named = (
        mapping.target,
        mapping.timestamp,
        mapping.label_timestamp,
        mapping.text,
        mapping.id,
        mapping.group,
    )
    return {column for column in (*named, *mapping.ignored) if column is not None}


def check_names(name: str, columns: Iterable[str]) -> None:
    """Raise `InvalidInput` if a column has a reserved name."""
    reserved = sorted(set(columns) & set(RESERVED))
    if reserved:
        raise InvalidInput(
            f"'{name}' has a column '{reserved[0]}', a name that Plumbline keeps for itself: "
            "rename it."
        )


def check_mapping(name: str, mapping: ColumnMapping, columns: Sequence[str]) -> None:
    """Raise `InvalidInput` if a mapping names a missing column, or one twice."""
    check_names(name, columns)
    roles = {
        "target": mapping.target,
        "timestamp": mapping.timestamp,
        "time of the label": mapping.label_timestamp,
        "text": mapping.text,
        "id": mapping.id,
        "group": mapping.group,
    }
    named = [(role, column) for role, column in roles.items() if column is not None]
    taken: dict[str, str] = {}
    for role, column in (*named, *(("ignored", column) for column in mapping.ignored)):
        if column not in columns:
            shown = ", ".join(f"'{c}'" for c in columns[:20]) + (" …" if len(columns) > 20 else "")
            what = "to ignore" if role == "ignored" else f"for the {role}"
            raise InvalidInput(
                f"'{name}' has no column '{column}' {what}; its columns are {shown}."
            )
        if column in taken:
            if role == "ignored":
                raise InvalidInput(
                    f"Column '{column}' cannot be both the {taken[column]} and ignored: choose one."
                )
            raise InvalidInput(
                f"Column '{column}' cannot be both the {taken[column]} and the {role}: choose one."
            )
        taken[column] = role
    if mapping.label_timestamp is not None and mapping.timestamp is None:
        raise InvalidInput(
            f"'{mapping.label_timestamp}' says when the labels of '{name}' came, and nothing when "
            "the work was made: choose a column for its time as well."
        )


def build_samples(
    piece: RawPiece, plan: RowPlan, *, source: str, provenance: Provenance, scale: Scale
) -> tuple[list[Sample], list[Rejection], Counter[str]]:
    """Return the samples of a piece, the rejections of its other rows, in their order, and the
    number of values of each feature that do not fit it and count as missing."""
    if not piece.rows:
        return [], list(piece.rejections), Counter()
    reader = _Reader(piece, plan.notations)
    mapping = plan.mapping
    targets = reader.targets(mapping.target, scale)
    times = reader.read("timestamp", mapping.timestamp, ColumnKind.TIME)
    label_times = reader.read("time of the label", mapping.label_timestamp, ColumnKind.TIME)
    texts = reader.read("text", mapping.text, ColumnKind.TEXT)
    groups = reader.read("group", mapping.group, ColumnKind.CATEGORY)
    ids = reader.read("id", mapping.id, ColumnKind.CATEGORY)
    columns = [reader.read_feature(name, kind) for name, kind in plan.features.items()]
    features = zip(*columns, strict=True) if columns else [()] * len(piece.rows)
    provenances = reader.provenances(provenance)
    samples = [
        Sample(
            source=source,
            provenance=provenances[place],
            features=dict(zip(plan.features, values, strict=True)),
            target=targets[place],
            at=times[place],
            text=texts[place],
            group=groups[place],
            external_id=ids[place],
            labelled_at=label_times[place],
        )
        for place, values in enumerate(features)
        if place not in reader.rejections
    ]
    rejections = [*piece.rejections, *reader.rejections.values()]
    return samples, sorted(rejections, key=lambda rejection: rejection.row), reader.odd


def build_given_samples(
    rows: Sequence[Mapping[str, object]], *, source: str, scale: Scale
) -> tuple[list[Sample], list[Rejection]]:
    """Return the samples and the rejections of rows as the API takes them, `{id?, at?, group?,
    features, target, text?, source?}`. A feature is a number or a word as it is; a truth value is
    rejected, as in a request for a score.

    >>> given = [{"features": {"a": 1}, "target": 0}, {"features": {"a": [1]}, "target": 5}]
    >>> samples, rejections = build_given_samples(given, source="api", scale=Scale(0, 100))
    >>> samples[0].features, samples[0].target, rejections[0].row
    ({'a': 1.0}, 0.0, 2)
    """
    samples, rejections = [], []
    for number, row in enumerate(rows, start=1):
        try:
            samples.append(_read_given(row, source, scale))
        except BadValue as error:
            rejections.append(Rejection(number, error.message, error.code))
    return samples, rejections


def check_target(target: float | None, low: float, high: float, cure: str) -> float:
    """Return a target within its scale, without a negative zero. Raises `BadValue` where it is
    missing or outside; `cure` says what to do then."""
    if target is None:
        raise BadValue("missing", "is missing, and a row without one cannot be learned")
    if not low <= target <= high:
        raise BadValue(
            "out_of_scale", f"is {as_text(target)}, outside the scale {low:g} to {high:g}: {cure}"
        )
    return target + 0.0


def read_target(
    row: Mapping[str, object],
    column: str,
    low: float,
    high: float,
    cure: str,
    *,
    strict: bool = False,
) -> float:
    """Return the target that a row holds, by `read_field` and `check_target`."""
    target = read_field(row, "target", column, ColumnKind.NUMBER, strict=strict)
    try:
        return check_target(target, low, high, cure)
    except BadValue as error:
        raise error.locate("target", column) from None


def read_field(
    row: Mapping[str, object],
    role: str,
    column: str | None,
    kind: ColumnKind,
    *,
    strict: bool = False,
) -> Any:
    """Return what a row holds in one column, by `read_cell`; None where there is no such column.
    Raises `BadValue` with the role and the column."""
    if column is None:
        return None
    try:
        return read_cell(row.get(column), kind, strict=strict)
    except BadValue as error:
        raise error.locate(role, column) from None


_SET_SCALE = "set PLUMBLINE_SCALE to the scale of the target"
_GIVEN = frozenset({"id", "at", "group", "features", "target", "text", "source"})


def _read_given(row: Mapping[str, object], source: str, scale: Scale) -> Sample:
    unknown = sorted(set(row) - _GIVEN)
    if unknown:
        raise BadValue("unknown_field", f"field '{unknown[0]}' does not exist")
    features = row.get("features")
    if not isinstance(features, Mapping) or not (features or row.get("text")):
        raise BadValue("no_features", "features: an object with at least one feature is needed")
    said = row.get("source")
    is_synthetic = str(said).strip().lower() in _SYNTHETIC
    return Sample(
        source=source if said is None else f"{source}:{said}",
        provenance=Provenance.SYNTHETIC if is_synthetic else Provenance.REAL,
        features={name: _read_given_feature(features, name) for name in features},
        target=read_target(row, "target", scale.low, scale.high, _SET_SCALE, strict=True),
        at=read_field(row, "field", "at", ColumnKind.TIME),
        text=read_field(row, "field", "text", ColumnKind.TEXT),
        group=read_field(row, "field", "group", ColumnKind.CATEGORY),
        external_id=read_field(row, "field", "id", ColumnKind.CATEGORY),
    )


def _read_given_feature(features: Mapping[str, object], name: str) -> FeatureValue:
    if name in RESERVED:
        raise BadValue("reserved_name", f"feature '{name}': Plumbline keeps this name for itself")
    kind = ColumnKind.CATEGORY if isinstance(features[name], str) else ColumnKind.NUMBER
    value: FeatureValue = read_field(features, "feature", name, kind, strict=True)
    return value


class _Reader:
    """Reads the columns of a piece by their role; the first thing wrong with a row rejects it,
    unless it is a feature's value: that one is missing then."""

    def __init__(self, piece: RawPiece, notations: Mapping[str, Notation]) -> None:
        self._piece, self._notations = piece, notations
        self.rejections: dict[int, Rejection] = {}
        self.odd: Counter[str] = Counter()

    def read_feature(self, column: str, kind: ColumnKind) -> list[Any]:
        """Return a value a row, None where it is missing or does not fit the column."""
        notation = self._notations.get(column, PLAIN)
        read, wrong = read_column(self._values(column), kind, notation)
        if wrong:
            self.odd[column] += len(wrong)
        return read

    def read(self, role: str, column: str | None, kind: ColumnKind) -> list[Any]:
        """Return a value a row, None where it is missing or wrong."""
        notation = self._notations.get(column or "", PLAIN)
        read, wrong = read_column(self._values(column), kind, notation)
        for place, error in wrong.items():
            self._reject(place, error.locate(role, column))
        return read

    def targets(self, column: str, scale: Scale) -> list[Any]:
        """Return the target of each row, None where the row is rejected for it."""
        read: list[float | None] = self.read("target", column, ColumnKind.NUMBER)
        for place, target in enumerate(read):
            try:
                read[place] = check_target(target, scale.low, scale.high, _SET_SCALE)
            except BadValue as error:
                self._reject(place, error.locate("target", column))
        return read

    def provenances(self, provenance: Provenance) -> list[Provenance]:
        """Return the provenance of each row: a row that says that it was generated is believed."""
        columns = self._piece.columns
        if _SOURCE not in columns and _IS_SYNTHETIC not in columns:
            return [provenance] * len(self._piece.rows)
        pairs = zip(self._values(_SOURCE), self._values(_IS_SYNTHETIC), strict=True)
        return [
            Provenance.SYNTHETIC
            if flag is True or str(source).strip().lower() in _SYNTHETIC
            else provenance
            for source, flag in pairs
        ]

    def _values(self, column: str | None) -> Sequence[object]:
        values = None if column is None else self._piece.columns.get(column)
        return [None] * len(self._piece.rows) if values is None else values

    def _reject(self, place: int, error: BadValue) -> None:
        rejection = Rejection(self._piece.rows[place], error.message, error.code)
        self.rejections.setdefault(place, rejection)
