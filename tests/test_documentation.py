"""The documentation says what the program does: nothing is missing in it, nothing is left over."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

from core.settings import SETTINGS, Setting
from tests.architecture import FLOORS, ROOT

README = ROOT / "README.md"
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py") if path.stem != "__init__")
DOCUMENTS = [README, *sorted((ROOT / "docs").rglob("*.md"))]

LINK = re.compile(
    r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|<(?:img|a)\b[^>]*?(?:src|href)=\"([^\"]+)\""
)
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")


@cache
def read(path: Path) -> str:
    """A document, or the reason why there is nothing to check."""
    if not path.exists():
        pytest.fail(f"{path.relative_to(ROOT)} does not exist: write it.", pytrace=False)
    return path.read_text(encoding="utf-8")


# --- Settings -------------------------------------------------------------------------------


def read_table(text: str) -> dict[str, tuple[str, str]]:
    """Default and help by variable, of the rows `| `PLUMBLINE_X` | `default` | help |`."""
    rows = re.findall(r"^\| *`(PLUMBLINE_\w+)` *\|(.*)\|\s*$", text, re.MULTILINE)
    found = {}
    for variable, rest in rows:
        default, text = re.split(r"(?<!\\)\|", rest, maxsplit=1)
        found[variable] = (default.strip().strip("`").strip(), text.strip().replace("\\|", "|"))
    return found


def write_row(setting: Setting) -> str:
    default = f"`{setting.default}`" if setting.default else ""
    text = setting.help.replace("|", "\\|")
    return f"| `{setting.variable}` | {default} | {text} |".replace("|  |", "| |")


def test_the_table_in_the_readme_is_the_settings_table() -> None:
    found = read_table(read(README))
    expected = {setting.variable: (setting.default, setting.help) for setting in SETTINGS}
    if found != expected:
        rows = "\n".join(write_row(setting) for setting in SETTINGS)
        wrong = sorted(n for n in {*found, *expected} if found.get(n) != expected.get(n))
        pytest.fail(
            f"README.md is wrong about {', '.join(wrong)}. The whole table is:\n{rows}",
            pytrace=False,
        )


def test_the_table_in_the_readme_has_the_order_of_the_settings() -> None:
    assert list(read_table(read(README))) == [setting.variable for setting in SETTINGS]


def test_no_document_names_a_setting_that_does_not_exist() -> None:
    known = {setting.variable for setting in SETTINGS}
    for document in DOCUMENTS:
        named = set(re.findall(r"\bPLUMBLINE_[A-Z_]*[A-Z]", read(document)))
        unknown = {name for name in named if name.removesuffix("_FILE") not in known}
        assert unknown == set(), document.name


# --- Commands -------------------------------------------------------------------------------


def list_verbs() -> Iterator[str]:
    """Every visible command, a nested one with the name of its group: `jobs cancel`."""
    from core.cli.main import cli  # the rest of this file needs no program to run

    def walk(command: object, before: str) -> Iterator[str]:
        for name, nested in getattr(command, "commands", {}).items():
            if not nested.hidden:
                yield before + name
                yield from walk(nested, f"{before}{name} ")

    return walk(typer.main.get_command(cli), "")


def read_code(text: str) -> list[str]:
    """What stands between backticks, and each line of the code blocks."""
    fenced = [line.strip() for block in FENCED.finditer(text) for line in block[0].splitlines()]
    return [*CODE.findall(FENCED.sub("", text)), *fenced]


def names_verb(code: str, verb: str) -> bool:
    """Whether a piece of code is this command; `incidents ack|resolve ID` names two."""
    group, _, nested = verb.partition(" ")
    called = re.match(rf"(?:\S*python3? -m core )?{group}\b(.*)", code)
    if called is None:
        return False
    return not nested or re.search(rf"\b{nested}\b", called[1]) is not None


def test_every_verb_is_in_the_readme() -> None:
    code = read_code(read(README))
    missing = [verb for verb in list_verbs() if not any(names_verb(c, verb) for c in code)]
    if missing:
        pytest.fail(
            "README.md does not show these commands; write each as `VERB` or "
            f"`python -m core VERB`: {', '.join(missing)}",
            pytrace=False,
        )


def test_no_document_shows_a_verb_that_does_not_exist() -> None:
    known = {verb.split()[0] for verb in list_verbs()}
    for document in DOCUMENTS:
        shown = re.findall(r"python3? -m core ([a-z][\w-]*)", read(document))
        assert set(shown) - known == set(), document.name


# --- Pages and floors -----------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_in_the_readme(page: str) -> None:
    assert re.search(rf"\b{page}\b", read(README), re.IGNORECASE), f"tell what {page} shows"


@pytest.mark.parametrize("package", [p for floor in FLOORS for p in floor if p != "core.__main__"])
def test_every_floor_is_in_the_architecture_document(package: str) -> None:
    text = read(ROOT / "docs" / "architecture.md")
    name = package.split(".")[-1]
    if f"{name}.py" not in text and f"{name}/" not in text:
        pytest.fail(f"docs/architecture.md: say on which floor {package} stands", pytrace=False)


# --- Links ----------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """The names by which headings are linked to."""
    headings = re.findall(r"^#+ +(.+?)\s*$", FENCED.sub("", text), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def broken_links(document: Path, text: str) -> Iterator[str]:
    """The links of a document to files and headings that are not there."""
    for match in LINK.finditer(FENCED.sub("", text)):
        link = match[1] or match[2]
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if path and not target.exists():
            yield link
        elif anchor and target.suffix == ".md":
            inside = text if target == document else target.read_text(encoding="utf-8")
            if anchor not in anchors(inside):
                yield link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    assert list(broken_links(document, read(document))) == []


# --- These checks themselves can fail -------------------------------------------------------


def test_a_row_of_the_table_is_read_as_it_is_written() -> None:
    setting = Setting("scale", "a", "Lowest | highest, `x`.", str)
    empty = Setting("user", "", "A name.", str)
    table = "\n".join(["| name | default | help |", "|---|---|---|", write_row(setting)])
    assert read_table(table) == {"PLUMBLINE_SCALE": ("a", "Lowest | highest, `x`.")}
    assert read_table(write_row(empty)) == {"PLUMBLINE_USER": ("", "A name.")}
    assert read_table("| `PLUMBLINE_USER` | `` | A name. |") == {"PLUMBLINE_USER": ("", "A name.")}
    assert read_table("Set PLUMBLINE_USER.") == {}


@pytest.mark.parametrize(
    ("code", "verb", "named"),
    [
        ("train baseline", "train", True),
        ("python -m core train baseline", "train", True),
        (".venv/bin/python -m core status", "status", True),
        ("retrain", "train", False),
        ("trainer", "train", False),
        ("the word train", "train", False),
        ("jobs cancel ID", "jobs cancel", True),
        ("incidents ack\\|snooze\\|resolve ID", "incidents snooze", True),
        ("jobs", "jobs cancel", False),
        ("jobs canceled", "jobs cancel", False),
    ],
)
def test_a_verb_is_found_where_it_is_shown(code: str, verb: str, named: bool) -> None:
    assert names_verb(code, verb) is named


def test_code_is_what_stands_in_backticks_and_blocks() -> None:
    text = "Run `make run`, then:\n\n```sh\npython -m core demo\n```\nand `data`."
    assert read_code(text) == ["make run", "data", "```sh", "python -m core demo", "```"]


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# First steps\n\n## What `it` does, and why\n")
    document = tmp_path / "here.md"
    sound = (
        "# Here\n[a](there.md) [b](there.md#first-steps) [c](there.md#what-it-does-and-why) "
        '[d](#here) [e](https://example.org/x.md) [f](mailto:a@b) <img src="there.md">\n'
        "```\n[g](nowhere.md)\n```\n"
    )
    broken = '[a](nowhere.md) ![b](images/x.png "title") [c](there.md#last) <img src="no.png">'
    assert list(broken_links(document, sound)) == []
    assert list(broken_links(document, broken)) == [
        "nowhere.md",
        "images/x.png",
        "there.md#last",
        "no.png",
    ]
