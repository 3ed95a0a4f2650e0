"""A snapshot: the columns that are not features cannot be taken for one."""

import pytest

from core.data.quality.checks import BLOCKING_ROWS
from core.domain.dataset import RESERVED
from core.domain.sample import MIN_FEEDBACK, OBSERVED, Provenance, SampleCounts, choose_provenances
from core.errors import Refused


def test_reserved_names_are_all_different_and_unlike_a_feature() -> None:
    assert len(set(RESERVED)) == len(RESERVED)
    assert all(name.startswith("__") and name.endswith("__") for name in RESERVED)


def count(provenance: Provenance, n_rows: int) -> SampleCounts:
    return SampleCounts("somewhere", provenance, n_rows, None, None)


def test_one_row_that_somebody_brought_replaces_all_generated_ones() -> None:
    counts = [count(Provenance.SYNTHETIC, 5000), count(Provenance.REAL, 1)]
    assert choose_provenances(counts) == OBSERVED


def test_feedback_replaces_generated_rows_once_a_training_can_start_on_it() -> None:
    assert MIN_FEEDBACK == BLOCKING_ROWS
    synthetic = count(Provenance.SYNTHETIC, 5000)
    few, enough = (count(Provenance.FEEDBACK, MIN_FEEDBACK + n) for n in (-1, 0))
    assert choose_provenances([synthetic, few]) == (Provenance.SYNTHETIC,)
    assert choose_provenances([synthetic, enough]) == OBSERVED


def test_feedback_alone_is_learned_from() -> None:
    assert choose_provenances([count(Provenance.FEEDBACK, 1)]) == OBSERVED


def test_without_rows_the_refusal_says_how_to_get_some() -> None:
    with pytest.raises(Refused, match="There are no rows to learn from: import a file"):
        choose_provenances([])
