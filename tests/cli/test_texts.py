"""The answer of an import as a person reads it, and as JSON."""

from pathlib import Path

import pytest

from core.cli import texts
from core.cli.views import add_choice, view_choice
from core.data.sources.file_problems import find_problems, refuse_blocking
from core.data.sources.preview import preview_file
from core.domain.sample import ColumnMapping
from core.errors import Incomplete
from core.settings import Scale

DONE = {"n_received": 40, "n_new": 39, "n_duplicate": 0, "n_rejected": 1, "rejected": []}


def _choose(path: Path, mapping: ColumnMapping | None = None) -> dict[str, object]:
    preview = preview_file(path)
    chosen = mapping or preview.mapping
    return view_choice(preview, chosen, find_problems(preview, chosen, Scale(0, 100), 5.0))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = "".join(f"{n},T+{n},{n % 7},name{'xyz'[n % 3]},{n % 5}\n" for n in range(40))
    path = tmp_path / "work.csv"
    path.write_text(",time,size,colour,strength\n" + rows)
    return path


def test_what_is_in_doubt_comes_first_then_each_role_with_its_reason(path: Path) -> None:
    rejected = {"code": "rejected_rows", "severity": "info", "column": None, "n_rows": 1,
                "message": "1 of 40 rows was not taken.", "remedy": ""}  # fmt: skip
    found = _choose(path, ColumnMapping("strength", ignored=("column_1", "time")))
    said = texts.of_import(add_choice({**DONE, "problems": [rejected]}, found)).splitlines()
    assert said[0].startswith("WARNING: 'time' is named like a time and cannot be read as one")
    assert said[1].startswith("WARNING: The values of 'strength' go from 0 to 4 on the scale 0 to")
    assert said[2] == "40 rows read: 39 new, 0 duplicates, 1 rejected."
    assert (
        "  target 'strength': its name 'strength' is a target's, and it has 5 different"
        in (said[4])
    )
    assert "  2 features: size, colour" in said
    assert "  ignored: 'column_1' only says where a row stood" in "\n".join(said)
    assert "Note: 1 of 40 rows was not taken." in said


def test_the_json_has_a_reason_for_each_role_and_a_remedy_for_each_problem(path: Path) -> None:
    found = _choose(path)
    mapping, problems = found["mapping"], found["problems"]
    assert isinstance(mapping, dict)
    assert isinstance(problems, list)
    assert set(mapping["why"]) == {"target", "ignored"}
    assert [set(problem) for problem in problems] == [
        {"code", "severity", "column", "n_rows", "message", "remedy"}
    ] * len(problems)
    assert problems[0]["code"] == "time_unreadable"


def test_a_role_that_a_person_chose_says_so(path: Path) -> None:
    found = _choose(path, ColumnMapping("size", group="colour"))
    assert found["mapping"]["why"] == {"target": "you chose it", "group": "you chose it"}  # type: ignore[index]


def test_a_target_that_cannot_be_read_stops_the_import_with_the_problems(path: Path) -> None:
    preview = preview_file(path)
    problems = find_problems(preview, ColumnMapping("colour"))
    with pytest.raises(Incomplete, match=r"The target 'colour' cannot be read as numbers.*3 diff"):
        refuse_blocking(problems, {"problems": ["these"]})
