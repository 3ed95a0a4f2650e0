"""A path or a name that somebody else chose leads nowhere but below its root."""

import os
from pathlib import Path

import pytest

from core import file_access
from core.errors import InvalidInput
from core.file_access import open_folder, open_regular, resolve_below, show_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a file and a folder, and beside it what nobody may reach."""
    made = tmp_path / "root"
    (made / "team").mkdir(parents=True)
    (made / "team" / "rows.csv").write_text("a,score\n1,2\n")
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "rows.csv").write_text("salary\n1\n")
    (made / "file-link").symlink_to(secret / "rows.csv")
    (made / "folder-link").symlink_to(secret)
    (made / "loop").symlink_to(made / "loop")
    os.mkfifo(made / "pipe")
    return made


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../secret",
        "team/../../secret/rows.csv",
        "/",
        "/etc/passwd",
        "/dev/zero",
        "folder-link",
        "folder-link/rows.csv",
        "file-link",
        "loop/x",
        "../ROOT",
        "../root-beside",
        "team\0/rows.csv",
    ],
)
def test_a_path_that_leads_out_of_the_root_is_refused(root: Path, path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        resolve_below(root, path)
    assert "\n" not in str(refused.value)
    with pytest.raises(InvalidInput), open_folder(root, Path(path)):
        pass


@pytest.mark.parametrize("path", ["", ".", "team", "team/../team", "not-there/yet"])
def test_a_path_below_the_root_is_resolved(root: Path, path: str) -> None:
    assert resolve_below(root, path).is_relative_to(root.resolve())
    assert resolve_below(root, root / path) == resolve_below(root, path)


def test_a_root_that_is_reached_by_a_link_is_the_folder_that_the_link_names(
    root: Path, tmp_path: Path
) -> None:
    link = tmp_path / "by-link"
    link.symlink_to(root)
    assert resolve_below(link, "team") == root.resolve() / "team"
    with open_folder(link, link / "team") as opened, open_regular(opened, "rows.csv") as file:
        assert file.read() == b"a,score\n1,2\n"


def test_a_folder_that_a_link_replaces_after_the_check_is_not_entered(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = file_access.resolve_below

    def check_and_swap(below: Path, path: Path | str) -> Path:
        found = check(below, path)
        (root / "team").rename(root / "moved")
        (root / "team").symlink_to(root.parent / "secret")
        return found

    monkeypatch.setattr(file_access, "resolve_below", check_and_swap)
    with pytest.raises(OSError, match=r"Not a directory|symbolic"), open_folder(root, Path("team")):
        pass


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("file-link", "is a link, which is not followed"),
        ("folder-link", "is a link, which is not followed"),
        ("pipe", "is not a regular file"),
        ("team", "is not a regular file"),
        ("", "is not the name of a file"),
        (".", "is not the name of a file"),
        ("..", "is not the name of a file"),
        ("team/rows.csv", "is not the name of a file"),
        ("../secret/rows.csv", "is not the name of a file"),
        ("/etc/passwd", "is not the name of a file"),
        ("rows\0.csv", "is not the name of a file"),
        ("x" * 4096, "cannot be read (File name too long)"),
        ("a\nb.csv", "cannot be read (No such file or directory)"),
    ],
)
def test_only_a_regular_file_of_the_folder_itself_is_opened(
    root: Path, name: str, said: str
) -> None:
    with open_folder(root, root) as opened, pytest.raises(InvalidInput) as refused:
        open_regular(opened, name)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_a_device_is_not_opened() -> None:
    with open_folder(Path("/dev"), Path("/dev")) as opened, pytest.raises(InvalidInput) as refused:
        open_regular(opened, "zero")
    assert "is not a regular file" in str(refused.value)


def test_a_file_keeps_what_was_opened_when_a_link_takes_its_name(root: Path) -> None:
    with open_folder(root, Path("team")) as opened, open_regular(opened, "rows.csv") as file:
        (root / "team" / "rows.csv").unlink()
        (root / "team" / "rows.csv").symlink_to(root.parent / "secret" / "rows.csv")
        assert file.read() == b"a,score\n1,2\n"
        with pytest.raises(InvalidInput, match="is a link"):
            open_regular(opened, "rows.csv")


def test_a_path_is_shown_on_one_short_line() -> None:
    assert show_path("a\nb\x1b[31m") == r"'a\nb\x1b[31m'"
    assert show_path("\udcff") == r"'\udcff'"
