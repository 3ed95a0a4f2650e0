"""Raw rows as samples and rejections: what every kind of file has in common; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.data.parsing.cell_parser import BadValue, as_text, parse_number, parse_time
from core.data.parsing.column_types import ColumnKind, ColumnScan, read_numbers, read_words
from core.data.sources.documents import METADATA
from core.data.sources.raw import RawPiece
from core.domain.dataset import RESERVED
from core.domain.sample import ColumnMapping, Provenance, Rejection, Sample
from core.errors import InvalidInput
from core.settings import Scale

_SYNTHETIC = frozenset({"synthetic", "demo", "generated", "simulated"})
_SOURCE, _IS_SYNTHETIC = METADATA + "source", METADATA + "synthetic"


@dataclass(frozen=True, slots=True)
class RowPlan:
    """How the rows of one file become samples, decided from all of its values."""

    mapping: ColumnMapping
    features: Mapping[str, ColumnKind]  # NUMBER or CATEGORY, in the file's order
    left_out: Mapping[str, str]  # columns that are no feature although nobody said so, and why
    n_rows: int
    day_first: bool | None = None  # in times such as 01/02/2026; None where no value says


def choose_plan(
    name: str,
    mapping: ColumnMapping,
    scans: Mapping[str, ColumnScan],
    n_rows: int,
    day_first: bool | None = None,
) -> RowPlan:
    """The plan for a file of this name; raises `InvalidInput` where a column that was named does
    not exist or is reserved, where numbers have decimal commas, or where no feature is left."""
    check_mapping(name, mapping, list(scans))
    used = used_columns(mapping)
    features: dict[str, ColumnKind] = {}
    left_out: dict[str, str] = {}
    for column, scan in scans.items():
        if scan.decimal_comma:
            raise InvalidInput(
                f"Column '{column}' of '{name}' has numbers with a comma ({scan.decimal_comma}): "
                "write them with a decimal point and no thousands separator, as in 3.5."
            )
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
    return RowPlan(mapping, features, left_out, n_rows, day_first)


def used_columns(mapping: ColumnMapping) -> set[str]:
    """The columns that are no feature because the mapping says what they are.

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
    """Raise `InvalidInput` where a column has a name that the tool keeps for itself."""
    reserved = sorted(set(columns) & set(RESERVED))
    if reserved:
        raise InvalidInput(
            f"'{name}' has a column '{reserved[0]}', a name that Plumbline keeps for itself: "
            "rename it."
        )


def check_mapping(name: str, mapping: ColumnMapping, columns: Sequence[str]) -> None:
    """Raise `InvalidInput` where a mapping names a column that does not exist, or one twice."""
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
) -> tuple[list[Sample], list[Rejection]]:
    """The samples of a piece, and why each of its other rows was not taken, in the rows' order."""
    if not piece.rows:
        return [], list(piece.rejections)
    reader = _Reader(piece)
    mapping = plan.mapping
    targets = reader.targets(mapping.target, scale)
    times = reader.times(mapping.timestamp, "timestamp", plan.day_first)
    label_times = reader.times(mapping.label_timestamp, "time of the label", plan.day_first)
    texts = reader.texts(mapping.text, "text")
    groups = reader.texts(mapping.group, "group")
    ids = reader.texts(mapping.id, "id")
    features = reader.features(plan.features)
    provenances = reader.provenances(provenance)
    samples = [
        Sample(
            source=source,
            provenance=provenances[place],
            features=features[place],
            target=target,
            at=times[place],
            text=texts[place],
            group=groups[place],
            external_id=ids[place],
            labelled_at=label_times[place],
        )
        for place, target in enumerate(targets)
        if place not in reader.rejections and target is not None
    ]
    rejections = [*piece.rejections, *reader.rejections.values()]
    return samples, sorted(rejections, key=lambda rejection: rejection.row)


def build_given_samples(
    rows: Sequence[Mapping[str, object]], *, source: str, scale: Scale
) -> tuple[list[Sample], list[Rejection]]:
    """Rows as the API takes them, `{id?, at?, group?, features, target, text?, source?}`, typed as
    they stand: a number is a number, a word a word, and a truth value is refused as in a request
    for a score.

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
        features={name: _read_given_feature(name, value) for name, value in features.items()},
        target=_read_given_target(row.get("target"), scale),
        at=_read_given_time(row.get("at")),
        text=_read_given_text("text", row.get("text")),
        group=_read_given_text("group", row.get("group")),
        external_id=_read_given_text("id", row.get("id")),
    )


_GIVEN = frozenset({"id", "at", "group", "features", "target", "text", "source"})


def _read_given_feature(name: str, value: object) -> float | str | None:
    if name in RESERVED:
        raise BadValue("reserved_name", f"feature '{name}': Plumbline keeps this name for itself")
    if value is None or isinstance(value, str):
        return as_text(value)
    try:
        _refuse_truth(value)
        if value != value:
            raise BadValue("not_a_number", "is NaN: leave it out or write null")
        return parse_number(value)
    except BadValue as error:
        raise BadValue("bad_feature", f"feature '{name}': {error.message}") from None


def _refuse_truth(value: object) -> None:
    """A prediction takes no truth value: a row that will be one must not either, or the two would
    mean different things. In a file, where nothing else can be meant, it is 1 or 0."""
    if isinstance(value, bool):
        raise BadValue("truth_value", f"{str(value).lower()} is no number: write 1 or 0")


def _read_given_target(value: object, scale: Scale) -> float:
    try:
        _refuse_truth(value)
    except BadValue as error:
        raise BadValue("target_truth_value", f"target: {error.message}") from None
    return _read_target(value, "target", scale)


def _read_given_time(value: object) -> datetime | None:
    try:
        return parse_time(value)
    except BadValue as error:
        raise BadValue(error.code, f"at: {error.message}") from None


def _read_given_text(field: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str | int | float):
        raise BadValue("nested", f"{field}: a text is needed")
    text = as_text(value)
    if text is not None and "\0" in text:
        raise BadValue("zero_byte", f"{field} contains a zero byte")
    return text


class _Reader:
    """Reads the columns of a piece by their role; the first thing wrong with a row rejects it."""

    def __init__(self, piece: RawPiece) -> None:
        self._piece = piece
        self._n = len(piece.rows)
        self.rejections: dict[int, Rejection] = {}

    def targets(self, column: str, scale: Scale) -> list[float | None]:
        read: list[float | None] = []
        for place, value in enumerate(self._values(column)):
            target = None
            try:
                target = _read_target(value, column, scale)
            except BadValue as error:
                self._reject(place, error.code, error.message)
            read.append(target)
        return read

    def times(self, column: str | None, role: str, day_first: bool | None) -> list[datetime | None]:
        read: list[datetime | None] = []
        for place, value in enumerate(self._values(column)):
            at = None
            try:
                at = parse_time(value, day_first)
            except BadValue as error:
                self._reject(place, error.code, f"{role} '{column}': {error.message}")
            read.append(at)
        return read

    def texts(self, column: str | None, role: str) -> list[str | None]:
        if column is None:
            return [None] * self._n
        values = self._values(column)
        for place, value in enumerate(values):
            if isinstance(value, list | dict | bytes):
                self._reject(place, "nested", f"{role} '{column}' is a list or an object")
            elif isinstance(value, str) and "\0" in value:
                self._reject(place, "zero_byte", f"{role} '{column}' contains a zero byte")
        return read_words(values)

    def features(self, kinds: Mapping[str, ColumnKind]) -> list[dict[str, float | str | None]]:
        columns: list[Sequence[float | str | None]] = []
        for name, kind in kinds.items():
            if kind is ColumnKind.NUMBER:
                numbers, wrong = read_numbers(self._values(name))
                for place, message in wrong.items():
                    self._reject(place, "bad_feature", f"feature '{name}': {message}")
                columns.append(numbers)
            else:
                columns.append(read_words(self._values(name)))
        if not columns:
            return [{} for _ in range(self._n)]
        return [dict(zip(kinds, values, strict=True)) for values in zip(*columns, strict=True)]

    def provenances(self, provenance: Provenance) -> list[Provenance]:
        """A row that says of itself that it was generated is believed."""
        columns = self._piece.columns
        if _SOURCE not in columns and _IS_SYNTHETIC not in columns:
            return [provenance] * self._n
        pairs = zip(self._values(_SOURCE), self._values(_IS_SYNTHETIC), strict=True)
        return [
            Provenance.SYNTHETIC
            if flag is True or str(source).strip().lower() in _SYNTHETIC
            else provenance
            for source, flag in pairs
        ]

    def _values(self, column: str | None) -> Sequence[object]:
        values = None if column is None else self._piece.columns.get(column)
        return [None] * self._n if values is None else values

    def _reject(self, place: int, code: str, message: str) -> None:
        self.rejections.setdefault(place, Rejection(self._piece.rows[place], message, code))


def _read_target(value: object, column: str, scale: Scale) -> float:
    try:
        target = parse_number(value)
    except BadValue as error:
        raise BadValue(f"target_{error.code}", f"target '{column}': {error.message}") from None
    if target is None:
        raise BadValue(
            "target_missing", f"target '{column}' is missing: a row without one cannot be learned"
        )
    if not scale.low <= target <= scale.high:
        raise BadValue(
            "target_out_of_scale",
            f"target '{column}' is {as_text(target)}, outside the scale {scale.low:g} to "
            f"{scale.high:g}: set PLUMBLINE_SCALE to the scale of the target",
        )
    return target + 0.0  # no negative zero
