"""Every noun of the domain: frozen, named by the rules, written in rows by its own name."""

import dataclasses
import importlib
import pkgutil
from datetime import datetime
from enum import Enum, StrEnum
from types import UnionType
from typing import Any, get_args, get_type_hints

import pytest

import core.domain

MODULES = [
    importlib.import_module(f"core.domain.{module.name}")
    for module in pkgutil.iter_modules(core.domain.__path__)
]
CLASSES = [
    kind
    for module in MODULES
    for kind in vars(module).values()
    if isinstance(kind, type) and kind.__module__ == module.__name__
]
VALUES = [kind for kind in CLASSES if dataclasses.is_dataclass(kind)]
CHOICES = [kind for kind in CLASSES if issubclass(kind, Enum)]


def holds_time(hint: object) -> bool:
    return hint is datetime or (isinstance(hint, UnionType) and datetime in get_args(hint))


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_a_value_never_changes(kind: Any) -> None:
    assert kind.__dataclass_params__.frozen, "write @dataclass(frozen=True, slots=True)"
    assert "__slots__" in vars(kind), "write @dataclass(frozen=True, slots=True)"


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_a_time_is_named_as_one_and_nothing_else_is(kind: type) -> None:
    for name, hint in get_type_hints(kind).items():
        assert holds_time(hint) == (name == "at" or name.endswith("_at")), name


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_a_count_is_a_whole_number(kind: type) -> None:
    for name, hint in get_type_hints(kind).items():
        if name.startswith("n_"):
            assert hint in (int, int | None), name


@pytest.mark.parametrize("kind", CHOICES, ids=lambda kind: kind.__name__)
def test_a_choice_is_written_as_its_name(kind: type[Enum]) -> None:
    """Rows and JSON hold these words: one that is renamed would no longer be found."""
    assert issubclass(kind, StrEnum)
    assert [choice.value for choice in kind] == [choice.name.lower() for choice in kind]
