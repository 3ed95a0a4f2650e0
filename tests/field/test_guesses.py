"""The first guess at small files in the style of real ones is what a careful person would choose,
or says first what such a person would ask."""

from pathlib import Path

import pytest

from core.data.sources.preview import preview_file
from tests.field.files import FieldFile
from tests.field.indexes import INDEXES
from tests.field.judges import JUDGES
from tests.field.tables import SURVEYS, TABLES
from tests.field.work import BUGS, SENSORS

FILES = (*JUDGES, *BUGS, *SENSORS, *SURVEYS, *TABLES, *INDEXES)

_QUESTIONS = ("target_unreadable", "target_constant", "target_guessed", "time_unreadable")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_first_guess_is_that_of_a_careful_person(file: FieldFile, tmp_path: Path) -> None:
    preview = preview_file(file.write(tmp_path))
    mapping = preview.mapping
    found = (mapping.target, mapping.timestamp, mapping.id, mapping.group, mapping.text)
    assert found == (file.target, file.timestamp, file.id, file.group, file.text)
    assert set(mapping.ignored) == set(file.ignored)
    codes = [problem.code for problem in preview.problems]
    heads = [code for code in codes[:1] if code in _QUESTIONS]
    assert heads == [code for code in (file.asks, *file.says) if code in _QUESTIONS][:1]
    assert set(file.says) <= set(codes)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_role_has_a_reason(file: FieldFile, tmp_path: Path) -> None:
    assert all(column.why for column in preview_file(file.write(tmp_path)).columns)
