"""Bodies as callers send them: compressed, with marks, in other characters, and larger inside."""

import asyncio
import codecs
import gzip
import json
import zlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from core.serving.schemas import BadBody
from core.store.engine.database import Database
from core.web.http import BodyTooLarge, WrongContentType, check_content_type, inflate, read_body
from core.web.router import Api
from tests.api_in_process import Reply, ask, make_api, run_lifespan

ROW = b'{"features": {"codeQuality": 80, "testCoverage": 60}}'
BODIES = {
    "/v1/predict": ROW,
    "/v1/predict/batch": b'{"rows": [' + ROW + b"]}",
    "/v1/feedback": b'{"prediction_id": "019cae6b660070008000000000000000", "actual": 70}',
    "/v1/samples": b'{"rows": [{"features": {"a": 1}, "target": 70}]}',
}


def deflate(content: bytes) -> bytes:
    machine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return machine.compress(content) + machine.flush()


def read(content: bytes, limit: int = 1_000, **headers: str) -> bytes:
    """A body as the routes read it, which comes in two parts."""
    parts = [(content[:3], True), (content[3:], False)]

    async def receive() -> dict[str, Any]:
        body, more = parts.pop(0)
        return {"type": "http.request", "body": body, "more_body": more}

    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return asyncio.run(read_body(given, receive, limit))


def post(api: Api, path: str, content: bytes, *headers: tuple[str, str]) -> Reply:
    async def once() -> Reply:
        async with run_lifespan(api):
            return await ask(api, "POST", path, *headers, content=content)

    return asyncio.run(once())


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        *(("gzip", gzip.compress), ("x-gzip", gzip.compress), (" GZip ", gzip.compress)),
        *(("deflate", zlib.compress), ("deflate", deflate)),
        *((name, bytes) for name in ("", "identity", "Identity")),
    ],
)
def test_a_body_is_inflated(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    assert read(compress(ROW), content_encoding=encoding) == ROW


@pytest.mark.parametrize("path", list(BODIES))
def test_every_route_takes_a_compressed_body(
    db: Database, now: Callable[[], datetime], path: str
) -> None:
    content = gzip.compress(BODIES[path])
    reply = post(make_api(db, now), path, content, ("content-encoding", "gzip"))
    assert reply.status in (200, 202)


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip, br", "\x00"])
@pytest.mark.parametrize("path", list(BODIES))
def test_another_compression_is_refused_by_its_name(
    db: Database, now: Callable[[], datetime], encoding: str, path: str
) -> None:
    reply = post(make_api(db, now), path, b"x", ("content-encoding", encoding))
    assert reply.status == 415
    assert f"'{encoding}': send it as gzip or deflate" in reply.message


@pytest.mark.parametrize("limit", [100, 1_000_000])
@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_the_limit_is_on_what_a_body_inflates_to(
    encoding: str, compress: Callable[[bytes], bytes], limit: int
) -> None:
    assert inflate(compress(b" " * limit), encoding, limit) == b" " * limit
    with pytest.raises(BodyTooLarge):
        inflate(compress(b" " * (limit + 1)), encoding, limit)


def test_of_a_bomb_no_more_than_the_limit_is_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(b"0" * 100_000_000)
    inflated: list[int] = []
    build = zlib.decompressobj

    class Watched:
        def __init__(self, window: int) -> None:
            self._stream = build(window)

        def decompress(self, content: bytes, most: int) -> bytes:
            found = self._stream.decompress(content, most)
            inflated.append(len(found))
            return found

    monkeypatch.setattr(zlib, "decompressobj", Watched)
    with pytest.raises(BodyTooLarge):
        inflate(bomb, "gzip", 1_000)
    assert inflated == [1_001]


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{}", ROW, gzip.compress(ROW)[:-1], gzip.compress(ROW)[:-9]),
        *(gzip.compress(ROW) + b"x", gzip.compress(ROW) * 2, b"\x1f\x8b"),
        gzip.compress(ROW)[:-6] + b"\0" * 6,
    ],
)
def test_a_damaged_stream_is_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(BadBody, match="no whole gzip stream"):
        inflate(content, "gzip", 1_000)


@pytest.mark.parametrize(
    "content_type",
    [
        *("application/json", "Application/JSON; charset=utf-8", "application/json;charset=UTF8"),
        *('application/problem+json; charset="utf-8"', "application/json; charset='us-ascii'"),
        *("application/json; profile=x; charset=utf-8", "", "; charset=utf-8"),
    ],
)
def test_json_in_utf_8_is_taken(content_type: str) -> None:
    check_content_type(content_type)
    assert read(ROW, content_type=content_type) == ROW


@pytest.mark.parametrize(
    ("content_type", "named"),
    [
        ("application/json; charset=utf-16", "utf-16"),
        ('application/json; charset="ISO-8859-1"', "ISO-8859-1"),
        ("application/json;charset = latin1", "latin1"),
        ("text/csv", "text/csv"),
        ("application/jsonl", "application/jsonl"),
    ],
)
def test_other_characters_and_types_are_refused_by_their_name(
    content_type: str, named: str
) -> None:
    with pytest.raises(WrongContentType, match=f"'{named}': send "):
        check_content_type(content_type)


def test_a_byte_order_mark_is_no_part_of_the_body() -> None:
    assert read(codecs.BOM_UTF8 + ROW) == ROW
    assert read(gzip.compress(codecs.BOM_UTF8 + ROW), content_encoding="gzip") == ROW


@pytest.mark.parametrize("name", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_a_body_in_wide_characters_is_refused_by_what_it_is(name: str) -> None:
    for text in (ROW.decode(), " " + ROW.decode()):
        with pytest.raises(BadBody, match="UTF-16 or UTF-32: send UTF-8"):
            read(text.encode(name))


# --- Names that come twice ------------------------------------------------------------------

TWICE = [
    ("/v1/predict", '{"features": {"a": 1, "b": 2, "a": 3}}', "features.a"),
    ("/v1/predict", '{"features": {"a": 1}, "features": {"a": 1}}', "features"),
    ("/v1/predict", '{"features": {"a": 1, "a": 1}, "at": "2026-03-01T12:00:00Z"}', "features.a"),
    ("/v1/predict", r'{"features": {"a": "\u003a", "a": "b:"}}', "features.a"),
    ("/v1/predict", r'{"features": {"a": 1, "\u0061": 1}, "text": "x:y"}', "features.a"),
    ("/v1/predict", '{"features": {}, "unit_id": null, "unit_id": "u"}', "unit_id"),
    (
        "/v1/predict/batch",
        '{"rows": [{"features": {"a": 1}}, {"features": {"a": 1, "a": 2}}]}',
        "rows[1].features.a",
    ),
    ("/v1/predict/batch", '{"rows": [{"features": {}}], "rows": [{"features": {}}]}', "rows"),
    (
        "/v1/predict/batch",
        '{"rows": [' + '{"features": {"a": 1}},' * 400 + '{"features": {"a": 1, "a": 2}}]}',
        "rows[400].features.a",
    ),
    (
        "/v1/predict/batch",
        '{"rows": [' + ",".join(['{"features": {"a": "x:y", "a": "z"}}'] * 400) + "]}",
        "rows[0].features.a",
    ),
    ("/v1/feedback", '{"prediction_id": "p", "actual": 70, "actual": 71}', "actual"),
    (
        "/v1/feedback",
        '{"prediction_id": "p", "actual": 1, "observed_at": "2026-03-01T12:00:00Z", "actual": 2}',
        "actual",
    ),
    (
        "/v1/samples",
        '{"rows": [{"features": {"a": 1}, "target": 1, "target": 2}]}',
        "rows[0].target",
    ),
    (
        "/v1/samples",
        '{"rows": [{"features": {"a": 1, "b": 1, "a": 9}, "target": 1, "at": "2026-03-01"}]}',
        "rows[0].features.a",
    ),
]


@pytest.mark.parametrize(("path", "content", "field"), TWICE)
def test_a_name_that_comes_twice_is_refused_by_it(
    db: Database, now: Callable[[], datetime], path: str, content: str, field: str
) -> None:
    reply = post(make_api(db, now), path, content.encode())
    assert reply.status == 422, reply.content[:300]
    assert "comes twice in one object" in reply.message
    assert json.loads(reply.content)["error"]["field"] == field


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/v1/predict", '{"features": {"a:b": "c:d", "a": 1}, "text": "x: y", "unit_id": "r:7"}'),
        ("/v1/predict", r'{"features": {"a\u003ab": "\\u003a"}, "at": "2026-03-01T12:00:00Z"}'),
        ("/v1/predict", '{"features": {"a": null}, "unit_id": null, "text": null}'),
        (
            "/v1/predict/batch",
            '{"rows": ['
            + ",".join(['{"features": {"a:": "b:c", "d": 1}, "unit_id": "r:7"}'] * 400)
            + "]}",
        ),
        ("/v1/samples", '{"rows": [{"features": {"a": 1}, "target": 1, "text": "a: b"}]}'),
    ],
)
def test_the_same_name_in_two_objects_and_colons_in_texts_are_right(
    db: Database, now: Callable[[], datetime], path: str, content: str
) -> None:
    scored = content.replace('"features": {', '"features": {"codeQuality": 80, ')
    assert post(make_api(db, now), path, scored.encode()).status == 200
