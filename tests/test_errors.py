"""Errors: one family that an operator can act on, and nothing else in it."""

import inspect

import pytest

from core import errors
from core.errors import OpsError

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
