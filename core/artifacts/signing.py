"""Signatures of artifacts: who cannot have the installation's key cannot have written them."""

import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from core.errors import Refused, Unavailable
from plumbline.program import name_command

KEY_FILE = "signing.key"
_PURPOSE = b"plumbline artifact 1 "
_AUDIT_PURPOSE = b"plumbline audit 1 "
_KEY_BYTES = 32


class SigningKey:
    """The key of an installation: the one of the settings, else the one in a file."""

    def __init__(self, given: str, file: Path) -> None:
        self._given = given
        self.file = file

    def exists(self) -> bool:
        """Return True if there is a key; make none."""
        return bool(self._given) or self.file.exists()

    def create(self, before: Callable[[bytes], None] = lambda key: None) -> None:
        """Make the file with a random key, for its owner only, where there is no key yet. `before`
        is called with the key before any other process can see it. Of several processes that make
        one at once, the first has made it. Raises `Unavailable` where it cannot be written."""
        if self.exists():
            return
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{KEY_FILE}-", dir=self.file.parent)
        except OSError as error:
            raise self._unavailable("written", error) from error
        try:
            key = secrets.token_hex(_KEY_BYTES)
            with os.fdopen(handle, "w", encoding="ascii") as file:  # mkstemp: for its owner only
                file.write(key + "\n")
                file.flush()
                os.fsync(file.fileno())
            before(key.encode())
            os.link(name, self.file)
        except FileExistsError:
            return
        except OSError as error:
            raise self._unavailable("written", error) from error
        finally:
            os.unlink(name)

    def sign(self, artifact_hash: str) -> str:
        """The signature of an artifact's hash. Raises `Unavailable` where there is no key."""
        return compute_signature(self._read(), artifact_hash)

    def seal(self, message: bytes) -> str:
        """Return the HMAC-SHA256 of a message of the audit, as hexadecimal digits. Raises
        `Unavailable` where there is no key."""
        return hmac.new(self._read(), _AUDIT_PURPOSE + message, hashlib.sha256).hexdigest()

    def verify(self, artifact_hash: str, signature: str) -> None:
        """Raise `Refused` for a signature by another key, `Unavailable` without a key."""
        if not signature:
            raise Refused(
                f"The artifact {artifact_hash[:12]} is not signed by this installation: it is not "
                f"loaded. {_REMEDY}"
            )
        expected = self.sign(artifact_hash)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise Refused(
                f"The artifact {artifact_hash[:12]} is signed with another key than this "
                "installation's: it is not loaded. If PLUMBLINE_SIGNING_KEY has changed, set it "
                f"back. {_REMEDY}"
            )

    def _read(self) -> bytes:
        if self._given:
            return self._given.encode()
        try:
            mode = self.file.stat().st_mode
            key = self.file.read_bytes().strip()
        except OSError as error:
            raise self._unavailable("read", error) from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Unavailable(
                f"The signing key {self.file} is open to other users of this machine: take their "
                f"rights away with `chmod 600 {self.file}`."
            )
        if len(key) < _KEY_BYTES:
            raise Unavailable(
                f"The signing key in {self.file} is cut short: restore it from a backup, or take "
                f"the file away and sign each version that you trust: `{_SIGN}`."
            )
        return key

    def _unavailable(self, what: str, error: OSError) -> Unavailable:
        return Unavailable(
            f"The signing key {self.file} cannot be {what} ({error.strerror}): restore it from a "
            "backup, check the permissions of its folder, set PLUMBLINE_SIGNING_KEY, or sign each "
            f"version that you trust: `{_SIGN}`."
        )


_SIGN = name_command("versions sign VERSION --reason TEXT")
_REMEDY = f"Train the version again, or, where you know who wrote it, sign it: `{_SIGN}`."


def compute_signature(key: bytes, artifact_hash: str) -> str:
    """Return the HMAC-SHA256 (RFC 2104) of an artifact's hash, as hexadecimal digits; the hash
    covers all its files.

    >>> compute_signature(b"key", "0" * 64)[:8]
    '951e7251'
    """
    return hmac.new(key, _PURPOSE + artifact_hash.encode(), hashlib.sha256).hexdigest()
