"""The rows of a table as samples and rejections, by its plan; pure."""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from core.data.parsing.cell_parser import (
    FIRST_YEAR,
    LAST_YEAR,
    BadValue,
    as_text,
    parse_number,
    parse_time,
    show,
)
from core.data.tables.table_plans import FeaturePath, TablePlan
from core.domain.sample import FeatureValue, Provenance, Rejection, Sample, SampleColumns
from core.domain.source import TableMapping
from core.settings import Scale

_NAN, _INFINITE = "NaN", frozenset({"Infinity", "-Infinity"})  # as the database writes them in JSON


def build_table_samples(
    rows: Sequence[Mapping[str, Any]], plan: TablePlan, *, first_row: int, scale: Scale
) -> tuple[SampleColumns, list[Rejection]]:
    """The samples of some rows, and why each other one was not taken; `first_row` is the number
    of the first. A value that is absent stays missing.

    >>> from core.data.tables.table_plans import plan_table
    >>> plan = plan_table(TableMapping("t", "y", features=("a",)), ["id", "created_at", "y", "a"])
    >>> row = {"id": 1, "created_at": None, "y": 0.5, "a": None}
    >>> samples, _ = build_table_samples([row], plan, first_row=1, scale=Scale(0, 1))
    >>> samples.targets, samples.features, samples.external_ids
    ([0.5], [{'a': None}], ['1'])
    """
    try:
        return _build_together(rows, plan, scale), []
    except BadValue:  # somewhere: row by row shows where, and keeps the others
        pass
    samples: list[Sample] = []
    rejections: list[Rejection] = []
    for number, row in enumerate(rows, start=first_row):
        try:
            samples.append(_build_sample(row, plan, scale))
        except BadValue as error:
            message = f"{plan.mapping.key} {show(row.get(plan.mapping.key))}: {error.message}"
            rejections.append(Rejection(number, message, error.code))
    return SampleColumns.of(samples), rejections


def _build_sample(row: Mapping[str, Any], plan: TablePlan, scale: Scale) -> Sample:
    mapping = plan.mapping
    features: dict[str, FeatureValue] = {}
    for path in plan.features:
        value = row[path.column]
        if path.inside:
            name = _find_name(value, path.inside)
            if name is None:
                continue
            value = value[name]
        features[path.name] = _read_feature(path, value)
    return Sample(
        source=mapping.source,
        provenance=Provenance.REAL,
        features=features,
        target=_read_target(row[mapping.target], mapping, scale),
        at=_read_time_in(row, "time", mapping.timestamp),
        text=None if mapping.text is None else _read_text(row[mapping.text], mapping.text),
        group=None if mapping.group is None else _read_text(row[mapping.group], mapping.group),
        external_id=as_text(row[mapping.key]),
        labelled_at=_read_time_in(row, "time of the label", mapping.label_timestamp),
    )


def _build_together(
    rows: Sequence[Mapping[str, Any]], plan: TablePlan, scale: Scale
) -> SampleColumns:
    """As `_build_sample` for each, column by column; raises `BadValue` where one is wrong."""
    mapping = plan.mapping
    nothing: list[None] = [None] * len(rows)

    def texts(column: str | None) -> Sequence[str | None]:
        if column is None:
            return nothing
        return _read_texts([row[column] for row in rows], column)

    def times(role: str, column: str | None) -> Sequence[Any]:
        if column is None:
            return nothing
        return _read_times([row[column] for row in rows], f"{role} '{column}'")

    return SampleColumns(
        sources=[mapping.source] * len(rows),
        provenances=[Provenance.REAL] * len(rows),
        features=_read_features(rows, plan.features),
        targets=_read_targets([row[mapping.target] for row in rows], mapping, scale),
        ats=times("time", mapping.timestamp),
        texts=texts(mapping.text),
        groups=texts(mapping.group),
        external_ids=_read_ids([row[mapping.key] for row in rows]),
        labelled_ats=times("time of the label", mapping.label_timestamp),
    )


def _read_features(
    rows: Sequence[Mapping[str, Any]], paths: Sequence[FeaturePath]
) -> list[dict[str, FeatureValue]]:
    columns = {
        path.name: _read_column(path, [row[path.column] for row in rows])
        for path in paths
        if not path.inside
    }
    names = list(columns)
    features: list[dict[str, FeatureValue]] = (
        [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        if columns
        else [{} for _ in rows]
    )
    for path in paths:
        if path.inside:
            for row, found in zip(rows, features, strict=True):
                name = _find_name(row[path.column], path.inside)
                if name is not None:
                    found[path.name] = _read_feature(path, row[path.column][name])
    return features


def _read_column(path: FeaturePath, values: Sequence[Any]) -> Sequence[FeatureValue]:
    """A column of plain numbers at once, of words each word once, of anything else one by one."""
    kinds = set(map(type, values))
    if kinds <= {float, int, type(None)}:
        numbers = _read_numbers(values, float if type(None) not in kinds else _read_known)
        if numbers is not None:
            return numbers
    elif kinds <= {str, type(None)}:
        known = {value: _read_feature(path, value) for value in set(values)}
        return [known[value] for value in values]
    return [_read_feature(path, value) for value in values]


def _read_known(value: float | None) -> float | None:
    return None if value is None else float(value)


def _read_numbers(
    values: Sequence[Any], read: Callable[[Any], float | None]
) -> list[float | None] | None:
    """The values as floats; None where not all of them are finite."""
    try:
        numbers = list(map(read, values))
    except OverflowError:  # a whole number beyond what a float holds
        return None
    return numbers if math.isfinite(sum(filter(None, numbers))) else None


def _read_texts(values: Sequence[Any], column: str) -> Sequence[str | None]:
    if set(map(type, values)) <= {str, type(None)}:
        known = {value: _read_text(value, column) for value in set(values)}
        return [known[value] for value in values]
    return [_read_text(value, column) for value in values]


def _read_times(values: Sequence[Any], what: str) -> list[Any]:
    """Times as PostgreSQL writes them at once, anything else one by one."""
    try:
        times = [datetime.fromisoformat(value) for value in values if value[4] == "-"]
    except (TypeError, ValueError, IndexError):
        times = []
    plain = len(times) == len(values) and all(at.tzinfo is UTC for at in times)
    if plain and all(FIRST_YEAR <= at.year <= LAST_YEAR for at in (min(times), max(times))):
        return times
    return [_read_time(value, what) for value in values]


def _read_ids(values: Sequence[Any]) -> list[str | None]:
    return list(map(str if set(map(type, values)) == {int} else as_text, values))


def _read_targets(values: Sequence[Any], mapping: TableMapping, scale: Scale) -> list[float]:
    """A column of plain numbers within the scale at once, anything else one by one."""
    if set(map(type, values)) <= {float, int}:
        low, high = _find_bounds(mapping, scale)
        if low <= min(values) and max(values) <= high and math.isfinite(sum(values)):
            return [_rescale(float(value), mapping, scale) for value in values]
    return [_read_target(value, mapping, scale) for value in values]


def _read_target(value: object, mapping: TableMapping, scale: Scale) -> float:
    try:
        target = parse_number(value)
    except BadValue as error:
        raise BadValue(
            f"target_{error.code}", f"target '{mapping.target}': {error.message}"
        ) from None
    if target is None:
        raise BadValue(
            "target_missing",
            f"target '{mapping.target}' is missing: a row without one cannot be learned",
        )
    low, high = _find_bounds(mapping, scale)
    if not low <= target <= high:
        raise BadValue(
            "target_out_of_scale",
            f"target '{mapping.target}' is {target:g}, outside {low:g} to {high:g}: correct the "
            "target's scale in the mapping",
        )
    return _rescale(target, mapping, scale)


def _find_bounds(mapping: TableMapping, scale: Scale) -> tuple[float, float]:
    """The lowest and the highest target as the table writes them."""
    low, high = mapping.target_low, mapping.target_high
    return (scale.low, scale.high) if low is None or high is None else (low, high)


def _rescale(target: float, mapping: TableMapping, scale: Scale) -> float:
    if mapping.target_low is None:
        return target + 0.0  # no negative zero
    low, high = _find_bounds(mapping, scale)
    return scale.low + (target - low) / (high - low) * (scale.high - scale.low)


def _read_time_in(row: Mapping[str, Any], role: str, column: str | None) -> Any:
    return None if column is None else _read_time(row[column], f"{role} '{column}'")


def _read_time(value: object, what: str) -> Any:
    try:
        return parse_time(value)
    except BadValue as error:
        raise BadValue(error.code, f"{what}: {error.message}") from None


def _read_text(value: object, column: str) -> str | None:
    if isinstance(value, list | dict):
        raise BadValue("nested", f"'{column}' is a list or an object")
    text = as_text(value)
    if text is not None and "\0" in text:
        raise BadValue("zero_byte", f"'{column}' contains a zero byte")
    return text


def _read_feature(path: FeaturePath, value: object) -> FeatureValue:
    if value is None or value == _NAN:
        return None
    if isinstance(value, int | float):
        if abs(value) <= sys.float_info.max:  # NaN is not
            return float(value)
    elif isinstance(value, str) and value not in _INFINITE:
        return _read_text(value, path.name)
    raise BadValue("bad_feature", f"feature '{path.name}': {show(value)} is no number and no word")


def _find_name(value: object, names: Sequence[str]) -> str | None:
    if not isinstance(value, Mapping):
        return None
    return next((name for name in names if name in value), None)
