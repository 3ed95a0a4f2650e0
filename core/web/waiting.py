"""Waiting for the log on an event loop: one wake-up for a write, however many wait for it."""

import asyncio
from concurrent.futures import Future
from typing import Any

from core.errors import Unavailable
from core.serving.journal import Receipt


class LogWait:
    """Awaits receipts on the event loop of one process."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds
        self._known: dict[Future[Any], asyncio.Future[Any]] = {}

    async def wait(self, receipt: "Receipt[Any]") -> Any:
        """The result of a write; raises what it raised, and `Unavailable` where it takes longer
        than a caller should be kept."""
        written = self._known.get(receipt.written) or self._watch(receipt.written)
        results = await asyncio.shield(written)  # shielded, since others wait for the same write
        return results[receipt.place]

    def _watch(self, written: "Future[Any]") -> "asyncio.Future[Any]":
        loop = asyncio.get_running_loop()
        known = self._known[written] = loop.create_future()
        limit = loop.call_later(self._limit_seconds, self._give_up, written)

        def settle() -> None:
            limit.cancel()
            self._settle(written)

        written.add_done_callback(lambda _: loop.call_soon_threadsafe(settle))
        return known

    def _settle(self, written: "Future[Any]") -> None:
        known = self._known.pop(written, None)
        if known is None:
            return
        error = written.exception()
        if error is None:
            known.set_result(written.result())
        else:
            known.set_exception(error)

    def _give_up(self, written: "Future[Any]") -> None:
        known = self._known.pop(written, None)
        if known is not None:
            why = (
                f"The log did not take it within {self._limit_seconds:g} s: the database is "
                "locked or too slow. Try again in a moment."
            )
            known.set_exception(Unavailable(why, public=why))
