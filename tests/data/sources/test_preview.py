"""A look into a file takes little memory and time of its own, and none of the process that asks."""

import resource
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.data.sources import limits
from core.data.sources.preview import limited_memory, preview_file
from core.errors import InvalidInput
from tests.data.conftest import Importer, Write


def write_dictionary_bomb(path: Path, n_rows: int = 2_000) -> Path:
    """Write rows that all hold one text of a megabyte, which stands in the file once."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * n_rows, pa.int32()), ["x" * 1_000_000])
    table = pa.table({"text": texts, "score": [float(n % 100) for n in range(n_rows)]})
    pq.write_table(table, path, compression="zstd")
    return path


def write_page_bomb(path: Path) -> Path:
    """Write a page of blanks that is 1.5 GB when it is unpacked."""
    table = pa.table({"text": [" " * 1_000_000] * 1_500, "score": [1.0] * 1_500})
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    return path


def read_taken_bytes() -> int:
    """The most that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.slow  # a process that fills 1 GB
def test_a_bomb_is_refused_without_memory_of_the_process_that_asks(tmp_path: Path) -> None:
    path = write_dictionary_bomb(tmp_path / "kept-copy.parquet")
    assert path.stat().st_size < 10_000
    before = read_taken_bytes()
    with pytest.raises(InvalidInput) as refused:
        preview_file(path, None, "bomb.parquet")
    assert str(refused.value) == (
        "'bomb.parquet' takes more than 1 GB of memory to be read, far more than its size says: "
        "split it, shorten its texts, or save it as CSV."
    )
    assert read_taken_bytes() - before < 50_000_000


@pytest.mark.slow
@pytest.mark.parametrize("write", [write_dictionary_bomb, write_page_bomb])
def test_a_bomb_is_refused_by_an_import_too_and_nothing_stays(
    importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write
) -> None:
    monkeypatch.setattr("core.data.collect.READING_BYTES", 500_000_000)
    path = write(tmp_path / "bomb.parquet")
    mapping = preview_file(_write_small(tmp_path / "small.parquet")).mapping
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(InvalidInput, match=r"'bomb\.parquet' takes more than 0\.5 GB of memory"):
        importer(path, mapping)
    assert importer.samples() == []
    assert resource.getrlimit(resource.RLIMIT_DATA) == limits


def test_an_ordinary_file_is_shown_as_its_owner_calls_it(tmp_path: Path) -> None:
    seen = preview_file(_write_small(tmp_path / "kept-copy.parquet"), None, "mine.parquet")
    assert (seen.name, seen.n_rows, seen.complete, seen.form) == (
        "mine.parquet",
        9,
        True,
        "Parquet",
    )
    assert [column.role for column in seen.columns] == ["text", "target"]


def test_the_reason_of_the_other_process_is_told_under_the_name_that_its_owner_knows(
    tmp_path: Path,
) -> None:
    path = tmp_path / "kept-copy.parquet"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(InvalidInput, match=r"^'mine\.parquet' cannot be read as Parquet"):
        preview_file(path, None, "mine.parquet")


def test_a_look_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.data.sources.preview.PREVIEW_SECONDS", 0.001)
    with pytest.raises(InvalidInput, match="could not be looked at within"):
        preview_file(_write_small(tmp_path / "a.parquet"))


def test_a_process_that_ends_without_a_word_is_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits.sys, "executable", "/bin/false")
    with pytest.raises(InvalidInput, match="takes more than 1 GB"):
        preview_file(_write_small(tmp_path / "a.parquet"))


def test_a_small_text_file_starts_no_process_and_a_large_one_does(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"{n},{n % 100}\n" for n in range(200_000))
    large, small = write("large.csv", "a,score\n" + rows), write("small.csv", "a,score\n1,2\n2,3\n")
    assert preview_file(large).n_rows == 1_000
    monkeypatch.setattr(limits.sys, "executable", "/bin/false")
    assert preview_file(small).n_rows == 2
    with pytest.raises(InvalidInput, match="takes more than 1 GB"):
        preview_file(large)


def test_the_other_process_is_told_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    told = limits.build_environment({"PLUMBLINE_SUPABASE_KEY": "k", "PATH": "/bin"})
    assert told["PATH"] == "/bin"
    assert not [name for name in told if name.startswith("PLUMBLINE_")]


def test_the_limit_is_lifted_when_the_work_is_done() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(InvalidInput, match="'a' takes more than"), limited_memory(10**8, "a"):
        bytearray(10**9)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    with limited_memory(10**9, "a"):
        bytearray(10**8)


def _write_small(path: Path) -> Path:
    texts = [f"some answer that a person may read, number {n}" for n in range(9)]
    pq.write_table(pa.table({"text": texts, "score": [float(n * 7 % 5) for n in range(9)]}), path)
    return path
