"""API keys: made, revoked, and checked without asking the store at every request."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from core.domain.installation import ApiKey, Scope
from core.errors import InvalidInput, Refused
from core.serving.poller import Follower
from core.store.engine.database import Database
from core.store.installation import api_keys

_START = "plk_"
_N_SHOWN = 10
_EVERY_SECONDS = 0.5


class UnknownCaller(Refused):
    """No key, or one that is not in force."""


class MissingScope(Refused):
    """The key is in force, and not for this."""


@dataclass(frozen=True, slots=True)
class _Lock:
    """Which keys open the API, as last read; without any ever made, it is open."""

    is_open: bool
    keys: Mapping[str, ApiKey]


def create_key(
    db: Database,
    name: str,
    scopes: frozenset[Scope],
    *,
    by: str,
    now: datetime,
    random: Callable[[int], str] = secrets.token_urlsafe,
) -> tuple[ApiKey, str]:
    """A new key and its text, which is shown once and never stored. Raises `InvalidInput` without
    a name or a scope."""
    if not name.strip():
        raise InvalidInput(
            "A key needs a name, so that it is known whom to ask: `keys create NAME`."
        )
    if not scopes:
        raise InvalidInput(
            "A key needs a scope: " + ", ".join(scope.value for scope in Scope) + "."
        )
    text = _START + random(32)
    with db.write() as conn:
        key = api_keys.append_key(
            conn,
            name=name.strip(),
            prefix=text[:_N_SHOWN],
            key_hash=hash_key(text),
            scopes=scopes,
            by=by,
            now=now,
        )
    return key, text


def hash_key(text: str) -> str:
    """The SHA-256 of a key's text in hex: what is stored. A key is 256 random bits, so that
    nothing slower is needed.

    >>> hash_key("plk_example")[:12]
    '19f39559d7be'
    """
    return hashlib.sha256(text.encode()).hexdigest()


class KeyRing:
    """The keys in force, read again twice a second between `start` and `stop`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = _Lock(is_open=False, keys={})
        self._follower = Follower("keys", self.refresh, _EVERY_SECONDS)

    def start(self) -> None:
        """Read the keys and keep following them; raises `Unavailable`."""
        self.refresh()
        self._follower.start()

    def stop(self) -> None:
        """Stop following."""
        self._follower.stop()

    def refresh(self) -> None:
        """Read the keys now."""
        with self._db.read() as conn:
            keys = api_keys.load_live_hashes(conn)
            self._lock = _Lock(is_open=not api_keys.has_keys(conn), keys=keys)

    @property
    def is_open(self) -> bool:
        """Whether no key was ever made, so that everyone on this machine may call."""
        return self._lock.is_open

    def check(self, text: str | None, scope: Scope) -> ApiKey | None:
        """The key of the caller, None where no key was ever made and everyone may call.

        Raises `UnknownCaller` for a missing or wrong key, `MissingScope` for one that is not for
        this."""
        lock = self._lock
        if lock.is_open:
            return None
        if text is None:
            raise UnknownCaller("This needs a key: send Authorization: Bearer KEY.")
        key = lock.keys.get(hash_key(text))
        if key is None:
            raise UnknownCaller("The key is wrong or was revoked: ask for a new one.")
        if scope not in key.scopes:
            raise MissingScope(
                f"The key '{key.name}' is not for this: it lacks the scope '{scope.value}'."
            )
        return key
