"""Admission: who may use a route, and when their request is processed."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from starlette.types import Scope

from core.domain.installation import ApiKey
from core.domain.installation import Scope as KeyScope
from core.serving.keys import KeyRing, MissingScope, UnknownCaller
from core.web.guard import Guard
from core.web.http import CALLER, TooManyRequests, get_key
from core.web.sharing import Shares, Turn

_FREE_TRIES = 10  # wrong keys of one address in a minute that are refused at once
_TRY_SECONDS = 60.0
_DELAY_SECONDS = 1.0
_MAX_DELAYED = 100
_MAX_PEERS = 10_000
_THIS_MACHINE = 0  # in place of a key's id
_MOST_BYTES = 67_108_864  # a larger declared length counts as this


class WrongKeys:
    """Slows down whoever guesses keys: the first wrong keys of an address are refused at once,
    later ones after a delay."""

    def __init__(
        self,
        timer: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._timer = timer
        self._sleep = sleep
        self._tries: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._n_delayed = 0

    async def delay(self, peer: str) -> None:
        """Count a wrong key of an address, and wait if the address sent many in a minute. Raises
        `TooManyRequests` if many requests are delayed already."""
        now = self._timer()
        since, n_tries = self._tries.pop(peer, (now, 0))
        if now - since >= _TRY_SECONDS:
            since, n_tries = now, 0
        if len(self._tries) >= _MAX_PEERS:
            self._tries.popitem(last=False)
        self._tries[peer] = since, n_tries + 1
        if n_tries < _FREE_TRIES:
            return
        if self._n_delayed >= _MAX_DELAYED:
            raise TooManyRequests(
                f"Too many wrong keys came from {peer}: wait a minute, then send a right one.",
                since + _TRY_SECONDS - now,
            )
        self._n_delayed += 1
        try:
            await self._sleep(_DELAY_SECONDS)
        finally:
            self._n_delayed -= 1


class Admission:
    """Checks the key of a request, delays wrong keys, and shares the process among callers. Without
    keys, only this machine is answered."""

    def __init__(
        self, keys: KeyRing, guard: Guard, timer: Callable[[], float], *, rate: float
    ) -> None:
        self._keys = keys
        self._guard = guard
        self._shares = Shares(timer, rate)
        self._wrong_keys = WrongKeys(timer)
        self.leave = self._shares.leave

    async def admit(
        self, scope: Scope, headers: Mapping[str, str], need: KeyScope, most_bytes: int = 0
    ) -> tuple[ApiKey | None, Turn]:
        """Return the caller's key (None while no key exists) and the turn of the request, which the
        caller has to give back to `leave`. A body of undeclared length counts as `most_bytes`.

        Raises `UnknownCaller`, `MissingScope` and `TooManyRequests`."""
        text = get_key(headers)
        try:
            key = self._keys.check(text, need)
        except UnknownCaller:
            if text is not None:
                await self._wrong_keys.delay(self._guard.name_peer(scope))
            raise
        except MissingScope as error:
            scope[CALLER] = _say_caller(error.key_id)
            raise
        scope[CALLER] = _say_caller(None if key is None else key.id)
        n_bytes = _count_bytes(headers, most_bytes)
        return key, await self._shares.enter(_name_caller(key), n_bytes)

    def admit_now(
        self, scope: Scope, headers: Mapping[str, str], need: KeyScope, most_bytes: int = 0
    ) -> Turn | None:
        """Return the turn of a request that nothing delays; None if `admit` has to be awaited
        instead. Raises `TooManyRequests`."""
        try:
            key = self._keys.check(get_key(headers), need)
        except (UnknownCaller, MissingScope):  # `admit` slows down the one and names the other
            return None
        if key is not None:
            scope[CALLER] = _say_caller(key.id)
        return self._shares.enter_now(_name_caller(key), _count_bytes(headers, most_bytes))

    @asynccontextmanager
    async def admitted(
        self, scope: Scope, headers: Mapping[str, str], need: KeyScope, most_bytes: int = 0
    ) -> AsyncIterator[ApiKey | None]:
        """Call `admit` before the work for a caller, and `leave` after it."""
        key, turn = await self.admit(scope, headers, need, most_bytes)
        try:
            yield key
        finally:
            self.leave(turn)


def _name_caller(key: ApiKey | None) -> int:
    return _THIS_MACHINE if key is None else key.id


def _say_caller(key_id: int | None) -> str | None:
    return None if key_id is None else f"key {key_id}"


def _count_bytes(headers: Mapping[str, str], most_bytes: int) -> int:
    """Return the length of a body as its headers declare it; `most_bytes` if they do not."""
    if "content-encoding" in headers:  # nobody knows what it inflates to
        return most_bytes
    announced = headers.get("content-length", "")
    return min(int(announced), _MOST_BYTES) if announced.isdecimal() else most_bytes
