"""Whatever bytes are uploaded under whatever name, they are a table or refused in a sentence."""

import io
import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.sources.preview import preview_file
from core.data.uploads import keep_upload
from core.errors import OpsError
from tests.conftest import NOON
from tests.fuzzing import build_fuzz_settings

pytestmark = pytest.mark.slow

LIMIT = 100_000
GOOD = [
    b"a,b,score\n1,x,70\n2,y,80\n",
    b"a;score\n\xef\xbb\xbf1,5;70\n",
    json.dumps([{"a": 1, "score": 70}, {"a": None, "score": 80}]).encode(),
    b'{"a": 1, "score": 70}\n{"a": 2, "score": 71}\n',
]
ENDINGS = st.sampled_from([".csv", ".json", ".jsonl", ".ndjson", ".txt", ".tsv", "", ".CSV"])
NAMES = st.tuples(st.text(max_size=40), ENDINGS).map("".join)


@st.composite
def garbled(draw: st.DrawFn, good: list[bytes]) -> bytes:
    """Bytes of a right file, some of which are cut, replaced or put in."""
    content = draw(st.sampled_from(good))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + 20)))
        content = content[:start] + draw(st.binary(max_size=20)) + content[end:]
    return content


def look(folder: Path, name: str, content: bytes) -> None:
    """Upload and look into it, as the page does; whatever is refused says why."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        try:
            kept = keep_upload(Path(place), "k", name, io.BytesIO(content), LIMIT, NOON)
            preview_file(kept.path, None, name)
        except OpsError as error:
            said = str(error)
            assert said.endswith(".")
            assert "Traceback" not in said
        assert [path for path in folder.rglob("*") if not path.is_relative_to(place)] == []


def test_whatever_is_uploaded_is_a_table_or_a_sentence(tmp_path: Path) -> None:
    @build_fuzz_settings(600)
    @given(name=NAMES, content=st.binary(max_size=300) | garbled(GOOD))
    def upload(name: str, content: bytes) -> None:
        look(tmp_path, name, content)

    upload()


def test_a_garbled_parquet_file_is_a_table_or_a_sentence(tmp_path: Path) -> None:
    """Each is read in a process of its own."""
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": [1.0, 2.0], "b": ["x", None], "score": [70, 80]}), sink)

    @build_fuzz_settings(15)
    @given(content=garbled([sink.getvalue()]))
    def upload(content: bytes) -> None:
        look(tmp_path, "a.parquet", content)

    upload()
