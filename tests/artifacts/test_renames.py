"""An artifact of an earlier program names its classes as they were called then."""

import importlib

import pytest

from core.artifacts.allowed import ALLOWED
from core.artifacts.renames import RENAMES


@pytest.mark.parametrize(("former", "current"), RENAMES.items())
def test_a_former_name_leads_to_a_class_that_may_be_loaded(former: str, current: str) -> None:
    module, _, name = current.rpartition(".")
    assert isinstance(getattr(importlib.import_module(module), name), type)
    assert current in ALLOWED["ObjectNode"]
    assert current not in RENAMES, "a rename leads to the name of today, in one step"


def test_no_former_name_may_be_loaded_as_it_is() -> None:
    assert not {name for names in ALLOWED.values() for name in names} & set(RENAMES)
