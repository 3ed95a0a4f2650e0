"""Who signs a version of another installation says why, and stands beside it from then on."""

from datetime import datetime
from pathlib import Path

import pytest

from core.artifacts.folder import SIGNATURE_FILE
from core.domain.version import NoteKind
from core.errors import InvalidInput, NotFound, Refused
from core.registry import Registry
from core.store.engine.database import Database
from core.store.models import versions
from core.training.notes import sign_version
from tests.artifacts.crafted import fit, make_card, node, plant, write_artifact
from tests.conftest import NOON
from tests.fakes import FakeRegistry, add_version
from tests.people import person


@pytest.fixture
def registry(home: Path) -> Registry:
    return Registry(home / "artifacts", "")


def add_unsigned(db: Database, registry: Registry, artifact_hash: str) -> int:
    (registry.artifact_folder(artifact_hash) / SIGNATURE_FILE).unlink()
    return add_version(db, FakeRegistry(), artifact_hash=artifact_hash).number


def sign(db: Database, registry: Registry, number: int, reason: str = "it is ours") -> None:
    now: datetime = NOON
    sign_version(db, registry, number, by=person("ada"), reason=reason, now=now)


def test_a_version_that_somebody_signs_is_loaded_and_says_who_and_why(
    db: Database, registry: Registry
) -> None:
    pipeline = fit()
    artifact_hash = registry.save_artifact(pipeline, make_card(pipeline))
    number = add_unsigned(db, registry, artifact_hash)
    with pytest.raises(Refused, match="not signed"):
        registry.load_artifact(artifact_hash)
    sign(db, registry, number, " from our old server ")
    registry.load_artifact(artifact_hash).verify_golden()
    with db.read() as conn:
        [note] = versions.load_notes(conn, [number])[number]
    assert (note.kind, note.text, note.by) == (
        NoteKind.NOTE,
        "Signed: from our old server",
        "ada",
    )


def test_nobody_signs_without_a_reason_or_what_does_not_exist(
    db: Database, registry: Registry
) -> None:
    pipeline = fit()
    number = add_unsigned(db, registry, registry.save_artifact(pipeline, make_card(pipeline)))
    with pytest.raises(InvalidInput, match="needs a reason"):
        sign(db, registry, number, "  ")
    with pytest.raises(NotFound, match="no version v9"):
        sign(db, registry, 9)
    with db.read() as conn:
        assert versions.load_notes(conn, [number]) == {}


def test_a_reason_does_not_let_a_crafted_version_in(db: Database, registry: Registry) -> None:
    crafted = write_artifact(registry, plant(node("FunctionNode", "os.getcwd")))
    number = add_unsigned(db, registry, crafted)
    with pytest.raises(Refused, match="may not be loaded"):
        sign(db, registry, number)
    with db.read() as conn:
        assert versions.load_notes(conn, [number]) == {}
