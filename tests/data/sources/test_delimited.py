"""CSV: separators found, encodings told apart, bad rows named, and what is no table refused."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.data.parsing.raw import RawPiece
from core.data.parsing.text_lines import read_lines
from core.data.sources.delimited import read_delimited
from core.errors import InvalidInput


def _read(path: Path, n: int = 100) -> list[RawPiece]:
    return list(read_delimited(path).read_pieces(n))


def _refusal(path: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        _read(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("separator", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")]
)
def test_the_separator_is_found(write, separator: str, name: str) -> None:
    path = write("a.csv", "a,b,c\n1,x y,3\n4,,6\n".replace(",", separator))
    table = read_delimited(path)
    assert table.form == f"CSV ({name}-separated)"
    (piece,) = table.read_pieces(10)
    assert dict(piece.columns) == {"a": ("1", "4"), "b": ("x y", ""), "c": ("3", "6")}
    assert piece.share_read == 1.0


def test_semicolons_win_over_commas_inside_the_values(write) -> None:
    (piece,) = _read(write("a.csv", "a;b\n1,5;2,5\n3,5;4,5\n"))
    assert dict(piece.columns) == {"a": ("1,5", "3,5"), "b": ("2,5", "4,5")}


def test_a_quoted_value_may_hold_separators_quotes_and_line_ends(write) -> None:
    (piece,) = _read(write("a.csv", 'a,b\n"x, ""y""\nz",1\n2,3\n'))
    assert piece.columns["a"] == ('x, "y"\nz', "2")
    assert list(piece.rows) == [1, 2]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_of_every_system_and_a_missing_last_one_are_read(write, end: str) -> None:
    (piece,) = _read(write("a.csv", f"a,b{end}1,2{end}3,4"))
    assert piece.columns["b"] == ("2", "4")


def test_a_byte_order_mark_is_no_part_of_the_first_name(write) -> None:
    (piece,) = _read(write("a.csv", b"\xef\xbb\xbfa,b\n1,\xc3\xa9\n"))
    assert dict(piece.columns) == {"a": ("1",), "b": ("é",)}


def test_utf_16_as_spreadsheets_write_it_is_read(write) -> None:
    (piece,) = _read(write("a.csv", "a\tb\né\t2\n".encode("utf-16")))
    assert dict(piece.columns) == {"a": ("é",), "b": ("2",)}


@pytest.mark.parametrize("word", ["café", "“quoted”", "50 €", "Müller", "naïve – yes"])
def test_the_encoding_of_windows_is_read_with_a_note(write, word: str) -> None:
    table = read_delimited(write("a.csv", f"name,b\nplain,1\n{word},2\n".encode("cp1252")))
    (piece,) = table.read_pieces(9)
    assert piece.columns["name"] == ("plain", word)
    assert table.notes == (
        "The file is not UTF-8: it is read as Windows-1252. Look at its accents.",
    )


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r"])
def test_another_encoding_is_refused_with_its_line_and_what_to_do(write, encoding: str) -> None:
    path = write("a.csv", "name,b\nplain,1\nпривет,2\n".encode(encoding))
    assert _refusal(path).startswith("Line 3 of 'a.csv' is not UTF-8 (byte 0x")
    assert "`iconv -f CP1252 -t UTF-8 a.csv`." in _refusal(path)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_read(write, encoding: str) -> None:
    (piece,) = _read(write("a.csv", "name,b\nplain,1\né,2\n".encode(encoding)))
    assert piece.columns["name"] == ("plain", "é")


def test_mixed_encodings_are_refused_and_never_turned_into_nonsense(write) -> None:
    path = write("a.csv", "name,b\ncafé,1\n".encode() + "café,2\n".encode("latin-1"))
    assert _refusal(path).startswith("Line 3 of 'a.csv' is not UTF-8 (byte 0xE9")


def test_utf_16_that_breaks_off_is_refused(write) -> None:
    path = write("a.csv", "a\tb\n1\t2\n".encode("utf-16") + b"\x00\xd8\x00")
    assert "stops being it near line" in _refusal(path)


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"PAR1....", "is not text but Parquet: give it the ending .parquet"),
        (b"PK\x03\x04....", "is not text but a zip or a spreadsheet: give it the ending .xlsx"),
        (b"\x1f\x8b\x08....", "is not text but gzip-compressed: unpack it"),
        (b"%PDF-1.7", "is not text but a PDF"),
        (b"a,b\n\x00\x01\x02", "is not text but binary data"),
    ],
)
def test_other_formats_named_csv_are_recognised(write, start: bytes, what: str) -> None:
    assert what in _refusal(write("a.csv", start))


def test_a_text_file_renamed_to_csv_is_refused(write) -> None:
    path = write("notes.csv", "Dear all\n\nplease find, attached, the notes.\nBye\n")
    assert _refusal(path) == (
        "'notes.csv' does not look like a table: its first line names one column only. "
        "A sample needs a target and at least one feature, separated by commas, semicolons, tabs "
        "or bars."
    )


def test_prose_with_a_comma_in_its_first_line_is_refused(write) -> None:
    lines = [
        "Dear Ada, dear all",
        "as you know",
        "the plan, the budget, and the rest, is late",
        "x",
    ]
    assert "does not look like a table: its first line has 2 values and most of the lines" in (
        _refusal(write("notes.csv", "\n".join(lines)))
    )


def test_a_header_of_numbers_is_refused(write) -> None:
    assert _refusal(write("a.csv", "1,2\n3,4\n")) == (
        "The first line of 'a.csv' holds numbers: it has to name the columns."
    )


def test_a_name_that_is_there_twice_is_numbered_and_that_is_said(write) -> None:
    table = read_delimited(write("a.csv", "a,b, a ,c,b\n1,2,3,4,5\n"))
    (piece,) = table.read_pieces(9)
    assert list(piece.columns) == ["a", "b", "a_2", "c", "b_2"]
    assert table.notes == (
        "2 columns are named 'a': after the first they are called 'a_2' here.",
        "2 columns are named 'b': after the first they are called 'b_2' here.",
    )


def test_a_column_without_a_name_gets_one_and_that_is_said(write) -> None:
    table = read_delimited(write("a.csv", ",a,b\n0,1,2\n1,3,4\n"))
    assert table.notes == ("Column 1 has no name in the file: it is called 'column_1' here.",)
    assert list(next(table.read_pieces(5)).columns) == ["column_1", "a", "b"]


def test_a_header_only_has_no_pieces(write) -> None:
    assert _read(write("a.csv", "a,b\n")) == []


def test_blank_lines_only_are_refused(write) -> None:
    assert "holds blank lines only" in _refusal(write("a.csv", "\n  \n\n"))


def test_a_row_with_another_number_of_values_is_rejected_by_its_number(write) -> None:
    (piece,) = _read(write("a.csv", "a,b\n1,2\n3\n\n4,5,6\n7,8\n"))
    assert list(piece.rows) == [1, 4]
    short, long = piece.rejections
    assert (short.row, short.message) == (
        2,
        "1 value where the header names 2 columns: check its quotes and separators",
    )
    assert long.row == 3
    assert "3 values where the header names 2 columns: quote values that contain a comma" in (
        long.message
    )
    assert piece.n_received == 4


def test_a_row_with_broken_quotes_is_rejected_and_the_next_is_read(write) -> None:
    (piece,) = _read(write("a.csv", 'a,b\n"x"y,1\n2,3\n'))
    assert list(piece.rows) == [2]
    assert "line 2 is not valid CSV" in piece.rejections[0].message


def test_a_row_of_nothing_is_rejected(write) -> None:
    (piece,) = _read(write("a.csv", "a,b\n,\n1,2\n"))
    assert piece.rejections[0].message == "line 2 has no value in any column"


def test_a_quote_that_is_never_closed_is_refused_where_it_opens(write) -> None:
    assert _refusal(write("a.csv", 'a,b\n1,2\n3,"4\n5,6\n')) == (
        "A value of 'a.csv' that starts at line 3 does not end within 131,072 characters: a "
        "closing quote is missing."
    )


def test_a_quote_opened_in_a_large_file_is_refused_without_reading_it_all(write) -> None:
    path = write("a.csv", 'a,b\n1,"2\n' + "3,4\n" * 100_000)
    assert "starts at line 2" in _refusal(path)


def test_a_line_without_an_end_is_refused(write, monkeypatch) -> None:
    monkeypatch.setattr("core.data.parsing.text_lines.MAX_LINE_BYTES", 1000)
    with pytest.raises(InvalidInput, match=r"Line 2 of 'a.csv' is longer than"):
        list(read_lines(write("a.csv", "a,b\n" + "x" * 5000), "utf-8"))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_old_mac_line_ends_are_read(write, mark: bytes) -> None:
    (piece,) = _read(write("a.csv", mark + b'a,b\r1,"x y"\r3,\xc3\xa9\r'))
    assert dict(piece.columns) == {"a": ("1", "3"), "b": ("x y", "é")}


@pytest.mark.parametrize(
    ("first", "separator"), [("sep=;", ";"), ('"sep=,"', ","), ("sep=\t", "\t"), ("sep=|\r", "|")]
)
def test_a_first_line_that_names_the_separator_is_no_header(write, first, separator) -> None:
    lines = [
        first,
        "a;b".replace(";", separator),
        "1,5;2".replace(",", ".").replace(";", separator),
    ]
    table = read_delimited(write("a.csv", b"\xef\xbb\xbf" + "\n".join(lines).encode()))
    (piece,) = table.read_pieces(9)
    assert dict(piece.columns) == {"a": ("1.5",), "b": ("2",)}
    assert (table.separator, list(piece.rows)) == (separator, [1])


_TABLE = "len,colour,score\n1,red,30\n2,blue,40\n3,red,50\n"


@pytest.mark.parametrize(
    ("above", "note"),
    [
        ("Quality report,,\n", "1 line above the header is left out: 'Quality report'."),
        ("Quality report\n", "1 line above the header is left out: 'Quality report'."),
        (
            "Report,,\nMade on 2 May,,\n,,\n",
            "2 lines above the header are left out: 'Report'.",
        ),
        ("Report\n\nBy ada\n", "2 lines above the header are left out: 'Report'."),
        ("\n\n", None),
        (",,\n,,\n", None),
    ],
)
def test_what_stands_above_the_header_is_left_out_and_said(write, above: str, note: str) -> None:
    table = read_delimited(write("a.csv", above + _TABLE))
    (piece,) = table.read_pieces(9)
    assert list(piece.columns) == ["len", "colour", "score"]
    assert (list(piece.rows), piece.columns["score"]) == ([1, 2, 3], ("30", "40", "50"))
    assert table.notes == (() if note is None else (note,))


@pytest.mark.parametrize("header", ["a,,,\n", ",a,b,\n", "a,b,c,d\n"])
def test_a_header_with_few_names_is_still_the_header(write, header: str) -> None:
    (piece,) = _read(write("a.csv", header + "1,2,3,4\n5,6,7,8\n"))
    assert (len(piece.columns), list(piece.rows)) == (4, [1, 2])


@pytest.mark.parametrize("end", ["Total,,120\n", "Sum:,,120\n,,\n", "Total,,120\nAverage,,40\n"])
def test_totals_at_the_end_are_rejected_as_such(write, end: str) -> None:
    (piece,) = _read(write("a.csv", _TABLE + end))
    assert list(piece.rows) == [1, 2, 3]
    codes = {rejection.code for rejection in piece.rejections}
    assert codes <= {"total_row", "unreadable_row"}
    assert "total_row" in codes


def test_a_total_between_other_rows_is_a_row(write) -> None:
    (piece,) = _read(write("a.csv", "kind,score\nTotal,1\npart,2\nTotal,3\npart,4\n"))
    assert list(piece.rows) == [1, 2, 3, 4]


@pytest.mark.parametrize("header", ["a,b\n", "a,b,\n", "a,b,,\n"])
def test_separators_at_the_ends_of_lines_make_no_column(write, header: str) -> None:
    (piece,) = _read(write("a.csv", header + "1,2,\n3,4,\n5,6,\n"))
    assert dict(piece.columns) == {"a": ("1", "3", "5"), "b": ("2", "4", "6")}


def test_a_zero_byte_rejects_its_row_and_not_the_file(write) -> None:
    (piece,) = _read(write("a.csv", b"a,b\n1,2\n3,\x004\n" + b"5,6\n" * 50))
    assert list(piece.rows)[:2] == [1, 3]
    assert piece.rejections[0].message == "line 3 contains a zero byte"


@pytest.mark.parametrize("odd", ['"hello', 'say "hi', '"a" b', '5"', '"'])
def test_a_quote_in_a_file_of_tabs_without_quoting_is_a_character(write, odd: str) -> None:
    path = write("a.tsv", f"text\tscore\nplain\t1\n{odd}\t2\nlast\t3\n")
    (piece,) = _read(path)
    assert dict(piece.columns) == {"text": ("plain", odd, "last"), "score": ("1", "2", "3")}


def test_values_in_quotes_between_tabs_may_hold_tabs_and_line_ends(write) -> None:
    (piece,) = _read(write("a.tsv", 'text\tscore\n"a\tb\nc"\t1\n"d ""e"""\t2\n'))
    assert piece.columns["text"] == ("a\tb\nc", 'd "e"')


def test_pieces_hold_so_many_rows_and_number_them_on(write) -> None:
    path = write("a.csv", "a,b\n" + "".join(f"{i},x\n" for i in range(1, 8)))
    pieces = _read(path, 3)
    assert [list(piece.rows) for piece in pieces] == [[1, 2, 3], [4, 5, 6], [7]]
    shares = [piece.share_read for piece in pieces]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_thousand_columns_are_read(write) -> None:
    names = ",".join(f"c{i}" for i in range(1000))
    (piece,) = _read(write("a.csv", names + "\n" + ",".join(["1"] * 1000) + "\n"))
    assert len(piece.columns) == 1000


_VALUES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=("Cs",)), max_size=8
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.tuples(_VALUES, _VALUES), min_size=1, max_size=6))
def test_what_a_csv_writer_wrote_is_read_again(write, rows: list[tuple[str, str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *rows])
    pieces = _read(write("a.csv", out.getvalue()))
    read = [pair for piece in pieces for pair in zip(*piece.columns.values(), strict=True)]
    assert read == [row for row in rows if any(row)]
    assert sum(piece.n_received for piece in pieces) == len(rows)
