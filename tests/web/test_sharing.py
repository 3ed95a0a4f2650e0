"""Sharing: a caller who is alone has everything, and one of several only their share of it."""

import asyncio

import pytest

from core.settings import parse_settings
from core.web.http import TooManyRequests
from core.web.sharing import Shares, Turn
from tests.virtual_loop import run_virtually

SMALL, LARGE = 200, 1_000_000
A, B, HOG = 1, 2, 3


def make_shares(rate: float = 0.0) -> Shares:
    return Shares(asyncio.get_running_loop().time, rate)


async def work(shares: Shares, caller: int, n_bytes: int, seconds: float) -> None:
    turn = await shares.enter(caller, n_bytes)
    try:
        await asyncio.sleep(seconds)
    finally:
        shares.leave(turn)


async def keep_working(
    shares: Shares, caller: int, n_bytes: int, seconds: float, until: float, *, rest: float = 0.0
) -> int:
    """How many requests of so many seconds were answered until then."""
    loop = asyncio.get_running_loop()
    n_answered = 0
    while loop.time() < until:
        await work(shares, caller, n_bytes, seconds)
        n_answered += 1
        await asyncio.sleep(rest)
    return n_answered


def test_a_caller_who_is_alone_is_never_held_up() -> None:
    async def simulate() -> float:
        shares = make_shares()
        await asyncio.gather(*(work(shares, A, SMALL, 1.0) for _ in range(1_000)))
        await asyncio.gather(*(work(shares, A, LARGE, 1.0) for _ in range(20)))
        return asyncio.get_running_loop().time()

    assert run_virtually(simulate()) == 2.0


def test_while_others_call_one_caller_has_sixteen_small_requests_under_way() -> None:
    async def simulate() -> list[Turn]:
        shares = make_shares()
        shares.leave(await shares.enter(B, SMALL))
        under_way: list[Turn] = []

        async def enter() -> None:
            under_way.append(await shares.enter(A, SMALL))

        flood = [asyncio.create_task(enter()) for _ in range(500)]
        await asyncio.sleep(0)
        await shares.enter(B, SMALL)  # is not held up
        assert len(under_way) == 16
        shares.leave(under_way.pop())
        await asyncio.sleep(0)
        assert len(under_way) == 16  # the next one came in its place
        for task in flood:
            task.cancel()
        return under_way

    run_virtually(simulate())


def test_large_bodies_of_one_caller_take_a_quarter_of_the_time_while_others_call() -> None:
    async def simulate() -> tuple[int, int]:
        shares = make_shares()
        hogs = [keep_working(shares, HOG, LARGE, 0.5, 100.0) for _ in range(8)]
        other = keep_working(shares, B, SMALL, 0.001, 100.0, rest=0.099)
        *done, n_others = await asyncio.gather(*hogs, other)
        return sum(done), n_others

    n_large, n_others = run_virtually(simulate())
    assert 50 <= n_large <= 66  # a quarter of 200, and eight before and after the other called
    assert n_others >= 1_000


def test_large_bodies_of_a_caller_who_is_alone_take_all_of_the_time() -> None:
    async def simulate() -> int:
        shares = make_shares()
        shares.leave(await shares.enter(B, SMALL))
        await asyncio.sleep(2.0)  # and b has gone
        return await keep_working(shares, A, LARGE, 0.5, 102.0)

    assert run_virtually(simulate()) == 200


def test_to_announce_a_large_body_is_work_even_where_it_is_refused_at_once() -> None:
    async def simulate() -> int:
        shares = make_shares()
        hogs = [keep_working(shares, HOG, 10_000_000, 0.0, 100.0) for _ in range(8)]
        other = keep_working(shares, B, SMALL, 0.001, 100.0, rest=0.099)
        *done, _ = await asyncio.gather(*hogs, other)
        return sum(done)

    assert run_virtually(simulate()) <= 700  # 10 MB take 0.05 s, and three times that is nothing


def test_a_turn_that_nobody_waits_for_any_more_is_given_to_the_next() -> None:
    async def simulate() -> None:
        shares = make_shares()
        shares.leave(await shares.enter(B, SMALL))
        first = await shares.enter(A, LARGE)
        second = asyncio.create_task(shares.enter(A, LARGE))
        third = asyncio.create_task(work(shares, A, LARGE, 1.0))
        await asyncio.sleep(0)
        shares.leave(first)
        second.cancel()
        await third

    run_virtually(asyncio.wait_for(simulate(), 60.0))


def test_a_key_has_a_limit_by_default_and_others_are_answered_beyond_it() -> None:
    now = 0.0
    rate = parse_settings({}).rate_limit
    shares = Shares(lambda: now, rate)

    def enter(caller: int) -> None:
        turn = shares.enter_now(caller, 0)
        assert turn is not None
        shares.leave(turn)

    for _ in range(10_000):
        enter(A)
    with pytest.raises(TooManyRequests, match="More than 10000 requests a second") as found:
        enter(A)
    assert found.value.retry_seconds == pytest.approx(0.0001)
    enter(B)
    now += 0.001
    for _ in range(10):
        enter(A)
    with pytest.raises(TooManyRequests):
        enter(A)


def test_without_a_limit_a_key_sends_as_many_as_it_likes() -> None:
    rate = parse_settings({"PLUMBLINE_RATE_LIMIT": "0"}).rate_limit
    shares = Shares(lambda: 0.0, rate)
    for _ in range(10_001):
        turn = shares.enter_now(A, 0)
        assert turn is not None
        shares.leave(turn)


def test_who_has_a_thousand_requests_waiting_is_told_to_stop() -> None:
    async def simulate() -> None:
        shares = make_shares()
        shares.leave(await shares.enter(B, SMALL))
        await shares.enter(A, LARGE)
        waiting = [asyncio.create_task(shares.enter(A, SMALL)) for _ in range(1_000)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests, match="wait already"):
            await shares.enter(A, SMALL)
        shares.leave(await shares.enter(B, SMALL))
        for task in waiting:
            task.cancel()

    run_virtually(simulate())


def test_a_rate_holds_for_each_caller_and_says_when_to_come_again() -> None:
    async def simulate() -> None:
        shares = make_shares(rate=2.0)
        for _ in range(2):
            shares.leave(await shares.enter(A, SMALL))
        with pytest.raises(TooManyRequests, match="More than 2 requests a second") as refused:
            await shares.enter(A, SMALL)
        assert refused.value.retry_seconds == 0.5
        shares.leave(await shares.enter(B, SMALL))
        await asyncio.sleep(0.5)
        shares.leave(await shares.enter(A, SMALL))

    run_virtually(simulate())


def test_a_request_with_room_enters_at_once_and_without_an_object_of_its_own() -> None:
    shares = Shares(lambda: 0.0)
    first, second = shares.enter_now(1, 100), shares.enter_now(1, 200)
    assert first is not None
    assert first is second
    assert first.account.weight == 2
    shares.leave(first)
    shares.leave(first)
    assert first.account.weight == 0


def test_a_request_without_room_does_not_enter_at_once_and_takes_no_token() -> None:
    shares = Shares(lambda: 0.0, rate=20.0)
    other = shares.enter_now(2, 100)
    assert other is not None
    turns = [shares.enter_now(1, 100) for _ in range(16)]
    assert None not in turns
    assert shares.enter_now(1, 100) is None
    assert turns[0] is not None
    assert turns[0].account.tokens == 4.0
