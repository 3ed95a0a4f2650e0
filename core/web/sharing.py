"""Sharing: the time of one API process is divided among its callers, so that none blocks the
others."""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from core.web.http import TooManyRequests

UNIT_BYTES = 8_192
"""The weight of a request is 1, and 1 more for each so many bytes of its body."""

HEAVY_BYTES = 65_536
"""Larger bodies are decoded in a thread, so that the event loop stays free for others."""

_CONTENDED_SECONDS = 1.0  # how long a caller counts as calling
_CONTENDED_WEIGHT = 16  # of one caller's running requests while others call
_MOST_WEIGHT = 8_192  # of one caller's running requests, always: bodies of 64 MB in memory
_BYTES_A_SECOND = 200e6  # received, even if the body is then refused
_PAUSE = 3.0  # seconds without heavy work after each second of it, while others call
_MAX_WAITING = 1_000  # waiting requests of one caller


@dataclass(slots=True)
class Account:
    """The running and waiting requests of one caller."""

    key_id: int | None = None  # None for this machine while there are no keys
    weight: int = 0
    heavy_at: float = 0.0  # when heavy work may start again, in seconds on the timer
    tokens: float = 0.0
    filled_at: float = 0.0
    waiting: "deque[tuple[int, asyncio.Future[None]]]" = field(default_factory=deque)
    wakes: bool = False  # a timer for the waiting requests is set
    small: "Turn" = field(init=False)  # shared by requests of weight 1, which are not timed

    def __post_init__(self) -> None:
        self.small = Turn(self, 1, 0.0)


@dataclass(slots=True)
class Turn:
    """A request that may run, given back to `leave` at its end. Its work began at `started`, which
    a route sets anew once the body is read, since a slow connection is no work."""

    account: Account
    weight: int
    started: float


class Shares:
    """Lets requests run, on the event loop of one process. A caller who is alone is never delayed.
    While others call as well, each caller may have a few small requests or one large one running,
    and large ones take at most a quarter of the time; further requests wait before their bodies are
    read."""

    def __init__(self, timer: Callable[[], float], rate: float = 0.0) -> None:
        """`rate` is the limit of requests a second for one caller; 0 for no limit."""
        self._timer = timer
        self._rate = rate
        self._accounts: dict[int, Account] = {}
        self._last: Account | None = None  # the last caller, and the time of the call
        self._last_at = -math.inf
        self._before_at = -math.inf  # the time of the last call by another caller

    def enter_now(self, caller: int, n_bytes: int) -> Turn | None:
        """Return the turn of a request with a body of `n_bytes`; None if it has to wait, by
        `enter`. Raises `TooManyRequests` if the caller exceeds the rate limit."""
        now = self._timer()
        account = self._accounts.get(caller) or self._open(caller, now)
        if account is not self._last:
            self._last, self._before_at = account, self._last_at
        self._last_at = now
        weight = 1 + n_bytes // UNIT_BYTES
        if account.waiting or not self._has_room(account, weight, now):
            return None
        if self._rate:
            self._take_token(account, now)
        account.weight += weight
        return account.small if weight == 1 else Turn(account, weight, now)

    async def enter(self, caller: int, n_bytes: int) -> Turn:
        """Wait for the turn of a request and return it. Raises `TooManyRequests` as `enter_now`
        does, and if too many requests of the caller wait already."""
        turn = self.enter_now(caller, n_bytes)
        if turn is not None:
            return turn
        account, weight = self._accounts[caller], 1 + n_bytes // UNIT_BYTES
        if self._rate:
            self._take_token(account, self._timer())
        await self._wait(account, weight)
        return Turn(account, weight, self._timer())

    def leave(self, turn: Turn) -> None:
        """Give a turn back, and let waiting requests of its caller run."""
        account = turn.account
        account.weight -= turn.weight
        if turn.weight > HEAVY_BYTES // UNIT_BYTES:
            now = self._timer()
            work = max(now - turn.started, turn.weight * UNIT_BYTES / _BYTES_A_SECOND)
            account.heavy_at = now + _PAUSE * work
        if account.waiting:
            self._wake(account)

    def _has_room(self, account: Account, weight: int, now: float) -> bool:
        if now >= self._contended_until(account):
            return account.weight == 0 or account.weight + weight <= _MOST_WEIGHT
        if weight > HEAVY_BYTES // UNIT_BYTES and now < account.heavy_at:
            return False
        return account.weight == 0 or account.weight + weight <= _CONTENDED_WEIGHT

    def _contended_until(self, account: Account) -> float:
        """Return the time until which another caller counts as active."""
        others_at = self._before_at if account is self._last else self._last_at
        return others_at + _CONTENDED_SECONDS

    async def _wait(self, account: Account, weight: int) -> None:
        if len(account.waiting) >= _MAX_WAITING:
            raise TooManyRequests(
                f"{_MAX_WAITING:,} of your requests wait already: send fewer at once.", 1.0
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        account.waiting.append((weight, turn))
        self._wake(account)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was let in at the same moment
                account.weight -= weight
                self._wake(account)
            raise

    def _wake(self, account: Account) -> None:
        """Let waiting requests run, in order, as long as there is room."""
        now = self._timer()
        while account.waiting:
            weight, turn = account.waiting[0]
            if turn.done():  # its caller has left
                account.waiting.popleft()
            elif self._has_room(account, weight, now):
                account.waiting.popleft()
                account.weight += weight
                turn.set_result(None)
            else:
                break
        if account.waiting and account.weight == 0 and not account.wakes:  # no request will end
            ends_at = min(account.heavy_at, self._contended_until(account))
            pause = max(ends_at - now, 0.001)
            asyncio.get_running_loop().call_later(pause, self._wake_later, account)
            account.wakes = True

    def _wake_later(self, account: Account) -> None:
        account.wakes = False
        self._wake(account)

    def _take_token(self, account: Account, now: float) -> None:
        """Take one token from a bucket that holds one second of the rate; raises `TooManyRequests`
        if it is empty."""
        most = max(self._rate, 1.0)
        account.tokens = min(most, account.tokens + (now - account.filled_at) * self._rate)
        account.filled_at = now
        if account.tokens < 1.0:
            raise TooManyRequests(
                f"More than {self._rate:g} requests a second: send many rows as one batch, or "
                "raise PLUMBLINE_RATE_LIMIT.",
                (1.0 - account.tokens) / self._rate,
            )
        account.tokens -= 1.0

    def _open(self, caller: int, now: float) -> Account:
        opened = Account(caller or None, tokens=max(self._rate, 1.0), filled_at=now)
        self._accounts[caller] = opened
        return opened
