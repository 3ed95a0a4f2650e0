"""Small files in the style of real ones, each with the choice that a careful person would make."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

Columns = Mapping[str, Sequence[Any]]
N = 60

_WORDS = [
    "the",
    "answer",
    "says",
    "what",
    "a",
    "reader",
    "asked",
    "for",
    "and",
    "gives",
    "no",
    "reason",
    "that",
    "one",
    "could",
    "check",
]


@dataclass(frozen=True)
class FieldFile:
    """A file with the right choice. `asks` is the code of the problem that has to head what is
    said, where a person would ask before importing; `says` are codes that have to be among it."""

    name: str
    columns: Columns
    target: str
    timestamp: str | None = None
    id: str | None = None
    group: str | None = None
    text: str | None = None
    ignored: tuple[str, ...] = ()
    asks: str | None = None
    says: tuple[str, ...] = ()

    def write(self, folder: Path) -> Path:
        """Write the file in the format of its ending."""
        path = folder / self.name
        rows = [dict(zip(self.columns, row, strict=True)) for row in zip(*self.columns.values(),
                strict=True)]  # fmt: skip
        if path.suffix == ".json":
            path.write_text(json.dumps(rows))
        elif path.suffix == ".jsonl":
            path.write_text("\n".join(json.dumps(row) for row in rows))
        else:
            separator = "\t" if path.suffix == ".tsv" else ","
            lines = [separator.join(self.columns)]
            lines += [separator.join(map(_cell, row.values())) for row in rows]
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f'"{text}"' if set(text) & {",", '"', "\t"} else text


def _random(seed: int = 0) -> random.Random:
    return random.Random(seed)


def numbers(low: float, high: float, digits: int = 2, n: int = N, seed: int = 0) -> list[float]:
    draw = _random(seed)
    return [round(draw.uniform(low, high), digits) for _ in range(n)]


def whole(low: int, high: int, n: int = N, seed: int = 0) -> list[int]:
    draw = _random(seed)
    return [draw.randint(low, high) for _ in range(n)]


def words(*levels: str, n: int = N, seed: int = 0) -> list[str]:
    draw = _random(seed)
    return [draw.choice(levels) for _ in range(n)]


def sentences(length: int = 8, n: int = N, seed: int = 0) -> list[str]:
    draw = _random(seed)
    return [" ".join(draw.choices(_WORDS, k=length)) + f" {i}" for i in range(n)]


def names(prefix: str, n: int = N) -> list[str]:
    return [f"{prefix}{i:04d}" for i in range(n)]


def times(form: str = "%Y-%m-%dT%H:%M:%SZ", n: int = N) -> list[str]:
    start = datetime(2026, 1, 3, 9, 30, tzinfo=UTC)
    return [(start + timedelta(hours=7 * i)).strftime(form) for i in range(n)]


def epochs(n: int = N) -> list[int]:
    return [1_767_000_000 + 25_201 * i for i in range(n)]


def blocks(prefix: str, each: int, n: int = N) -> list[str]:
    return [f"{prefix}{i // each}" for i in range(n)]


def repeated(values: Sequence[Any], each: int) -> list[Any]:
    return [value for value in values for _ in range(each)]


def with_gaps(n: int = N) -> list[int]:
    draw = _random(3)
    return sorted(draw.sample(range(int(1.4 * n)), n))


def shuffled(n: int = N, start: int = 0) -> list[int]:
    places = list(range(start, start + n))
    _random(5).shuffle(places)
    return places


def lagged(values: Sequence[Any], by: int = 1) -> list[Any]:
    return [None] * by + list(values[:-by])


def rolling(values: Sequence[float]) -> list[float]:
    return [round(sum(values[max(0, i - 6) : i + 1]) / len(values[max(0, i - 6) : i + 1]), 3)
            for i in range(len(values))]  # fmt: skip


PROMPT, ANSWER = sentences(6, seed=1), sentences(12, seed=2)
X, Z = numbers(0, 9, seed=7), numbers(-1, 1, 3, seed=8)
