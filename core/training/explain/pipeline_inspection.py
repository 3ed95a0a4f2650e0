"""Inside a fitted pipeline: where its encoder stands, what its steps add, and what that is made of.

A step before the encoder that adds columns says which (`added_`), of what each is made
(`get_inputs(column)`), under which names it reads a raw column (`get_spellings(column)`), and what
it could not add and why (`absent_`)."""

from collections.abc import Iterable, Iterator
from typing import Any

from core.domain.sample import CARRIED


def find_encoder(pipeline: Any) -> int | None:
    """The place of the step that turns rows into numbers; None where there is no such step."""
    return next(
        (i for i, step in enumerate(_steps(pipeline)) if hasattr(step, "get_source_names")), None
    )


def prepare_rows(pipeline: Any, rows: Any) -> Any:
    """The rows as the encoder sees them, with what the steps before it add."""
    place = find_encoder(pipeline)
    return pipeline[:place].transform(rows) if place else rows


def list_added(pipeline: Any) -> tuple[str, ...]:
    """The columns that steps add."""
    return tuple(column for step in _adding(pipeline) for column in step.added_)


def list_absent(pipeline: Any) -> dict[str, str]:
    """List the columns that steps could not add, with the reason."""
    return {name: why for step in _adding(pipeline) for name, why in step.absent_.items()}


def trace_inputs(pipeline: Any, columns: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the inputs of these columns of the encoder: raw features, and the other fields of a
    row."""
    makers = {column: step for step in _adding(pipeline) for column in step.added_}
    inputs: dict[str, None] = {}
    for column in columns:
        made_of = makers[column].get_inputs(column) if column in makers else (column,)
        inputs |= dict.fromkeys(made_of)
    for step in _adding(pipeline):
        inputs |= dict.fromkeys(other for name in [*inputs] for other in step.get_spellings(name))
    features = tuple(name for name in inputs if name not in CARRIED)
    return features, tuple(name for name in CARRIED if name in inputs)


def _adding(pipeline: Any) -> Iterator[Any]:
    return (step for step in _steps(pipeline) if hasattr(step, "added_"))


def _steps(pipeline: Any) -> list[Any]:
    """None where a recipe is a single estimator."""
    return [step for _, step in getattr(pipeline, "steps", ())]
