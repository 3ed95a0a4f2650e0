"""The folder of artifacts: each a folder of files, named by the hash of what is in it."""

import hashlib
import os
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from core.artifacts.allowed import TRUSTED
from core.artifacts.content import MAX_BYTES, check_content
from core.artifacts.signing import KEY_FILE, SigningKey, compute_signature
from core.domain.model_card import Card
from core.errors import NotFound, Refused, Unavailable
from core.libraries import IMPORTING

if TYPE_CHECKING:
    from core.artifacts.artifact import Artifact

PIPELINE_FILE = "pipeline.skops"
CARD_FILE = "card.json"
SIGNATURE_FILE = "signature"

_HASH = re.compile(r"[0-9a-f]{64}")
_LEFTOVER_SECONDS = 86_400
_SIGNATURE_BYTES = 200
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What libraries raise for a file that is not as they write it."""


class ArtifactFolder:
    """The artifacts of one home folder; one instance may be shared by threads."""

    def __init__(self, artifacts: Path, signing_key: str = "") -> None:
        self.artifacts = artifacts
        self.signing_key = SigningKey(signing_key, artifacts.parent / KEY_FILE)

    def save_artifact(self, pipeline: Any, card: Card) -> str:
        """Keep a fitted pipeline with its card, signed, and return the hash that names both.

        It is read back and scores its golden rows before anything is written. Raises `Refused`
        where it holds a type that may not be loaded or scores differently when read back,
        `Unavailable` where the folder or the signing key cannot be written."""
        with IMPORTING:
            import skops.io  # imports scikit-learn: 4 s that no page and no import may cost

        try:
            content = skops.io.dumps(pipeline, compression=zipfile.ZIP_DEFLATED)
            _parse(content, card).verify_golden()
        except (TypeError, ValueError, AttributeError) as error:
            raise Refused(
                f"The pipeline of '{card.recipe}' cannot be saved without pickle ({error}): build "
                "it from scikit-learn's classes, or from classes of core/features and "
                "core/training."
            ) from error
        files = {PIPELINE_FILE: content, CARD_FILE: msgspec.json.encode(card)}
        artifact_hash = _hash_files(files)
        try:
            self.artifacts.mkdir(parents=True, exist_ok=True)
            self.signing_key.create()
            self._write(artifact_hash, files)
            self._write_signature(artifact_hash, self.signing_key.sign(artifact_hash))
        except OSError as error:
            raise Unavailable(
                f"The artifact cannot be written to {self.artifacts} ({error.strerror}): free "
                "some space or make the folder writable; no version was registered."
            ) from error
        return artifact_hash

    def load_artifact(self, artifact_hash: str) -> "Artifact":
        """The artifact of this hash, which is verified before anything is parsed.

        Raises `NotFound` where there is none, `Refused` where it was altered, was not signed by
        this installation, holds a type that may not be loaded, or was written for other
        libraries, `Unavailable` where it cannot be read."""
        files = self._read_signed(artifact_hash)
        card = _read_card(files)
        return _parse(files[PIPELINE_FILE], card)

    def load_card(self, artifact_hash: str) -> Card:
        """Return the card of this hash alone, verified as by `load_artifact`, with the same
        errors."""
        return _read_card(self._read_signed(artifact_hash))

    def sign_artifact(self, artifact_hash: str) -> None:
        """Sign an artifact that a person vouches for, if it is complete and its content is allowed.
        Raises the errors of `load_artifact`, but not for its signature."""
        files = self._read_whole(artifact_hash)
        _check(files[PIPELINE_FILE], _read_card(files))
        self.signing_key.create()
        self._put_signature(artifact_hash, self.signing_key.sign(artifact_hash))

    def adopt_artifacts(self, artifact_hashes: Sequence[str]) -> list[str]:
        """Make the signing key if there is none, sign the unsigned artifacts, and return their
        hashes. Sign nothing if any artifact has a signature: then the installation has lost its
        key."""
        if self.signing_key.exists():
            return []
        adopted: list[str] = []
        is_new = not any(self._read_signature(one) for one in artifact_hashes)

        def sign_all(key: bytes) -> None:
            for artifact_hash in artifact_hashes if is_new else ():
                try:
                    files = self._read_whole(artifact_hash)
                    _check(files[PIPELINE_FILE], _read_card(files))
                except (NotFound, Refused):  # whoever loads it is told
                    continue
                self._put_signature(artifact_hash, compute_signature(key, artifact_hash))
                adopted.append(artifact_hash)

        self.signing_key.create(sign_all)
        return adopted

    def artifact_folder(self, artifact_hash: str) -> Path:
        """Return the folder of an artifact; raise `NotFound` for text that cannot be a hash."""
        if not _HASH.fullmatch(artifact_hash):
            raise NotFound(f"'{artifact_hash[:80]}' is not the hash of an artifact.")
        return self.artifacts / artifact_hash

    def _read_signed(self, artifact_hash: str) -> dict[str, bytes]:
        """The files of an artifact that this installation has signed."""
        files = self._read_whole(artifact_hash)
        self.signing_key.verify(artifact_hash, self._read_signature(artifact_hash))
        return files

    def _read_whole(self, artifact_hash: str) -> dict[str, bytes]:
        """The files of an artifact that are as they were when it was saved."""
        folder = self.artifact_folder(artifact_hash)
        try:
            files = {name: _read_file(folder / name) for name in (PIPELINE_FILE, CARD_FILE)}
        except FileNotFoundError:
            raise NotFound(
                f"The artifact {artifact_hash[:12]} is not in {self.artifacts}: restore it from a "
                "backup, or train the version again.",
                public=f"The artifact {artifact_hash[:12]} is missing.",
            ) from None
        except OSError as error:
            raise Unavailable(
                f"The artifact {artifact_hash[:12]} cannot be read ({error.strerror}): check the "
                f"permissions of {self.artifacts}.",
                public=f"The artifact {artifact_hash[:12]} cannot be read.",
            ) from error
        if _hash_files(files) != artifact_hash:
            raise Refused(
                f"The artifact {artifact_hash[:12]} was altered after it was saved: it is not "
                "loaded. Restore it from a backup, or train the version again."
            )
        return files

    def _read_signature(self, artifact_hash: str) -> str:
        """Read the signature of an artifact; empty if it has none."""
        try:
            with (self.artifact_folder(artifact_hash) / SIGNATURE_FILE).open("rb") as file:
                return file.read(_SIGNATURE_BYTES).decode("ascii", "replace").strip()
        except (OSError, NotFound):  # whoever loads it is told
            return ""

    def _put_signature(self, artifact_hash: str, signature: str) -> None:
        try:
            self._write_signature(artifact_hash, signature)
        except OSError as error:
            raise Unavailable(
                f"The signature of {artifact_hash[:12]} cannot be written to {self.artifacts} "
                f"({error.strerror}): make the folder writable."
            ) from error

    def _write_signature(self, artifact_hash: str, signature: str) -> None:
        """All of it or nothing, like the artifact."""
        target = self.artifact_folder(artifact_hash) / SIGNATURE_FILE
        handle, name = tempfile.mkstemp(prefix=".partial-", dir=self.artifacts)
        partial = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(signature + "\n")
                file.flush()
                os.fsync(file.fileno())
            partial.rename(target)
            _sync_folder(target.parent)
        finally:
            partial.unlink(missing_ok=True)

    def _write(self, artifact_hash: str, files: Mapping[str, bytes]) -> None:
        """Write all files or none: into a folder next to the target, synced to the disk, then
        renamed."""
        target = self.artifact_folder(artifact_hash)
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=self.artifacts))
        try:
            self._remove_leftovers(partial)
            for name, content in files.items():
                with (partial / name).open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            _sync_folder(partial)
            if not target.exists():
                partial.rename(target)
                _sync_folder(self.artifacts)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _remove_leftovers(self, newest: Path) -> None:
        """Remove the unfinished files of a process that was killed while it wrote."""
        for left in self.artifacts.glob(".partial-*"):
            if newest.stat().st_mtime - left.stat().st_mtime > _LEFTOVER_SECONDS:
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink(missing_ok=True)


def _read_card(files: Mapping[str, bytes]) -> Card:
    try:
        return msgspec.json.decode(files[CARD_FILE], type=Card)
    except msgspec.MsgspecError as error:
        raise Refused(
            f"The card of the artifact cannot be read ({error}): train the version again with "
            "this program."
        ) from error


def _parse(content: bytes, card: Card) -> "Artifact":
    """Read a pipeline of which every node was found to be allowed."""
    allowed = _check(content, card)
    with IMPORTING:
        import skops.io  # imports scikit-learn: 4 s that no page and no import may cost

        from core.artifacts.artifact import Artifact  # imports numpy, for what scores alone

    with _as_unreadable(card):
        return Artifact(skops.io.loads(allowed, trusted=TRUSTED), card)


def _check(content: bytes, card: Card) -> bytes:
    with _as_unreadable(card):
        return check_content(content, card.recipe)


@contextmanager
def _as_unreadable(card: Card) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise Refused(
            f"The pipeline of '{card.recipe}' cannot be read by the libraries installed here "
            f"({str(error)[:300]}): install the versions of the lock, or train the version again."
        ) from error


def _read_file(path: Path) -> bytes:
    n_bytes = path.stat().st_size
    if n_bytes > MAX_BYTES:
        raise Refused(f"{path} is {n_bytes:,} bytes long, and no artifact is: remove it.")
    return path.read_bytes()


def _hash_files(files: Mapping[str, bytes]) -> str:
    """A hash over names and contents."""
    lines = [f"{name} {hashlib.sha256(files[name]).hexdigest()}\n" for name in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
