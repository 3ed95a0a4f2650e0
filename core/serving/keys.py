"""API keys: created, rotated, revoked, and checked without a read of the store for each request."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.audit.attempt import attempt
from core.domain.actor import Act, Actor, Decider, Role
from core.domain.installation import ApiKey, Scope
from core.errors import Conflict, InvalidInput, Refused
from core.serving.poller import Follower
from core.store.engine.database import Database
from core.store.installation import api_keys

_START = "plk_"
_N_SHOWN = 10
_EVERY_SECONDS = 0.5
_ACTS = {Scope.SAMPLES: Act.COLLECT, Scope.FEEDBACK: Act.LABEL}
_NOTED_EVERY = timedelta(minutes=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


class UnknownCaller(Refused):
    """No key, or one that is not in force."""


class MissingScope(Refused):
    """A key in force that lacks the scope of the route."""

    def __init__(self, message: str, key_id: int) -> None:
        super().__init__(message)
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class _Lock:
    """The keys in force at the last read. The API is open if no key was ever created."""

    is_open: bool
    keys: Mapping[str, ApiKey]


def create_key(
    db: Database,
    name: str,
    scopes: frozenset[Scope],
    *,
    by: Actor,
    now: datetime,
    expires_at: datetime | None = None,
    random: Callable[[int], str] = secrets.token_urlsafe,
) -> tuple[ApiKey, str]:
    """Return a new key and its text, which is shown once and never stored. Raises `InvalidInput`
    without a name or a scope, and for the name of another live key."""
    name = name.strip()
    if not name:
        raise InvalidInput(
            "A key needs a name, so that it is known whom to ask: `keys create NAME`."
        )
    if not scopes:
        raise InvalidInput(
            "A key needs at least one scope: " + ", ".join(scope.value for scope in Scope) + "."
        )
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("A key that has expired is of no use: give a time that is to come.")
    details = {**_details(scopes), "days": None if expires_at is None else (expires_at - now).days}
    with attempt(db, by, Act.KEYS, f"key {name}", now=now, details=details) as act:
        text = _START + random(32)
        with act.write() as conn:
            if any(key.name == name and key.is_live(now) for key in api_keys.load_keys(conn)):
                raise Conflict(
                    f"There is a live key '{name}': choose another name, or rotate that one."
                )
            key = api_keys.append_key(
                conn,
                name=name,
                prefix=text[:_N_SHOWN],
                key_hash=hash_key(text),
                scopes=scopes,
                expires_at=expires_at,
                by=by.name,
                now=now,
            )
            act.note(after=_view(key), target=f"key {key.id} {name}")
            act.seal(Decider.API_KEYS, key.id)
    return key, text


def rotate_key(
    db: Database,
    key_id: int,
    *,
    overlap: timedelta,
    by: Actor,
    now: datetime,
    random: Callable[[int], str] = secrets.token_urlsafe,
) -> tuple[ApiKey, str]:
    """Return a new key with the name, scopes and lifetime of another, and its text. The old key
    ends after `overlap`, or earlier if it expires. Raises `NotFound`, and `Conflict` for a key that
    has ended or was rotated before."""
    details = {"rotate": key_id, "hours": overlap.total_seconds() / 3_600}
    with attempt(db, by, Act.KEYS, f"key {key_id}", now=now, details=details) as act:
        text = _START + random(32)
        with act.write() as conn:
            old = api_keys.get_key(conn, key_id)
            if not old.is_live(now) or old.replaced_by is not None:
                raise Conflict(f"Key {key_id} has ended or was rotated: make a new one.")
            life = None if old.expires_at is None else old.expires_at - old.created_at
            key = api_keys.append_key(
                conn,
                name=old.name,
                prefix=text[:_N_SHOWN],
                key_hash=hash_key(text),
                scopes=old.scopes,
                expires_at=None if life is None else now + life,
                by=by.name,
                now=now,
            )
            ends = now + overlap if old.expires_at is None else min(now + overlap, old.expires_at)
            api_keys.replace_key(conn, key_id, key.id, ends)
            act.note(before=_view(old), after=_view(key), target=f"key {key.id} {key.name}")
            act.seal(Decider.API_KEYS, key_id)
            act.seal(Decider.API_KEYS, key.id)
    return key, text


def revoke_key(db: Database, key_id: int, *, by: Actor, now: datetime) -> None:
    """End a key. Raises `NotFound` if no live key has this number."""
    target, details = f"key {key_id}", {"revoke": key_id}
    with (
        attempt(db, by, Act.KEYS, target, now=now, details=details) as act,
        act.write() as conn,
    ):
        api_keys.revoke_key(conn, key_id, by.name, now)
        act.note(after={"revoked_at": now})
        act.seal(Decider.API_KEYS, key_id)


def _details(scopes: frozenset[Scope]) -> dict[str, object]:
    return {"scopes": sorted(scope.value for scope in scopes)}


def _view(key: ApiKey) -> dict[str, object]:
    return {"prefix": key.prefix, **_details(key.scopes), "expires_at": key.expires_at}


def hash_key(text: str) -> str:
    """Return the SHA-256 of a key's text in hex, the only form that is stored. A key has 256 random
    bits, so a slow hash is not needed.

    >>> hash_key("plk_example")[:12]
    '19f39559d7be'
    """
    return hashlib.sha256(text.encode()).hexdigest()


def build_actor(key: ApiKey | None) -> Actor:
    """Return the actor of a key; without a key, the actor of callers on this machine."""
    if key is None:
        return Actor("api", Role.OPERATOR, "api", acts=frozenset({Act.COLLECT, Act.LABEL}))
    acts = frozenset(_ACTS[scope] for scope in key.scopes if scope in _ACTS)
    return Actor(key.name, Role.OPERATOR, f"key {key.id}", acts=acts)


class KeyRing:
    """The keys in force, read twice a second between `start` and `stop`."""

    def __init__(self, db: Database, now: Callable[[], datetime]) -> None:
        self._db = db
        self._now = now
        self._lock = _Lock(is_open=False, keys={})
        self._used: set[int] = set()
        self._noted: dict[int, datetime] = {}
        self._follower = Follower("keys", self.refresh, _EVERY_SECONDS)

    def start(self) -> None:
        """Read the keys and keep following them; raises `Unavailable`."""
        self.refresh()
        self._follower.start()

    def stop(self) -> None:
        """Stop following the keys."""
        self._follower.stop()

    def refresh(self) -> None:
        """Read the keys now, and note the use of each, at most once a minute."""
        with self._db.read() as conn:
            keys = api_keys.load_live_hashes(conn)
            self._lock = _Lock(is_open=not api_keys.has_keys(conn), keys=keys)
        now = self._now()
        used = self._used.copy()
        self._used.difference_update(used)
        due = {id_ for id_ in used if now - self._noted.get(id_, _NEVER) >= _NOTED_EVERY}
        if due:
            with self._db.write() as conn:
                api_keys.set_used(conn, due, now)
            self._noted |= dict.fromkeys(due, now)

    @property
    def is_open(self) -> bool:
        """True if no key was ever created, so that everyone on this machine may call."""
        return self._lock.is_open

    def check(self, text: str | None, scope: Scope) -> ApiKey | None:
        """Return the key of the caller; None if no key was ever created and everyone may call.

        Raises `UnknownCaller` for a missing, wrong or expired key, `MissingScope` for one without
        the scope."""
        lock = self._lock
        if lock.is_open:
            return None
        if text is None:
            raise UnknownCaller("This needs a key: send Authorization: Bearer KEY.")
        key = lock.keys.get(hash_key(text))
        if key is None:
            raise UnknownCaller("The key is wrong or was revoked: ask for a new one.")
        if key.expires_at is not None and self._now() >= key.expires_at:
            raise UnknownCaller(f"The key '{key.name}' has expired: ask for a new one.")
        if scope not in key.scopes:
            raise MissingScope(
                f"The key '{key.name}' is not for this: it lacks the scope '{scope.value}'.",
                key.id,
            )
        self._used.add(key.id)
        return key
