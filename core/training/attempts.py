"""What a search has tried, as parallel coordinates: an axis a parameter, and one for the loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.domain.training_report import SearchAttempt

LOSS, FOLDS = "loss", "folds"
_MAX_TICKS = 6


@dataclass(frozen=True, slots=True)
class Axis:
    """Places are 0..1 from bottom to top; a position is that of each attempt, None where it has no
    such parameter."""

    name: str
    ticks: tuple[tuple[float, str], ...]
    positions: tuple[float | None, ...]


def build_axes(attempts: Sequence[SearchAttempt]) -> tuple[Axis, ...]:
    """An axis for each parameter that took more than one value, one for the folds where attempts
    were judged by different numbers of them, and the loss last. A few values stand at equal
    distances in their order, many by their size.

    >>> tried = [SearchAttempt({"depth": d, "seed": 0}, 5.0 - d / 2, 5) for d in (2, 4, 6)]
    >>> [(axis.name, axis.positions) for axis in build_axes(tried)]
    [('depth', (0.0, 0.5, 1.0)), ('loss', (1.0, 0.5, 0.0))]
    """
    names = dict.fromkeys(name for attempt in attempts for name in attempt.parameters)
    columns: dict[str, list[float | str | None]] = {
        name: [_plain(attempt.parameters.get(name)) for attempt in attempts] for name in names
    }
    columns[FOLDS] = [attempt.n_folds for attempt in attempts]
    axes = [_build_axis(name, values) for name, values in columns.items() if _varies(values)]
    return *axes, _build_axis(LOSS, [attempt.loss for attempt in attempts])


def find_best(attempts: Sequence[SearchAttempt]) -> int:
    """The place of the attempt with the smallest loss among those that most folds have judged."""
    most = max(attempt.n_folds for attempt in attempts)
    places = [i for i, attempt in enumerate(attempts) if attempt.n_folds == most]
    return min(places, key=lambda i: attempts[i].loss)


def find_chosen(attempts: Sequence[SearchAttempt], chosen: Mapping[str, object]) -> int:
    """The place of the attempt that has the parameters which were chosen; of the best where none
    has. They may differ: a grid compares at its own numbers of trees, while an attempt stands at
    the number that is best for it.

    >>> tried = [SearchAttempt({"depth": d}, loss, 5) for d, loss in ((2, 4.0), (6, 3.9))]
    >>> find_chosen(tried, {"depth": 2, "start": "line"}), find_chosen(tried, {})
    (0, 1)
    """
    for place, attempt in enumerate(attempts):
        if all(chosen.get(name) == value for name, value in attempt.parameters.items()):
            return place
    return find_best(attempts)


def _varies(values: Sequence[object]) -> bool:
    return any(value != values[0] for value in values)


def _build_axis(name: str, values: Sequence[float | str | None]) -> Axis:
    known = {value for value in values if value is not None}
    numbers: list[float] = sorted(value for value in known if not isinstance(value, str))
    words = sorted(value for value in known if isinstance(value, str))
    if not words and (name == LOSS or len(numbers) > _MAX_TICKS):
        low, high = numbers[0], numbers[-1]
        width = (high - low) or 1.0
        places: dict[float | str, float] = {number: (number - low) / width for number in numbers}
        ticks: tuple[tuple[float, str], ...] = ((0.0, f"{low:.4g}"), (1.0, f"{high:.4g}"))
    else:
        levels: list[float | str] = [*numbers, *words]
        places = {level: i / max(len(levels) - 1, 1) for i, level in enumerate(levels)}
        ticks = tuple((place, _write(level)) for level, place in places.items())
    return Axis(name, ticks, tuple(None if v is None else places[v] for v in values))


def _plain(value: object) -> float | str | None:
    if value is None or isinstance(value, int | float):
        return None if value is None else float(value)
    return str(value)


def _write(level: float | str) -> str:
    return level if isinstance(level, str) else f"{level:g}"
