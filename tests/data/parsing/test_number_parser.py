"""Numbers with units, thousands and decimal commas: read where the column makes them clear."""

import pytest

from core.data.parsing.cell_parser import ColumnKind
from core.data.parsing.column_types import ColumnScan, explain_unclear, find_notations, read_column
from core.data.parsing.notation import PLAIN


def _read(values: list[object], separator: str = ",", **others: list[object]) -> object:
    """Return the numbers of a column, or why they are unclear; `others` are in the same file."""
    scans = {}
    for name, column in {"a": values, **others}.items():
        scans[name] = ColumnScan()
        scans[name].add(column)
    notation = find_notations(scans, separator).get("a", PLAIN)
    unclear = explain_unclear(scans["a"], notation)
    if unclear is not None:
        return unclear
    assert scans["a"].kind is ColumnKind.NUMBER
    numbers, wrong = read_column(values, ColumnKind.NUMBER, notation)
    assert not wrong
    return numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("62.5%", 62.5),
        ("62.5 %", 62.5),
        ("%62", 62.0),
        ("62,5%", 62.5),
        ("$812.62", 812.62),
        ("$1,166.38", 1166.38),
        ("€ 1.234,50", 1234.5),
        ("1.234,50 €", 1234.5),
        ("1 200 kr", 1200.0),
        ("1\u202f234,5", 1234.5),
        ("1\u00a0234\u00a0567", 1234567.0),
        ("1\u2009234.5", 1234.5),
        ("1'234.50", 1234.5),
        ("1\u2019234", 1234.0),
        ("CHF 1'234.50", 1234.5),
        ("-$5", -5.0),
        ("$-5", -5.0),
        ("−5 %", -5.0),
        ("($5.00)", -5.0),
        ("(5)", -5.0),
        ("1,234,567", 1234567.0),
        ("1.234.567", 1234567.0),
        ("12,34,567", 1234567.0),
        ("1,5E-3", 0.0015),
        ("0,123", 0.123),
        ("1234,567", 1234.567),
        (",5", 0.5),
        ("USD 3", 3.0),
        ("£0.002", 0.002),
    ],
)
def test_a_number_in_writing_is_read_where_it_has_one_meaning(text: str, number: float) -> None:
    assert _read([text, ""]) == [number, None]


@pytest.mark.parametrize(
    "text",
    [
        "1,2,3",
        "1.2.3",
        "12,34,5",
        "1 23",
        "0,123,456",
        "5 apples",
        "$",
        "%",
        "()",
        "(5",
        "$5%",
        "--5",
        "1e5e",
        "192.168.1.1",
        "2026 03",
        "1,234.5,6",
        "5-7",
        "A1",
        "1'23",
        "5,",
        "12 345 6",
    ],
)
def test_what_only_looks_like_a_number_is_a_word(text: str) -> None:
    scan = ColumnScan()
    scan.add([text])
    assert scan.kind is ColumnKind.CATEGORY


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (["3,5", "1.234", "12"], [3.5, 1234.0, 12.0]),
        (["1.234,5", "1.234"], [1234.5, 1234.0]),
        (["$1,166.38", "$1,166", "$6"], [1166.38, 1166.0, 6.0]),
        (["1,234", "3.5", "12"], [1234.0, 3.5, 12.0]),
        (["1,234", "0,5"], [1.234, 0.5]),
        (["6,250", "52", "8,972"], [6250.0, 52.0, 8972.0]),
        (["$1,234", "$5"], [1234.0, 5.0]),
        (["1 234", "1 234,5", "2,125"], [1234.0, 1234.5, 2.125]),
        (["10%", "0", "7,5%"], [10.0, 0.0, 7.5]),
        (["1,234,567", "1,234"], [1234567.0, 1234.0]),
    ],
)
def test_the_whole_column_decides_which_separator_is_the_decimal_one(
    values: list[object], numbers: list[float]
) -> None:
    assert _read(values, separator=";") == numbers


def test_the_other_columns_of_a_file_decide_where_one_does_not() -> None:
    assert _read(["1,234", "2,345"], ";", b=["30.5"]) == [1234.0, 2345.0]
    assert _read(["1,234", "2,345"], ",", b=["30,5"]) == [1.234, 2.345]
    assert _read(["1.234", "2.345"], ";", b=["30,5"]) == [1234.0, 2345.0]
    assert _read(["1.234", "2.345"], ",", b=["30.5"]) == [1.234, 2.345]


def test_beside_commas_that_separate_columns_a_comma_separates_thousands() -> None:
    assert _read(["6,250", "8,972"], ",") == [6250.0, 8972.0]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (["1,234", "5,678"], "with a comma that may separate thousands or decimals ('1,234')"),
        (["3,5", "4.5"], "with a decimal comma ('3,5') and with a decimal point ('4.5')"),
        (["62.5%", "0.4"], "has percentages ('62.5%') and numbers without a percent sign ('0.4')"),
        (["$5", "€ 7"], "has amounts in several currencies ('$5' and '€ 7'): convert them to one"),
        (["1.234,5", "1,234.5"], "with a decimal comma ('1.234,5') and with a decimal point"),
    ],
)
def test_a_column_with_two_meanings_is_refused_with_what_to_do(
    values: list[object], why: str
) -> None:
    assert why in str(_read(values, separator=";"))


@pytest.mark.parametrize("odd", ["3,5", "50%"])
def test_a_few_values_that_are_written_otherwise_are_refused_row_by_row(odd: str) -> None:
    scan = ColumnScan()
    values = [*(f"{n}.5" for n in range(40)), odd]
    scan.add(values)
    notation = find_notations({"a": scan}).get("a", PLAIN)
    assert explain_unclear(scan, notation) is None
    numbers, wrong = read_column(values, ColumnKind.NUMBER, notation)
    assert (numbers[:2], list(wrong)) == ([0.5, 1.5], [40])


def test_numbers_with_units_beside_words_are_words() -> None:
    scan = ColumnScan()
    scan.add(["5%", "much", "little"])
    assert scan.kind is ColumnKind.CATEGORY
    assert find_notations({"a": scan}) == {}
