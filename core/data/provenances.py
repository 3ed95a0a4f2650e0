"""Which rows a training may use together: observed ones or generated ones, never both; pure."""

from collections.abc import Sequence

from core.domain.sample import OBSERVED, Provenance, SampleCounts
from core.errors import Refused

MIN_FEEDBACK = 50
"""Beside generated rows, feedback alone takes their place from so many rows on: with fewer, which
come by themselves, no training could start at all."""


def choose_provenances(counts: Sequence[SampleCounts]) -> tuple[Provenance, ...]:
    """What a training may use: the rows observed in the world where somebody brought some or enough
    of them came back as feedback, else the generated ones; never both. Raises `Refused` where
    there are none.

    >>> choose_provenances([SampleCounts("demo", Provenance.SYNTHETIC, 9, None, None)])
    (<Provenance.SYNTHETIC: 'synthetic'>,)
    """
    n_rows = dict.fromkeys(Provenance, 0)
    for count in counts:
        n_rows[count.provenance] += count.n_rows
    n_feedback, n_synthetic = n_rows[Provenance.FEEDBACK], n_rows[Provenance.SYNTHETIC]
    if n_rows[Provenance.REAL] or n_feedback >= (MIN_FEEDBACK if n_synthetic else 1):
        return OBSERVED
    if n_synthetic:
        return (Provenance.SYNTHETIC,)
    raise Refused(
        "There are no rows to learn from: import a file with `collect file PATH`, or fill the "
        "store with generated rows with `demo`."
    )
