"""Whatever is sent, the API never breaks, and says of everything it refuses what is wrong."""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from core.decisions.policies import set_policy
from core.domain.decisions.policy import PolicyKind, PolicyTerms, RedoCosts
from core.store.engine.database import Database
from tests.api_in_process import HUNDRED, Reply, make_api, post_all, run_lifespan
from tests.fuzzing import FUZZ_EXAMPLES
from tests.people import person

pytestmark = pytest.mark.slow

N_BODIES, N_AT_ONCE = int(os.environ.get(FUZZ_EXAMPLES, 100_000)), 5_000

GOOD: dict[str, Any] = {
    "/v1/predict": {
        "features": {"codeQuality": 80, "testCoverage": 60.5, "language": "python", "x": None},
        "unit_id": "repo 1",
        "text": "def f(): pass",
        "at": "2026-03-01T12:00:00+01:00",
    },
    "/v1/predict/batch": {
        "rows": [{"features": {"codeQuality": 80}}, {"features": {"security": 3}, "unit_id": "u"}]
    },
    "/v1/rank": {
        "candidates": [
            {"features": {"codeQuality": 80, "language": "go"}, "id": "a", "text": "x"},
            {"features": {"codeQuality": 60.5, "x": None}},
        ],
        "group_id": None,
        "unit_id": "repo 1",
        "policy": "p1",
    },
    "/v1/decide": {
        "features": {"codeQuality": 80},
        "text": "def f(): pass",
        "unit_id": "repo 1",
        "attempt": 1,
        "policy": "p2",
    },
    "/v1/feedback": {
        "prediction_id": "019cae6b660070008000000000000000",
        "actual": 70,
        "observed_at": "2026-03-01T12:00:00Z",
        "given_by": "ada",
        "rating": 0.5,
    },
    "/v1/samples": {
        "rows": [
            {
                "features": {"wind": 3.5, "language": "go"},
                "target": 70,
                "id": "1",
                "at": "2026-03-01T12:00:00Z",
                "group": "g",
                "text": "x",
                "source": "s",
            }
        ]
    },
}
REDO = PolicyTerms(PolicyKind.REDO, 0.05, 60.0, RedoCosts(1.0, 10.0), 62.0)
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1e308, -1e308, 10**400, 2**63, 2**64, -(2**63) - 1, 0.1, 5e-324),
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "\ud800",
        "\udfff\ud800",
        "é" * 300,
        "x" * 1_001,
        "NaN",
        "🦉",
        "\u202e",
    ),
    *([], {}, [[]], [None], {"": 1}, {"a": {"b": []}}, {"\0": 1}, {"\ud800": 1}, {"k" * 300: 1}),
    *("0000-00-00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "2026-13-01T00:00:00Z"),
    *("2026-03-01T12:00:00", "1e5", "-0", "Infinity", float("nan"), float("inf"), -float("inf")),
)


def change(draw: random.Random, value: Any) -> Any:
    """The value with one thing in it replaced, renamed, dropped, doubled or added."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        name = draw.choice(list(value))
        kind = draw.random()
        if kind < 0.1:
            return {key: item for key, item in value.items() if key != name}
        if kind < 0.2:
            return {**value, str(draw.choice(ODD)): draw.choice(ODD)}
        return {**value, name: change(draw, value[name])}
    if isinstance(value, list) and value and draw.random() < 0.85:
        place = draw.randrange(len(value))
        if draw.random() < 0.15:
            return value * draw.randrange(4)
        return [*value[:place], change(draw, value[place]), *value[place + 1 :]]
    return draw.choice(ODD)


def garble(draw: random.Random, content: bytes) -> bytes:
    """The bytes with some cut, replaced, repeated or put in."""
    place = draw.randrange(len(content) + 1)
    kind = draw.randrange(5)
    if kind == 0:
        return content[:place]
    if kind == 1:
        return content[:place] + draw.randbytes(draw.randrange(1, 5)) + content[place + 1 :]
    if kind == 2:
        return content[:place] + draw.choice([b"[", b"{", b'"', b"\\u"]) * 2_000 + content[place:]
    if kind == 3:
        return content + draw.choice([b"]", b"{}", b"\0", b"\xff", b" ", b"null"])
    return draw.randbytes(draw.randrange(40))


def draw_ask(draw: random.Random) -> tuple[str, bytes]:
    """A path, and a body that is nearly right for it."""
    path = draw.choice(list(GOOD))
    body = GOOD[draw.choice(list(GOOD))] if draw.random() < 0.05 else GOOD[path]
    for _ in range(draw.randrange(1, 4)):
        body = change(draw, body)
    content = json.dumps(body).encode()
    return path, garble(draw, content) if draw.random() < 0.2 else content


def is_wrong(ask: tuple[str, bytes], reply: Reply) -> bool:
    """Whether it broke, or refused without a word. A 503 is an attempt without any score."""
    if reply.status == 503:
        scored = ("/v1/predict", "/v1/predict/batch", "/v1/rank")
        return ask[0] not in scored or not reply.explains_itself()
    return reply.status >= 500 or (reply.status >= 400 and not reply.explains_itself())


def test_a_hundred_thousand_wrong_bodies_break_nothing_and_each_is_told_what_is_wrong(
    db: Database, now: Callable[[], datetime]
) -> None:
    draw = random.Random(os.environ.get(FUZZ_EXAMPLES, 20260302))
    for terms in (PolicyTerms(PolicyKind.PICK), REDO):
        by = person("ada")
        set_policy(db, terms, scale=HUNDRED, expected=None, by=by, reason="fuzz", now=now())
    api = make_api(db, now)
    wrong: list[tuple[str, bytes, int, bytes]] = []
    answered: Counter[tuple[str, int]] = Counter()

    async def fuzz() -> None:
        async with run_lifespan(api):
            for _ in range(N_BODIES // N_AT_ONCE):
                asks = [draw_ask(draw) for _ in range(N_AT_ONCE)]
                replies = await post_all(api, asks)
                for ask, reply in zip(asks, replies, strict=True):
                    answered[ask[0], reply.status] += 1
                    if is_wrong(ask, reply):
                        wrong.append((*ask, reply.status, reply.content))

    asyncio.run(fuzz())
    assert wrong[:20] == []
    assert answered.total() == N_BODIES
    for path in GOOD:  # some are right by chance, so that what lies behind the checks is reached
        assert answered[path, 422] >= N_BODIES / (3 * len(GOOD))
        assert (
            sum(n for (asked, status), n in answered.items() if asked == path and status < 300)
            >= N_BODIES / 200
        )
