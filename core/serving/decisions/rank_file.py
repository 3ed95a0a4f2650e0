"""Rank the rows of a scored file within their groups, and pick one of each."""

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from core.decisions.choices import choose_pick, draw_numbers, rank_scores
from core.domain.decisions.policy import DecisionPolicy
from core.errors import Conflict, InvalidInput

ADDED = ("rank", "picked", "probability")


@dataclass(frozen=True, slots=True)
class FileRanking:
    """The counts of a ranked file; rows without a group are groups of their own."""

    n_rows: int
    n_groups: int
    n_alone: int  # groups of one row, which is picked
    n_explored: int  # groups whose pick is left to chance


@dataclass(frozen=True, slots=True)
class _Ranked:
    rank: int
    picked: bool
    probability: float  # of being picked, if this row is; else 0


def rank_file(
    scored: Path, out: Path, group: str, policy: DecisionPolicy | None, prefix: str = ""
) -> FileRanking:
    """Write the rows of a scored file with their rank in their group, whether they are picked, and
    the probability that the pick had. Chance depends on the group's name and the policy alone, so
    that the same file is ranked the same again.

    Raises `InvalidInput` without the group's column or with a column of an added name, and
    `Conflict` if the output exists."""
    if out.exists():
        raise Conflict(f"'{out.name}' exists: give the output another name, or move it away.")
    names, rows = _read(scored)
    added = [prefix + name for name in ADDED]
    if group not in names:
        known = ", ".join(names[:10])
        raise InvalidInput(
            f"'{scored.name}' has no column '{group}': --group names one of {known}."
        )
    for name in added:
        if name in names:
            raise InvalidInput(f"'{scored.name}' has a column '{name}' already: give a --prefix.")
    kept = list(rows)
    groups = [row.get(group) for row in kept]
    scores = [_read_score(row.get(prefix + "score")) for row in kept]
    ranked, report = rank_groups(groups, scores, policy)
    _write(
        out,
        [*names, *added],
        (
            {**row, added[0]: one.rank, added[1]: one.picked, added[2]: one.probability}
            for row, one in zip(kept, ranked, strict=True)
        ),
        scored,
    )
    return report


def rank_groups(
    groups: Sequence[object], scores: Sequence[float | None], policy: DecisionPolicy | None
) -> tuple[list[_Ranked], FileRanking]:
    """Rank scores within their groups, and pick one of each; without a group a row is alone.

    >>> ranked, report = rank_groups(["q", "q", None], [60.0, 80.0, 10.0], None)
    >>> [(one.rank, one.picked) for one in ranked], report.n_groups, report.n_alone
    ([(2, False), (1, True), (1, True)], 2, 1)
    """
    places: dict[tuple[str, object], list[int]] = {}
    for place, name in enumerate(groups):
        is_alone = name is None or name == ""
        places.setdefault(("row", place) if is_alone else ("group", name), []).append(place)
    ranked: dict[int, _Ranked] = {}
    n_explored = 0
    policy_id = None if policy is None else policy.id
    exploration = 0.0 if policy is None else policy.terms.exploration
    for key, rows in places.items():
        values = [scores[place] for place in rows]
        choice = choose_pick(values, exploration, draw_numbers(str(key), policy_id, 3))
        n_explored += choice.explored
        for place, (row, rank) in enumerate(zip(rows, rank_scores(values), strict=True)):
            is_picked = place == choice.place
            ranked[row] = _Ranked(rank, is_picked, choice.probability if is_picked else 0.0)
    report = FileRanking(
        n_rows=len(groups),
        n_groups=len(places),
        n_alone=sum(len(rows) == 1 for rows in places.values()),
        n_explored=n_explored,
    )
    return [ranked[place] for place in range(len(groups))], report


def _read_score(value: object) -> float | None:
    """Return a score as a scored file has it; None for none."""
    if value is None or value == "":
        return None
    score = float(str(value))
    return score if math.isfinite(score) else None


def _read(path: Path) -> tuple[list[str], Iterator[dict[str, Any]]]:
    if path.suffix.lower() == ".parquet":
        table = pq.read_table(path)
        return list(table.column_names), iter(table.to_pylist())
    if path.suffix.lower() == ".jsonl":
        rows = msgspec.json.Decoder().decode_lines(path.read_bytes())
        names = dict.fromkeys(name for row in rows for name in row)
        return list(names), iter(rows)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    return list(reader.fieldnames or ()), iter(rows)


def _write(out: Path, names: Sequence[str], rows: Iterator[dict[str, Any]], scored: Path) -> None:
    """Write rows beside the output, and give it its name when it is whole."""
    part = out.with_name(f"{out.name}.part")
    if out.suffix.lower() == ".parquet":
        schema = pq.read_schema(scored)
        for name, kind in zip(names[-3:], (pa.int64(), pa.bool_(), pa.float64()), strict=True):
            schema = schema.append(pa.field(name, kind))
        pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), part)
    elif out.suffix.lower() == ".jsonl":
        part.write_bytes(msgspec.json.Encoder().encode_lines(list(rows)))
    else:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(names)
            writer.writerows([_show(row[name]) for name in names] for row in rows)
    part.replace(out)


def _show(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value
