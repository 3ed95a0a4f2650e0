"""Errors: one family that an operator can act on, and nothing else in it."""

import inspect
from collections.abc import Callable

import numpy as np
import pytest
import xgboost
from sklearn.linear_model import LinearRegression

from core import errors
from core.errors import OpsError, find_library

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, OpsError) and kind is not OpsError
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_caught_as_one_family_and_says_its_sentence(kind: type[OpsError]) -> None:
    with pytest.raises(OpsError, match=r"^The disk is full\.$"):
        raise kind("The disk is full.")


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_catches_another(kind: type[OpsError]) -> None:
    assert kind.__bases__ == (OpsError,)


def test_a_bug_is_not_one_of_them() -> None:
    assert not issubclass(ValueError, OpsError)
    assert OpsError.__bases__ == (Exception,)


def _raise_in_sklearn() -> object:
    return LinearRegression().fit([[float("inf")]], [1.0])


def _raise_in_xgboost() -> object:
    return xgboost.DMatrix(np.array([[np.inf]]))


def _raise_own() -> object:
    raise ValueError("no column suits")


@pytest.mark.parametrize(
    ("call", "library"),
    [
        (_raise_in_sklearn, "scikit-learn"),
        (_raise_in_xgboost, "XGBoost"),
        (lambda: np.linalg.inv(np.zeros((2, 2))), "NumPy"),
        (_raise_own, None),
        (lambda: int("x"), None),
    ],
)
def test_what_a_library_raises_is_told_from_what_a_recipe_says(
    call: Callable[[], object], library: str | None
) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        call()
    assert find_library(raised.value) == library
