"""The folder of artifacts: each a folder of files, named by the hash of what is in it."""

import hashlib
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from core.artifacts.artifact import Artifact
from core.domain.card import Card
from core.errors import NotFound, Refused, Unavailable

PIPELINE_FILE = "pipeline.skops"
CARD_FILE = "card.json"

TRUSTED = (
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBRegressor",
)
"""Types that an artifact may hold beyond skops' own list of scikit-learn's and numpy's."""

TRUSTED_PACKAGES = ("core.features.", "core.training.")
"""Classes of these packages are this program's own code."""

_HASH = re.compile(r"[0-9a-f]{64}")
_LEFTOVER_SECONDS = 86_400


class ArtifactFolder:
    """The artifacts of one home folder; one instance may be shared by threads."""

    def __init__(self, artifacts: Path) -> None:
        self.artifacts = artifacts

    def save_artifact(self, pipeline: Any, card: Card) -> str:
        """Keep a fitted pipeline with its card, and return the hash that names both.

        It is read back and scores its golden rows before anything is written. Raises `Refused`
        where it holds a type that may not be loaded or scores differently when read back,
        `Unavailable` where the folder cannot be written."""
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
            self._write(artifact_hash, files)
        except OSError as error:
            raise Unavailable(
                f"The artifact cannot be written to {self.artifacts} ({error.strerror}): free "
                "some space or make the folder writable; no version was registered."
            ) from error
        return artifact_hash

    def load_artifact(self, artifact_hash: str) -> Artifact:
        """The artifact of this hash, which is verified before anything is parsed.

        Raises `NotFound` where there is none, `Refused` where it was altered, holds a type that
        may not be loaded, or was written for other libraries, `Unavailable` where it cannot be
        read."""
        folder = self.artifact_folder(artifact_hash)
        try:
            files = {name: (folder / name).read_bytes() for name in (PIPELINE_FILE, CARD_FILE)}
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
        card = msgspec.json.decode(files[CARD_FILE], type=Card)
        return _parse(files[PIPELINE_FILE], card)

    def load_card(self, artifact_hash: str) -> Card:
        """The card of this hash alone, for who only wants to show it: nothing is verified. Raises
        `NotFound` where there is none that can be read."""
        path = self.artifact_folder(artifact_hash) / CARD_FILE
        try:
            return msgspec.json.decode(path.read_bytes(), type=Card)
        except (OSError, msgspec.MsgspecError) as error:
            raise NotFound(
                f"The card of {artifact_hash[:12]} cannot be read ({error}): restore the artifact "
                "from a backup."
            ) from None

    def artifact_folder(self, artifact_hash: str) -> Path:
        """Where an artifact lies; raises `NotFound` for what cannot be a hash."""
        if not _HASH.fullmatch(artifact_hash):
            raise NotFound(f"'{artifact_hash[:80]}' is not the hash of an artifact.")
        return self.artifacts / artifact_hash

    def _write(self, artifact_hash: str, files: Mapping[str, bytes]) -> None:
        """All files or none: written beside, brought to the disk, then renamed."""
        target = self.artifact_folder(artifact_hash)
        self.artifacts.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=self.artifacts))
        try:
            self._remove_leftovers(partial)
            for name, content in files.items():
                with (partial / name).open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            _sync_folder(partial)
            partial.chmod(0o755)
            if not target.exists():
                partial.rename(target)
                _sync_folder(self.artifacts)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _remove_leftovers(self, newest: Path) -> None:
        """What a process that was killed while it wrote has left behind."""
        for folder in self.artifacts.glob(".partial-*"):
            if newest.stat().st_mtime - folder.stat().st_mtime > _LEFTOVER_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _parse(content: bytes, card: Card) -> Artifact:
    """Read a pipeline whose bytes are known to be the saved ones."""
    import skops.io  # imports scikit-learn: 4 s that no page and no import may cost

    try:
        types = skops.io.get_untrusted_types(data=content)
        strange = [name for name in types if not _is_trusted(name)]
        if strange:
            raise Refused(
                f"The pipeline of '{card.recipe}' holds {', '.join(strange)}, which may not be "
                "loaded: add the type to TRUSTED in core/artifacts/folder.py once it is known to "
                "be safe."
            )
        return Artifact(skops.io.loads(content, trusted=types), card)
    except (
        zipfile.BadZipFile,
        ImportError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        raise Refused(
            f"The pipeline of '{card.recipe}' cannot be read by the libraries installed here "
            f"({error}): install the versions of the lock, or train the version again."
        ) from error


def _is_trusted(name: str) -> bool:
    return name in TRUSTED or name.startswith(TRUSTED_PACKAGES)


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
