"""What a spreadsheet would run is written as text, and reads back as it was."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.parsing.cell_parser import ValueKind, judge_value
from core.data.sources.delimited import read_delimited
from core.safety.formulas import defuse, defuse_all, restore
from core.serving.files.formats import CsvFormat

STARTS = "=+-@\t\r\n＝＋－＠"
CELLS = st.text(st.sampled_from([*"=+-@\t\r\n＝＋－＠' \"0.5e,;|aZ%!("]), max_size=8) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0")
)


@pytest.mark.parametrize(
    "cell",
    [
        '=HYPERLINK("http://127.0.0.1/x","click")',
        "=cmd|' /C calc'!A0",
        "+cmd|' /C calc'!A0",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        " =1+1",
        "＝1+1",
        "-",
        "-A1",
        "-1-A1",
        "-1+cmd|'x'!A0",
        "+(1)",
        "-1\n=1",
    ],
)
def test_what_may_be_a_formula_starts_with_a_quote(cell: str) -> None:
    assert defuse(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell",
    ["", "a=b", "-5", "+3.25", "-1e-9", "-.5", "+3 %", "-0.5 points", "'tis", "5-3", -5, 0.5],
)
def test_numbers_amounts_and_words_stay_as_they_are(cell: object) -> None:
    assert defuse(cell) == cell


@given(CELLS)
def test_no_cell_that_is_written_starts_like_a_formula_unless_it_is_an_amount(cell: str) -> None:
    written = str(defuse(cell))
    if written.lstrip(" ")[:1] and written.lstrip(" ")[0] in STARTS:
        assert written == cell
        assert written.lstrip(" ")[0] in "+-"
        assert written.lstrip(" ")[1] in "0123456789."
        assert not set(written) & set("=(|!'\"@\t\r\n;")


@given(CELLS)
def test_every_cell_reads_back_as_it_was(cell: str) -> None:
    assert restore(str(defuse(cell))) == cell
    assert defuse_all([cell]) == [defuse(cell)]


@given(
    st.lists(st.tuples(CELLS.filter(lambda cell: not cell.startswith(" ")), CELLS), min_size=1),
    st.text(st.sampled_from([*"=+-@＝'ab 1"]), min_size=1, max_size=8)
    .map(str.strip)
    .filter(lambda name: not _is_number(name)),
)
def test_a_file_that_we_wrote_reads_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], name: str
) -> None:
    folder: Path = tmp_path_factory.mktemp("written")
    cells = [first for first, _ in rows]
    form = CsvFormat()
    (folder / "part").write_bytes(form.encode({name: cells, "score": [1.5] * len(rows)}))
    form.join([folder / "part"], [name, "score"], folder / "whole.csv")
    (piece,) = read_delimited(folder / "whole.csv").read_pieces(10**6)
    assert piece.rejections == ()
    assert [*piece.columns] == [name, "score"]
    assert list(piece.columns[name]) == cells


def test_a_carriage_return_begins_no_row_of_its_own() -> None:
    assert CsvFormat().encode({"a": ["x\r=1"], "b": ["y"]}) == b'"x\r=1","y"\n'


def _is_number(name: str) -> bool:
    return judge_value(name) is not ValueKind.WORD
