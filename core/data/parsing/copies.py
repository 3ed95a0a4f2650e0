"""Rows of one file that agree in all that is kept of them, told apart by what is not kept; pure."""

from collections.abc import Sequence
from dataclasses import replace

from core.data.parsing.raw import RawPiece
from core.domain.sample import Sample


class CopyCounter:
    """Numbers the rows of a file that agree in all that is kept and differ in another column.

    Rows that agree in every column are one row, and get one number. The numbers begin anew with
    each file, so that a file which is read again brings no row that is there already."""

    def __init__(self, others: Sequence[str]) -> None:
        self._others = tuple(others)  # columns that are not kept
        self._n_copies: dict[int, int] = {}
        self._numbers: dict[int, int] = {}

    def number(
        self, raw: RawPiece, samples: Sequence[Sample], rejected: frozenset[int]
    ) -> list[Sample]:
        """Return the samples of a piece with their `copy`; `rejected` are the numbers of the rows
        that became none.

        >>> raw = RawPiece([1, 2, 3], {"a": [5, 5, 5], "note": ["x", "y", "x"]}, (), 1.0)
        >>> from core.domain.sample import Provenance
        >>> samples = [Sample("file:a", Provenance.REAL, {"a": 5.0}, 1.0)] * 3
        >>> [s.copy for s in CopyCounter(["note"]).number(raw, samples, frozenset())]
        [0, 1, 0]
        """
        places = [place for place, row in enumerate(raw.rows) if row not in rejected]
        columns = [raw.columns[name] for name in self._others if name in raw.columns]
        if not columns:
            return list(samples)
        return [
            self._number(sample, repr([column[place] for column in columns]))
            for place, sample in zip(places, samples, strict=True)
        ]

    def _number(self, sample: Sample, rest: str) -> Sample:
        values = (sample.at, sample.group, sample.text, sample.target, sample.labelled_at)
        kept = repr((*values, *sample.features.values()))
        row = hash((kept, rest))
        if row not in self._numbers:
            self._numbers[row] = n = self._n_copies.get(hash(kept), 0)
            self._n_copies[hash(kept)] = n + 1
        copy = self._numbers[row]
        return sample if copy == 0 else replace(sample, copy=copy)
