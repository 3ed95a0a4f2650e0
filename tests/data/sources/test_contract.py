"""A source of one's own, as the how-to says it is written, beside those that are here."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from core.data import collect_all as gathering
from core.data.collect_all import KINDS, gather
from core.data.quality.overview import describe_data
from core.data.sources.contract import SourceKind
from core.data.tables.sync_cursor import Request
from core.domain.source import CollectionOutcome, Source
from core.settings import parse_settings
from core.store.engine.database import Database
from tests.streams import NOON

ROOT = Path(__file__).resolve().parents[3]
ROW = {"id": "r1", "at": "2026-03-01T09:00:00Z", "features": {"length": 3}, "target": 50}


@pytest.fixture
def reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SourceKind:
    """The kind of the how-to's example, added as it says."""
    how_to = (ROOT / "docs/how-to/extend.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```python\n(.+?)```", how_to.partition("\n## A source\n")[2], re.DOTALL)
    path = tmp_path / "reviews.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("reviews", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kind = module.KIND
    assert isinstance(kind, SourceKind)
    monkeypatch.setattr(gathering, "KINDS", (*KINDS, kind))
    return kind


def collect(db: Database, home: Path) -> list[Source]:
    settings = parse_settings({"PLUMBLINE_HOME": str(home)})
    return gather(
        db, settings, Request(), by="ada", now=lambda: NOON, progress=lambda share, text: None
    )


def test_the_example_of_the_how_to_brings_each_row_once(
    db: Database, home: Path, reviews: SourceKind
) -> None:
    rows = [ROW, ROW | {"id": "r2", "target": 60}, ROW | {"id": "r3", "target": 400}]
    (home / "reviews.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (first,) = collect(db, home)
    assert (first.name, first.n_received, first.n_new) == (reviews.name, 3, 2)
    (second,) = collect(db, home)
    assert (second.outcome, second.n_new) == (CollectionOutcome.COLLECTED, 0)
    data = describe_data(db)
    assert data.by_source == {"reviews": 2}
    assert [source.message for source in data.sources] == ["3 rows read: 0 new, 1 rejected."]


def test_the_example_of_the_how_to_says_why_it_failed(
    db: Database, home: Path, reviews: SourceKind
) -> None:
    (home / "reviews.jsonl").write_text("<html>", encoding="utf-8")
    (source,) = collect(db, home)
    assert source.outcome is CollectionOutcome.FAILED
    assert source.message is not None
    assert "reviews.jsonl' cannot be read (Expecting value" in source.message
    assert source.finished_at == NOON


def test_every_kind_has_a_name_of_its_own() -> None:
    names = [kind.name for kind in KINDS]
    assert names == ["feedback", "folder", "supabase"]
    assert not [a for a in names for b in names if a != b and a.startswith(b)], "or one hides"
