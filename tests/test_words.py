"""The words of the house: docstrings begin with what they give, and screens speak plainly."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture import ROOT

QUESTION = re.compile(r"(What|Which|Whether|How|Where)\b")

DRAWN_BY_BLOCKS = ("ui/common/charts.py",)
"""Charts of any figures: their caller names the blocks."""

BANNED = {
    "runs dry": re.compile(r"\bruns? dry\b"),
    "beside": re.compile(r"\bbeside\b"),
    "champion": re.compile(r"\bchampion\b"),  # on screen: the version that serves
    "held-out": re.compile(r"\bheld-out\b"),  # the holdout
    "naive": re.compile(r"\bnaive\b(?! baseline)"),  # the naive baseline
    "baseline": re.compile(r"(?<!naive )(?<![Cc]onstant )\bbaselines?\b"),  # which one?
    "95 % interval": re.compile(r"\b95 % interval"),  # a 95 % confidence interval
    "said anything": re.compile(r"\bsaid anything\b"),
    "what is what": re.compile(r"\b(column|which) is what\b", re.IGNORECASE),
}


def read(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """The modules below some folders, by their path in the project."""
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def list_docstrings(tree: ast.Module) -> Iterator[tuple[ast.Constant, int]]:
    """The docstrings of a module, each with the line where it begins."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            found = node.body[0].value  # type: ignore[attr-defined]
            yield found, found.lineno


def test_docstrings_begin_with_what_they_give() -> None:
    wrong = [
        f"{path}:{line}: {docstring.value.splitlines()[0]}"
        for path, tree in read("core", "ui", "pages")
        for docstring, line in list_docstrings(tree)
        if QUESTION.match(docstring.value)
    ]
    if wrong:
        pytest.fail(
            "\n".join(["Name the value that is returned, or what is done:", *wrong]),
            pytrace=False,
        )


def list_sentences(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The texts of a module that have several words, without its docstrings."""
    docstrings = {id(docstring) for docstring, _ in list_docstrings(tree)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and " " in node.value.strip()
            and id(node) not in docstrings
        ):
            yield node.value, node.lineno


def test_screens_use_the_words_of_the_field() -> None:
    wrong = [
        f"{path}:{line}: '{word}' in {text!r}"
        for path, tree in read("ui", "pages")
        for text, line in list_sentences(tree)
        for word, pattern in BANNED.items()
        if pattern.search(text)
    ]
    if wrong:
        pytest.fail("\n".join(["Say it in the words of docs/glossary.md:", *wrong]), pytrace=False)


NAMELESS_INTERVAL = re.compile(r"95 % (confidence )?interval(?!s? by|s?$|s?\{)")


def test_an_interval_says_by_what_its_rows_depend_on_each_other() -> None:
    """The blocks follow at once: in the words " by days", or from `core.text.by_blocks`."""
    wrong = [
        f"{path}:{line}: {text!r}"
        for path, tree in read("core", "ui", "pages")
        for text, line in list_sentences(tree)
        if NAMELESS_INTERVAL.search(text) and path not in DRAWN_BY_BLOCKS
    ]
    if wrong:
        pytest.fail("\n".join(["Name the blocks of the interval:", *wrong]), pytrace=False)


def test_the_glossary_has_each_word_once_and_in_order() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    for section in text.split("\n## ")[1:]:
        terms = re.findall(r"^- \*\*(.+?)\*\*", section, re.MULTILINE)
        assert terms == sorted(set(terms), key=str.lower), section.splitlines()[0]
    assert not [line for line in text.splitlines() if len(line) > 100]


def test_a_question_is_found_wherever_a_docstring_stands() -> None:
    tree = ast.parse(
        '"""What."""\nclass A:\n    """Which."""\n    def b(self):\n        """How."""'
    )
    assert all(QUESTION.match(docstring.value) for docstring, _ in list_docstrings(tree))
    assert len(list(list_docstrings(tree))) == 3
