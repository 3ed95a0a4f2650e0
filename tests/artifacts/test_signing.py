"""An artifact is loaded where its installation has signed it, or somebody has vouched for it."""

import hmac
import os
import stat
import threading
from pathlib import Path

import pytest
import skops.io

from core.artifacts.folder import SIGNATURE_FILE
from core.artifacts.signing import KEY_FILE, SigningKey, compute_signature
from core.errors import NotFound, Refused, Unavailable
from core.registry import Registry
from tests.artifacts.crafted import fit, make_card, node, plant, write_artifact

GIVEN = "k" * 32


@pytest.fixture
def registry(home: Path) -> Registry:
    return Registry(home / "artifacts", "")


@pytest.fixture
def saved(registry: Registry) -> str:
    pipeline = fit()
    return registry.save_artifact(pipeline, make_card(pipeline))


@pytest.fixture
def nothing_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(*_: object, **__: object) -> None:
        raise AssertionError("parsed before its signature was verified")

    monkeypatch.setattr(skops.io, "loads", parse)
    monkeypatch.setattr("core.artifacts.folder.check_content", parse)
    monkeypatch.setattr("core.artifacts.folder._read_card", parse)


def signature_of(registry: Registry, artifact_hash: str) -> Path:
    return registry.artifact_folder(artifact_hash) / SIGNATURE_FILE


@pytest.mark.parametrize("load", ["load_artifact", "load_card"])
@pytest.mark.usefixtures("saved", "nothing_is_parsed")
def test_an_artifact_without_a_signature_is_refused_with_what_to_do(
    registry: Registry, saved: str, load: str
) -> None:
    signature_of(registry, saved).unlink()
    with pytest.raises(Refused, match=r"not signed by this installation.*versions sign VERSION"):
        getattr(registry, load)(saved)


@pytest.mark.parametrize("load", ["load_artifact", "load_card"])
def test_an_artifact_that_another_installation_wrote_is_refused(
    registry: Registry, tmp_path: Path, load: str
) -> None:
    other = Registry(tmp_path / "other" / "artifacts", "")
    pipeline = fit()
    artifact_hash = other.save_artifact(pipeline, make_card(pipeline))
    registry.signing_key.create()
    registry.artifacts.mkdir()
    other.artifact_folder(artifact_hash).rename(registry.artifact_folder(artifact_hash))
    with pytest.raises(Refused, match="signed with another key"):
        getattr(registry, load)(artifact_hash)


@pytest.mark.parametrize(
    "text", ["0" * 64, "ü" * 64, "\0", "a" * 1_000_000], ids=["zeros", "ü", "zero byte", "long"]
)
@pytest.mark.usefixtures("saved", "nothing_is_parsed")
def test_a_wrong_signature_is_refused(registry: Registry, saved: str, text: str) -> None:
    signature_of(registry, saved).write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match="signed with another key"):
        registry.load_artifact(saved)


def test_the_signature_of_one_artifact_is_none_of_another(registry: Registry, saved: str) -> None:
    pipeline = fit("online")
    other = registry.save_artifact(pipeline, make_card(pipeline, "online"))
    signature_of(registry, other).write_text(signature_of(registry, saved).read_text())
    with pytest.raises(Refused, match="signed with another key"):
        registry.load_artifact(other)


def test_signatures_are_compared_in_constant_time(
    registry: Registry, saved: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr(hmac, "compare_digest", compare)
    registry.load_artifact(saved)
    assert len(compared) == 1


def test_the_key_of_the_settings_signs_and_no_file_is_made(home: Path) -> None:
    registry = Registry(home / "artifacts", "", signing_key=GIVEN)
    pipeline = fit()
    saved = registry.save_artifact(pipeline, make_card(pipeline))
    assert not (home / KEY_FILE).exists()
    assert Registry(home / "artifacts", "", signing_key=GIVEN).load_artifact(saved)
    expected = compute_signature(GIVEN.encode(), saved)
    assert signature_of(registry, saved).read_text().strip() == expected
    with pytest.raises(Refused, match="PLUMBLINE_SIGNING_KEY has changed"):
        Registry(home / "artifacts", "", signing_key="x" * 32).load_artifact(saved)


@pytest.mark.usefixtures("saved")
def test_the_key_is_for_its_owner_only_and_leaves_nothing_beside_it(home: Path) -> None:
    assert stat.S_IMODE((home / KEY_FILE).stat().st_mode) == 0o600
    assert len((home / KEY_FILE).read_text().strip()) == 64
    assert {path.name for path in home.iterdir()} == {"artifacts", KEY_FILE}


def test_a_key_that_others_can_read_is_not_used(home: Path, registry: Registry, saved: str) -> None:
    (home / KEY_FILE).chmod(0o644)
    with pytest.raises(Unavailable, match="chmod 600"):
        registry.load_artifact(saved)


@pytest.mark.parametrize(("content", "said"), [("", "cut short"), ("abc\n", "cut short")])
def test_a_key_that_is_cut_short_is_not_used(
    home: Path, registry: Registry, saved: str, content: str, said: str
) -> None:
    (home / KEY_FILE).write_text(content)
    with pytest.raises(Unavailable, match=said):
        registry.load_artifact(saved)


def test_a_key_that_was_lost_is_not_made_anew_by_loading(
    home: Path, registry: Registry, saved: str
) -> None:
    (home / KEY_FILE).unlink()
    with pytest.raises(Unavailable, match=r"signing.key cannot be read.*restore it"):
        registry.load_artifact(saved)
    assert not (home / KEY_FILE).exists()


def test_of_many_that_make_a_key_at_once_one_has_made_it(tmp_path: Path) -> None:
    file = tmp_path / KEY_FILE
    gate, signed = threading.Barrier(8), set[str]()

    def make() -> None:
        key = SigningKey("", file)
        gate.wait()
        key.create()
        signed.add(key.sign("0" * 64))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(signed) == 1
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_a_home_that_may_not_be_written_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(Unavailable, match=r"cannot be written \(Permission denied\)"):
        SigningKey("", tmp_path / KEY_FILE).create()
    assert list(tmp_path.iterdir()) == []


# --- Signing by hand, and at an upgrade ----------------------------------------------------------


def test_an_artifact_that_somebody_signs_is_loaded(registry: Registry, saved: str) -> None:
    signature_of(registry, saved).unlink()
    registry.sign_artifact(saved)
    registry.load_artifact(saved).verify_golden()


def test_nobody_can_sign_what_may_not_be_loaded(registry: Registry) -> None:
    planted = node("FunctionNode", "core.features.transformer._open_onnx")
    artifact_hash = write_artifact(registry, plant(planted))
    signature_of(registry, artifact_hash).unlink()
    with pytest.raises(Refused, match="may not be loaded"):
        registry.sign_artifact(artifact_hash)
    assert not signature_of(registry, artifact_hash).exists()


def test_nobody_can_sign_what_was_altered_or_is_not_there(registry: Registry, saved: str) -> None:
    with pytest.raises(NotFound, match="restore it"):
        registry.sign_artifact("0" * 64)
    path = registry.artifact_folder(saved) / "card.json"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(Refused, match="altered"):
        registry.sign_artifact(saved)


def test_what_was_there_before_signatures_is_signed_once(
    home: Path, registry: Registry, saved: str
) -> None:
    """As after an upgrade: artifacts, no signature and no key. What may not be loaded, or is gone,
    is left out."""
    bad = write_artifact(registry, plant(node("FunctionNode", "os.getcwd")))
    for artifact_hash in (saved, bad):
        signature_of(registry, artifact_hash).unlink()
    (home / KEY_FILE).unlink()
    assert registry.adopt_artifacts([saved, bad, "0" * 64, "no hash"]) == [saved]
    registry.load_artifact(saved)
    with pytest.raises(Refused, match="not signed"):
        registry.load_artifact(bad)
    signature_of(registry, saved).unlink()
    assert registry.adopt_artifacts([saved]) == []  # there is a key by now
    with pytest.raises(Refused, match="not signed"):
        registry.load_artifact(saved)


def test_a_key_that_was_lost_signs_nothing_anew(home: Path, registry: Registry, saved: str) -> None:
    """Or who took the key away, and put an artifact there, would have it signed."""
    foreign = write_artifact(registry, plant(node("JsonNode", "builtins.str", content="1")))
    signature_of(registry, foreign).unlink()
    (home / KEY_FILE).unlink()
    assert registry.adopt_artifacts([saved, foreign]) == []
    for artifact_hash in (saved, foreign):
        with pytest.raises(Refused):
            registry.load_artifact(artifact_hash)


def test_a_key_of_the_settings_signs_nothing_by_itself(home: Path, saved: str) -> None:
    registry = Registry(home / "artifacts", "", signing_key=GIVEN)
    signature_of(registry, saved).unlink()
    assert registry.adopt_artifacts([saved]) == []
    with pytest.raises(Refused, match="not signed"):
        registry.load_artifact(saved)


def test_the_key_is_seen_by_others_only_after_all_is_signed(
    home: Path, registry: Registry, saved: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signature_of(registry, saved).unlink()
    (home / KEY_FILE).unlink()
    link = os.link

    def publish(source: str, target: Path) -> None:
        assert signature_of(registry, saved).exists()
        link(source, target)

    monkeypatch.setattr(os, "link", publish)
    assert registry.adopt_artifacts([saved]) == [saved]
    registry.load_artifact(saved)
