"""Spreadsheets: the first sheet with a table is read, in a process that ends alone."""

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.data.parsing.raw import RawPiece, RawTable
from core.data.sources.file_preview import read_preview
from core.data.sources.files import SUFFIXES, plan_file, read_file
from core.data.sources.spreadsheets import read_spreadsheet
from core.domain.sample import ColumnMapping, Provenance
from core.errors import InvalidInput
from core.settings import Scale
from tests.data.spreadsheet_files import write_sheet, write_xlsx

TABLE = [["len", "colour", "score"], [1, "red", 30.5], [2, "blue", 40], [3, "red", 50]]


def _read(path: Path) -> tuple[RawTable, RawPiece]:
    table = read_spreadsheet(path)
    (piece,) = table.read_pieces(1000)
    return table, piece


def test_cells_come_as_numbers_words_truth_values_and_times(tmp_path: Path) -> None:
    at = datetime(2026, 3, 2, 14, tzinfo=UTC)
    rows = [["a", "at", "ok", "word"], [1.5, at, True, " x "], [None, at, False, "'=1+1"]]
    _, piece = _read(write_xlsx(tmp_path / "a.xlsx", {"S": rows}))
    assert piece.columns == {
        "a": (1.5, None),
        "at": ("2026-03-02T14:00:00", "2026-03-02T14:00:00"),
        "ok": (True, False),
        "word": (" x ", "=1+1"),
    }


def test_errors_and_blanks_are_missing_and_blank_rows_are_none(tmp_path: Path) -> None:
    rows = [["a", "b"], [1, "#DIV/0!"], [], ["  ", None], ["#N/A", 2]]
    _, piece = _read(write_xlsx(tmp_path / "a.xlsx", {"S": rows}))
    assert (piece.columns, list(piece.rows)) == ({"a": (1, None), "b": (None, 2)}, [1, 2])


def test_the_first_visible_sheet_with_a_table_is_read_and_the_others_are_named(
    tmp_path: Path,
) -> None:
    sheets = {"Secret": TABLE, "Cover": [["Hello"]], "Data": TABLE, "Notes": [["x", "y"]]}
    table, piece = _read(write_xlsx(tmp_path / "a.xlsx", sheets, hidden=["Secret"]))
    assert piece.columns["score"] == (30.5, 40, 50)
    assert table.notes == (
        "Sheet 'Data' is read, and not 'Cover', 'Notes': save another as a file of its own.",
    )


def test_titles_above_and_totals_below_are_no_rows(tmp_path: Path) -> None:
    rows = [[], ["Quality report"], [None, None], *TABLE, ["Total", None, 120.5]]
    table, piece = _read(write_xlsx(tmp_path / "a.xlsx", {"S": rows}))
    assert table.notes == ("1 line above the header is left out: 'Quality report'.",)
    assert piece.columns["len"] == (1, 2, 3)
    assert [rejection.code for rejection in piece.rejections] == ["total_row"]


def test_a_table_may_stand_anywhere_on_its_sheet(tmp_path: Path) -> None:
    rows = [[], *([None, None, *row] for row in TABLE)]
    _, piece = _read(write_xlsx(tmp_path / "a.xlsx", {"S": rows}))
    assert [values for values in piece.columns.values() if any(values)] == [
        (1, 2, 3),
        ("red", "blue", "red"),
        (30.5, 40, 50),
    ]


def test_pieces_hold_so_many_rows_and_number_them_on(tmp_path: Path) -> None:
    rows = [["a", "b"], *([n, n] for n in range(7))]
    pieces = list(read_spreadsheet(write_xlsx(tmp_path / "a.xlsx", {"S": rows})).read_pieces(3))
    assert [list(piece.rows) for piece in pieces] == [[1, 2, 3], [4, 5, 6], [7]]
    assert pieces[-1].share_read == 1.0


def test_a_reader_that_stops_early_leaves_no_process(tmp_path: Path) -> None:
    rows = [["a", "b"], *([n, n] for n in range(9))]
    pieces = read_spreadsheet(write_xlsx(tmp_path / "a.xlsx", {"S": rows})).read_pieces(3)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]


def _refusal(path: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        list(read_spreadsheet(path).read_pieces(1000))
    return str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04....", b"a,b\n1,2\n", b"\xd0\xcf\x11\xe0\xa1"]
)
def test_what_is_no_spreadsheet_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    assert _refusal(path).startswith("'a.xlsx' cannot be read as a spreadsheet (")


@pytest.mark.parametrize("rows", [[], [["a"]], [["a", "b"]], [["a"], [1], [2]]])
def test_sheets_without_a_table_are_refused(tmp_path: Path, rows: list[list[object]]) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"S": rows})
    assert _refusal(path) == "'a.xlsx' has no sheet with a table: a header and a row below it."


def test_a_header_of_numbers_is_refused(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"S": [[1, 2], [3, 4]]})
    assert "holds numbers: it has to name the columns" in _refusal(path)


def test_a_small_file_that_names_a_far_cell_is_refused_and_takes_nothing_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"S": TABLE})
    far = write_sheet(TABLE).replace(
        "</sheetData>", '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    )
    _replace(path, "xl/worksheets/sheet1.xml", far)
    assert "GB of memory to be read, far more than its size says" in _refusal(path)


def test_a_long_text_that_stands_in_every_cell_is_refused(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"S": TABLE})
    cells = "<row>" + '<c t="s"><v>0</v></c>' * 1000 + "</row>"
    sheet = write_sheet(TABLE).replace("</sheetData>", cells * 10 + "</sheetData>")
    _replace(path, "xl/worksheets/sheet1.xml", sheet)
    _replace(path, "xl/sharedStrings.xml", f"<sst><si><t>{'x' * 1_000_000}</t></si></sst>")
    assert path.stat().st_size < 100_000
    assert "GB of memory to be read" in _refusal(path)


def _replace(path: Path, name: str, content: str) -> None:
    with zipfile.ZipFile(path) as file:
        kept = {one: file.read(one) for one in file.namelist() if one != name}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for one, bytes_ in {**kept, name: content.encode()}.items():
            file.writestr(one, bytes_)


def test_every_ending_of_a_spreadsheet_is_imported(tmp_path: Path) -> None:
    assert {".xlsx", ".xlsm", ".xls", ".ods"} <= set(SUFFIXES)
    path = write_xlsx(tmp_path / "a.xlsx", {"S": TABLE})
    assert read_preview(path).mapping == ColumnMapping("score")
    plan = plan_file(path, ColumnMapping("score"), lambda share: None)
    (piece,) = read_file(path, plan, "file:a.xlsx", Provenance.REAL, Scale(0, 100))
    assert [sample.target for sample in piece.samples] == [30.5, 40.0, 50.0]
