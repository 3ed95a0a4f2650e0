"""Admission: wrong keys are slowed down by address, and nobody else is."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import pytest

from core.domain.installation import Scope
from core.serving.keys import create_key
from core.store.engine.database import Database
from core.web.admission import WrongKeys
from core.web.http import TooManyRequests
from tests.api_in_process import ask, make_api, run_lifespan
from tests.people import person
from tests.virtual_loop import run_virtually


def test_after_ten_wrong_keys_in_a_minute_an_address_waits_and_no_other_does() -> None:
    async def simulate() -> None:
        loop = asyncio.get_running_loop()
        wrong_keys = WrongKeys(loop.time)
        for _ in range(10):
            await wrong_keys.delay("192.0.2.7")
        assert loop.time() == 0.0
        await wrong_keys.delay("192.0.2.7")
        assert loop.time() == 1.0
        await wrong_keys.delay("192.0.2.8")
        assert loop.time() == 1.0
        await asyncio.sleep(59.0)  # a new minute
        await wrong_keys.delay("192.0.2.7")
        assert loop.time() == 60.0

    run_virtually(simulate())


def test_a_flood_of_wrong_keys_is_a_hundred_who_wait_and_the_rest_is_sent_away() -> None:
    async def simulate() -> None:
        loop = asyncio.get_running_loop()
        wrong_keys = WrongKeys(loop.time)
        tries = [wrong_keys.delay("192.0.2.7") for _ in range(1_000)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        refused = [one for one in results if isinstance(one, TooManyRequests)]
        assert len(refused) == 1_000 - 10 - 100
        assert refused[0].retry_seconds == 60.0
        assert loop.time() == 1.0

    run_virtually(simulate())


def test_ten_thousand_addresses_are_remembered_and_no_more() -> None:
    async def simulate() -> int:
        wrong_keys = WrongKeys(lambda: 0.0)
        for number in range(10_100):
            await wrong_keys.delay(f"2001:db8::{number:x}")
        return len(wrong_keys._tries)

    assert run_virtually(simulate()) == 10_000


@pytest.mark.parametrize("header", [None, ("x-forwarded-for", "198.51.100.9")])
def test_the_api_slows_wrong_keys_down_and_what_they_say_of_their_address_does_not_help(
    db: Database,
    now: Callable[[], datetime],
    monkeypatch: pytest.MonkeyPatch,
    header: tuple[str, str] | None,
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(WrongKeys.__init__, "__defaults__", (sleep,))
    _, text = create_key(db, "ci", frozenset({Scope.STATUS}), by=person("ada"), now=now())
    api = make_api(db, now, timer=lambda: 0.0)

    async def try_keys() -> None:
        async with run_lifespan(api):
            for number in range(15):
                wrong = ("authorization", f"Bearer plk_{number}")
                peer = f"192.0.2.{number}" if header else "192.0.2.7"
                said = [] if header is None else [(header[0], f"198.51.100.{number}")]
                reply = await ask(api, "GET", "/v1/status", wrong, *said, peer=peer)
                assert reply.status == 401
            right = ("authorization", f"Bearer {text}")
            assert (await ask(api, "GET", "/v1/status", right)).status == 200

    asyncio.run(try_keys())
    assert slept == [1.0] * 5
