"""A version is weighed by what callers send of what it goes by, as often as training saw it."""

import pytest

from core.deployment.inputs_sent import MIN_REQUESTS, measure_inputs
from core.domain.sample import Features

IMPORTANCE = {"codeQuality": 0.75, "testCoverage": 0.25}
FEATURES = tuple(IMPORTANCE)
BOTH: Features = {"codeQuality": 80.0, "testCoverage": 60.0, "language": "go"}
ONE: Features = {"testCoverage": 60.0, "codeQuality": None}


def share(requests: list[Features], importance: dict[str, float] = IMPORTANCE) -> float | None:
    found = measure_inputs(FEATURES, importance, requests)
    return None if found is None else round(found.share, 3)


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ([BOTH] * 20, 1.0),
        ([ONE] * 400, 0.25),
        ([BOTH] * 20 + [ONE] * 20, 0.625),
        ([{}] * 20, 0.0),
        ([ONE] * (MIN_REQUESTS - 1), None),
        ([], None),
    ],
    ids=["all", "the strongest is gone", "half of them", "nothing", "too few", "none"],
)
def test_the_share_of_what_comes_is_weighed_by_importance(
    requests: list[Features], expected: float | None
) -> None:
    assert share(requests) == expected


def test_without_known_importance_features_weigh_alike() -> None:
    assert share([ONE] * 20, {}) == 0.5
    assert share([ONE] * 20, {"of another version": 1.0}) == 0.5


def test_a_feature_may_be_missing_as_often_as_in_training() -> None:
    """Half of the rows that it was checked on lack its strongest feature."""
    found = measure_inputs(FEATURES, IMPORTANCE, [BOTH] * 10 + [ONE] * 10, [BOTH, ONE])
    assert found is not None
    assert found.share == 1.0
    half = measure_inputs(FEATURES, IMPORTANCE, [BOTH] * 10 + [ONE] * 30, [BOTH, ONE])
    assert half is not None
    assert (round(half.share, 3), half.missing) == (0.625, {"codeQuality": 0.25})


def test_a_version_that_reads_no_feature_misses_none() -> None:
    assert measure_inputs((), {}, [BOTH] * 20) is None
