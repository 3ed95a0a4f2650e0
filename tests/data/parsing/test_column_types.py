"""What a column holds is learned from all of its values."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.parsing.cell_parser import ColumnKind, read_cell
from core.data.parsing.column_types import ColumnScan, explain_unclear, find_notations, read_column
from core.data.parsing.notation import PLAIN, BadValue


def _scan(*values: object) -> ColumnScan:
    scan = ColumnScan()
    scan.add(values)
    return scan


def test_numbers_as_strings_are_numbers() -> None:
    assert _scan("1", "2.5", "", "-3e2").kind is ColumnKind.NUMBER


def test_words_that_mean_missing_are_missing_among_numbers_and_words_among_words() -> None:
    assert _scan("1", "NA", "").n_missing == 2
    words = _scan("blue", "NA", "")
    assert (words.kind, words.n_missing) == (ColumnKind.CATEGORY, 1)


def test_a_word_late_in_the_file_makes_the_whole_column_words() -> None:
    scan = _scan(*map(str, range(10)))
    assert scan.kind is ColumnKind.NUMBER
    scan.add(["blue", "green"])
    assert scan.kind is ColumnKind.CATEGORY


def test_one_word_among_many_numbers_is_a_mistake_and_not_a_category() -> None:
    scan = _scan(*map(str, range(40)), "oops")
    assert scan.kind is ColumnKind.NUMBER
    assert scan.odd_value == "'oops'"


def test_long_words_are_text() -> None:
    assert _scan("x" * 101, "y" * 200, "z").kind is ColumnKind.TEXT
    assert _scan("x" * 99, "y" * 20, "z").kind is ColumnKind.CATEGORY


def test_lists_and_objects_are_nested() -> None:
    assert _scan([1, 2], None).kind is ColumnKind.NESTED
    assert _scan({"a": 1}, 3).kind is ColumnKind.NESTED
    assert _scan(b"1").kind is ColumnKind.NESTED


def test_a_column_without_values_is_empty() -> None:
    scan = _scan("", None)
    scan.skip(3)
    assert (scan.kind, scan.n_missing, scan.n_rows, scan.example) == (
        ColumnKind.EMPTY,
        5,
        5,
        None,
    )


def test_a_zero_is_a_number_and_not_missing() -> None:
    scan = _scan(0, 0.0, "0", None)
    assert (scan.kind, scan.n_missing) == (ColumnKind.NUMBER, 1)


_CELLS = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.text(max_size=6),
    st.sampled_from(["3,5", "1,234", "4.5", "7%"]),
)


@given(st.lists(_CELLS, max_size=30), st.integers(1, 7))
def test_a_column_is_the_same_however_it_is_cut_into_pieces(cells: list[object], n: int) -> None:
    whole, pieces = _scan(*cells), ColumnScan()
    for start in range(0, len(cells), n):
        pieces.add(cells[start : start + n])
    assert (whole.kind, whole.n_missing) == (pieces.kind, pieces.n_missing)
    one, other = find_notations({"a": whole}), find_notations({"a": pieces})
    assert one == other
    assert (explain_unclear(whole, one.get("a", PLAIN)) is None) == (
        explain_unclear(pieces, other.get("a", PLAIN)) is None
    )


@pytest.mark.parametrize("kind", [ColumnKind.NUMBER, ColumnKind.CATEGORY, ColumnKind.TIME])
@given(cells=st.lists(_CELLS | st.lists(st.none()), max_size=20))
def test_a_column_is_read_as_each_of_its_cells(kind: ColumnKind, cells: list[object]) -> None:
    read, wrong = read_column(cells, kind)
    for place, cell in enumerate(cells):
        if place in wrong:
            assert read[place] is None
            with pytest.raises(BadValue, match=f"^{re.escape(wrong[place].message)}$"):
                read_cell(cell, kind)
        else:
            assert repr(read[place]) == repr(read_cell(cell, kind))


def test_equal_values_of_different_types_are_different_words() -> None:
    assert read_column([1, True, 1.0, "1"], ColumnKind.CATEGORY)[0] == ["1", "true", "1", "1"]


def test_numbers_with_underscores_and_infinities_are_no_numbers() -> None:
    plain: list[object] = ["1", "", "2.5", None, "0"]
    assert read_column(plain, ColumnKind.NUMBER) == ([1.0, None, 2.5, None, 0.0], {})
    numbers, wrong = read_column([*plain, "oops", "1_000", "inf"], ColumnKind.NUMBER)
    assert numbers[:5] == [1.0, None, 2.5, None, 0.0]
    assert set(wrong) == {5, 6, 7}


@pytest.mark.parametrize("odd", ["1_000", b"1"])
def test_what_python_alone_takes_for_a_number_is_none_behind_numbers_too(odd: object) -> None:
    numbers, wrong = read_column([1, odd], ColumnKind.NUMBER)
    assert numbers == [1.0, None]
    assert wrong[1].code == "not_a_number"
