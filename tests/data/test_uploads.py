"""A file that waits for its import is a private copy under a name that is ours."""

import io
import os
from datetime import timedelta
from pathlib import Path

import pytest

from core.data.uploads import KEEP_SECONDS, keep_upload, locate_upload, remove_upload
from core.errors import InvalidInput, Unavailable
from tests.conftest import NOON


@pytest.mark.parametrize(
    "name",
    ["../../evil.csv", "/etc/passwd.csv", "a\0b.csv", "a\nb.csv", "..", "", "x" * 4096 + ".CSV"],
)
@pytest.mark.parametrize("key", ["k1", "../..", "/", "", "k" * 4096, "a\0b"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, key: str, name: str) -> None:
    kept = keep_upload(tmp_path / "up", key, name, io.BytesIO(b"a,score\n"), 100, NOON)
    assert kept.path.resolve().parent.parent == (tmp_path / "up").resolve()
    assert kept.path.name in ("kept-copy", "kept-copy.csv")
    assert kept.path.read_bytes() == b"a,score\n"
    assert kept.path == locate_upload(tmp_path / "up", key, name)


def test_what_is_above_the_limit_is_refused_and_nothing_of_it_stays(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"'big\.csv' has 3 MB and the limit is 2 MB"):
        keep_upload(tmp_path, "k", "big.csv", io.BytesIO(b"x" * 3_000_000), 2_000_000, NOON)
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_imported_within_a_day_is_removed(tmp_path: Path) -> None:
    old = keep_upload(tmp_path, "old", "a.csv", io.BytesIO(b"1"), 9, NOON).path
    young = keep_upload(tmp_path, "young", "a.csv", io.BytesIO(b"1"), 9, NOON).path
    late = NOON + timedelta(seconds=KEEP_SECONDS + 1)
    os.utime(old.parent, (NOON.timestamp(), NOON.timestamp()))
    os.utime(young.parent, (late.timestamp(), late.timestamp()))
    keep_upload(tmp_path, "new", "a.csv", io.BytesIO(b"1"), 9, late)
    assert not old.exists()
    assert young.exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match=r"'a\.csv' cannot be kept in"):
        keep_upload(tmp_path / "file", "k", "a.csv", io.BytesIO(b"1"), 9, NOON)


def test_a_copy_is_removed_with_its_folder(tmp_path: Path) -> None:
    path = keep_upload(tmp_path, "k", "a.csv", io.BytesIO(b"1"), 9, NOON).path
    remove_upload(path)
    remove_upload(path)
    assert list(tmp_path.iterdir()) == []
