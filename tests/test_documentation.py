"""The documentation says what the program does: nothing is missing in it, nothing is left over."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

from core.artifacts.signing import KEY_FILE
from core.cli.main import cli
from core.settings import SETTINGS, Setting
from core.store.engine import schema
from docs import generate
from docs.generate import REFERENCE
from tests.architecture import FLOORS, ROOT

README = ROOT / "README.md"
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py") if path.stem != "__init__")
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

LINK = re.compile(
    r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|<(?:img|a)\b[^>]*?(?:src|href)=\"([^\"]+)\""
)
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


@cache
def read(path: Path) -> str:
    """A document, or the reason why there is nothing to check."""
    if not path.exists():
        pytest.fail(f"{path.relative_to(ROOT)} does not exist: write it.", pytrace=False)
    return path.read_text(encoding="utf-8")


# --- The generated reference ------------------------------------------------------------------


@pytest.mark.parametrize("path", generate.build_reference(), ids=lambda path: path.name)
def test_the_reference_is_what_the_program_writes(path: Path) -> None:
    if read(path) != generate.build_reference()[path]:
        pytest.fail(f"{path.relative_to(ROOT)} is stale: run `make docs`.", pytrace=False)


def test_every_setting_is_in_the_reference_in_their_order() -> None:
    rows = re.findall(r"^\| `(PLUMBLINE_\w+)` \|", read(REFERENCE / "settings.md"), re.MULTILINE)
    assert rows == [setting.variable for setting in SETTINGS]


def test_every_verb_is_in_the_reference() -> None:
    titles = re.findall(r"^## (.+)$", read(REFERENCE / "cli.md"), re.MULTILINE)
    assert titles == list_verbs()


def test_no_document_names_a_setting_that_does_not_exist() -> None:
    known = {setting.variable for setting in SETTINGS}
    for document in DOCUMENTS:
        named = set(re.findall(r"\bPLUMBLINE_[A-Z_]*[A-Z]", read(document)))
        unknown = {name for name in named if name.removesuffix("_FILE") not in known}
        assert unknown == set(), document.name


def list_verbs() -> list[str]:
    """Return every visible command, a nested one with the name of its group: `jobs cancel`."""
    return [name for name, _ in generate.list_commands(typer.main.get_command(cli))]


def test_no_document_shows_a_verb_that_does_not_exist() -> None:
    known = {verb.split()[0] for verb in list_verbs()}
    for document in DOCUMENTS:
        shown = re.findall(r"(?:python3? -m core|^ *plumbline) ([a-z][\w-]*)", read(document), re.M)
        assert set(shown) - known == set(), document.name


# --- The first page -------------------------------------------------------------------------


def test_the_readme_is_read_in_five_minutes() -> None:
    words = re.findall(r"\S*\w\S*", read(README))
    assert len(words) <= 1_000


def test_lines_are_short_enough_to_be_read_beside_code() -> None:
    """Rows of a table and an address alone cannot be broken."""
    for document in DOCUMENTS:
        long = [
            number
            for number, line in enumerate(read(document).splitlines(), 1)
            if len(line) > 100 and not line.startswith("|") and " " in line.strip()
        ]
        assert long == [], document.name


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


EXAMPLES = {"core/data/sources/reviews.py"}
"""Files that a reader is told to write."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_of_the_program_that_a_document_names_is_there(document: Path) -> None:
    ours = r"`((?:core|ui|pages|tests|bench|docs)/[a-z_/.]*|[a-z_/]+\.py)`"
    missing = {name for name in re.findall(ours, read(document)) if not (ROOT / name).exists()}
    assert missing - EXAMPLES == set()


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


# --- What is kept --------------------------------------------------------------------------


def read_first_column(title: str) -> list[str]:
    """The names in the first column of a table of the page on privacy."""
    text = read(ROOT / "docs" / "how-to" / "privacy.md")
    rows = text.partition(f"| {title} | data |")[2].partition("\n\n")[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`([\w.]+)/?`", row.split("|")[1])]


def test_every_table_is_said_to_be_kept_once() -> None:
    assert sorted(read_first_column("table")) == sorted(schema.metadata.tables)


def test_everything_in_home_is_said_to_be_kept_once() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "core").rglob("*.py"))
    made = {name for text in sources for name in re.findall(r"home / ['\"]([\w.]+)['\"]", text)}
    assert {"plumbline.db", "artifacts", "uploads"} < made
    assert sorted(read_first_column("in home")) == sorted({*made, KEY_FILE, "mlflow"})


# --- These checks themselves can fail -------------------------------------------------------


def test_a_row_of_the_table_keeps_bars_inside_its_cells() -> None:
    setting = Setting("scale", "a", "Lowest | highest, `x`.", str)
    assert generate.write_row(setting) == (
        "| `PLUMBLINE_SCALE` | `a` | Lowest \\| highest, `x`. |  |"
    )


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


def test_every_test_that_a_document_names_exists() -> None:
    """The threat model says of each threat what attacks it: a name that leads nowhere would say
    that something is tested which is not."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    known = {name for path in files for name in re.findall(r"def (test_\w+)\(", read(path))}
    named = [
        (document.name, name)
        for document in DOCUMENTS
        for name in re.findall(r"`(test_\w+)`", read(document))
    ]
    assert len(named) > 60
    assert [pair for pair in named if pair[1] not in known] == []
    paths = {
        path
        for document in DOCUMENTS
        for path in re.findall(r"`(tests/[\w/]+\.py)`", read(document))
    }
    assert [path for path in sorted(paths) if not (ROOT / path).is_file()] == []


def test_the_threat_model_says_something_of_every_chapter_of_the_standard() -> None:
    text = read(ROOT / "docs" / "security.md")
    chapters = {int(number) for number in re.findall(r"^\| V(\d+) ", text, re.MULTILINE)}
    assert chapters == set(range(1, 18))


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_package_of_a_lock_has_its_hashes(lock: str) -> None:
    """Whoever can change a file of the registry, or stand in between, changes no installation."""
    parts = re.split(r"^(?=[a-zA-Z0-9])", read(ROOT / lock), flags=re.MULTILINE)[1:]
    assert len(parts) > 100
    assert [part for part in parts if not re.search(r"--hash=sha256:[0-9a-f]{64}", part)] == []
    assert all("==" in part.partition("\n")[0] for part in parts)


def test_what_make_installs_is_what_was_locked() -> None:
    installs = [line for line in read(ROOT / "Makefile").splitlines() if "pip install" in line]
    assert [line for line in installs if "-r " in line and "--require-hashes" not in line] == []
