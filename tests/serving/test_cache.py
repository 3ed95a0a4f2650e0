"""A score is looked up where the very same row was asked for before, and only then."""

import pytest

from core.serving.cache import CachedModel
from tests.fakes import FakeArtifact

ROW = {"codeQuality": 80.0, "testCoverage": 60.0}


def test_the_same_row_in_another_order_is_found() -> None:
    model = CachedModel(FakeArtifact(), 10)
    assert model.score_row(ROW) == model.score_row(dict(reversed(ROW.items()))) == 70.0
    assert (model.n_asked, model.n_found) == (2, 1)


@pytest.mark.parametrize("other", [{**ROW, "testCoverage": None}, {"codeQuality": 80.0}])
def test_a_row_with_a_value_more_or_less_is_another(other: dict[str, float | None]) -> None:
    model = CachedModel(FakeArtifact(), 10)
    model.score_row(ROW)
    model.score_row(other)
    assert model.n_found == 0


def test_what_has_no_score_is_asked_again() -> None:
    artifact = FakeArtifact(error=ValueError("no"))
    model = CachedModel(artifact, 10)
    with pytest.raises(ValueError, match="no"):
        model.score_row(ROW)
    artifact.error = None
    assert model.score_row(ROW) == 70.0
    assert model.n_found == 0


def test_the_oldest_row_leaves_first() -> None:
    model = CachedModel(FakeArtifact(), 2)
    for value in (1.0, 2.0, 3.0, 2.0, 1.0):
        model.score_row({"codeQuality": value})
    assert model.n_found == 1


def test_nothing_is_found_after_a_clear() -> None:
    model = CachedModel(FakeArtifact(), 2)
    model.score_row(ROW)
    model.clear()
    model.score_row(ROW)
    assert (model.n_asked, model.n_found) == (2, 0)
