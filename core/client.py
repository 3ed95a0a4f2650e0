"""Clients, for threads and for asyncio, for callers of the prediction API, who never fail because
it does. They use nothing else of Plumbline: copy this file into another project, with httpx and
stamina."""

import asyncio
import json
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import stamina

Features = Mapping[str, Any]

WEIGHTS = {
    "codeQuality": 0.25,
    "testCoverage": 0.20,
    "security": 0.20,
    "performance": 0.15,
    "maintainability": 0.15,
    "complexity": 0.05,
}
"""What each base metric, 0..100, counts where the service is away; as in the service itself."""

_SNAKE_CASE = {"codeQuality": "code_quality", "testCoverage": "test_coverage"}
_ATTEMPTS = 3
_AWAY = frozenset({408, 425, 429, 500, 502, 503, 504})
_MENDED = frozenset({401, 403, 404})  # of the address or key, by somebody, later
_MAX_SENT_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """A score with who gave it: `model`, `heuristic`, or `client_fallback` where the service could
    not be asked; then there is no `prediction_id`, unless the service logged that it had no score.
    `score` is None where nobody could tell."""

    score: float | None
    source: str
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    prediction_id: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class FeedbackReceipt:
    """The outcome of sending a label: `stored`, `spooled` (kept in the file and sent later),
    `refused` (it is wrong) or `lost` (no service and no spool); `message` says why."""

    outcome: str
    message: str = ""


class _Away(Exception):
    """The service did not answer, or said that it cannot."""


@dataclass(frozen=True, slots=True)
class _Post:
    """A body to send, answered or given up until `ends_at` on the monotonic clock."""

    path: str
    content: str
    ends_at: float


Result = TypeVar("Result")
_Steps = Generator[_Post | Callable[[], Any], Any, Result]
"""What a call does, without doing it: it yields a post, whose response it gets or `_Away`, or a
function that reads or writes the spool. So both clients follow the same rules."""


class PlumblineClient:
    """Predictions and feedback over pooled connections; may be shared by threads.

    No call takes much longer than `timeout_seconds`, retries included, and none raises for what
    the service or the network does. `fallback` scores features where the service is away, the
    weighted mean of the base metrics (0..100) unless given. Feedback that cannot be sent is kept
    in the file `spool` and sent, in its order, with the next feedback that can."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_seconds: float = 2.0,
        fallback: "Callable[[Features], float | None] | None" = None,
        spool: Path | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._rules = _Rules(timeout_seconds, fallback or weigh_metrics, spool, now)
        self._http = httpx.Client(base_url=url, headers=_authorize(key), transport=transport)

    def predict(
        self,
        features: Features,
        *,
        unit_id: str | None = None,
        text: str | None = None,
        at: datetime | None = None,
    ) -> Answer:
        """The score of one row."""
        return self._run(self._rules.predict(features, unit_id, text, at))

    def predict_batch(self, rows: Sequence[Features]) -> list[Answer]:
        """The scores of up to 10,000 rows, in their order."""
        return self._run(self._rules.predict_batch(rows))

    def feedback(
        self,
        prediction_id: str | None,
        actual: float,
        *,
        observed_at: datetime | None = None,
        given_by: str | None = None,
        rating: float | None = None,
    ) -> FeedbackReceipt:
        """Say what turned out to be true of a prediction, now or later; `rating` is how content
        its user was, 0..1. The same again changes nothing."""
        return self._run(self._rules.feedback(prediction_id, actual, observed_at, given_by, rating))

    def flush(self) -> int:
        """Send what is spooled, oldest first, until one cannot be sent or the time of a call is
        over; how many are left."""
        return self._run(self._rules.flush())

    def close(self) -> None:
        """Send the spooled labels if possible, and close the connections."""
        self.flush()
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, steps: "_Steps[Result]") -> Result:
        """Take the steps one after another, and give what they come to."""
        try:
            step = next(steps)
            while True:
                try:
                    found = self._post(step) if isinstance(step, _Post) else step()
                except _Away as away:
                    step = steps.throw(away)
                else:
                    step = steps.send(found)
        except StopIteration as done:
            result: Result = done.value
            return result
        finally:
            steps.close()  # a call that is broken off holds nothing

    def _post(self, post: "_Post") -> httpx.Response:
        """One answer within the time there is; raises `_Away` where there was none."""
        with _explained():
            for attempt in stamina.retry_context(**_choose_retries(post)):
                with attempt, _explained():
                    return _check(self._http.send(_build_request(self._http, post)))
        raise _Away("The service was not asked.")


class AsyncPlumblineClient:
    """`PlumblineClient` for asyncio: the same methods, awaited, with the same answers. Its spool is
    read and written in a thread, so that the event loop waits for no disk."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_seconds: float = 2.0,
        fallback: "Callable[[Features], float | None] | None" = None,
        spool: Path | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._rules = _Rules(timeout_seconds, fallback or weigh_metrics, spool, now)
        self._http = httpx.AsyncClient(base_url=url, headers=_authorize(key), transport=transport)

    async def predict(
        self,
        features: Features,
        *,
        unit_id: str | None = None,
        text: str | None = None,
        at: datetime | None = None,
    ) -> Answer:
        """The score of one row."""
        return await self._run(self._rules.predict(features, unit_id, text, at))

    async def predict_batch(self, rows: Sequence[Features]) -> list[Answer]:
        """The scores of up to 10,000 rows, in their order."""
        return await self._run(self._rules.predict_batch(rows))

    async def feedback(
        self,
        prediction_id: str | None,
        actual: float,
        *,
        observed_at: datetime | None = None,
        given_by: str | None = None,
        rating: float | None = None,
    ) -> FeedbackReceipt:
        """Say what turned out to be true of a prediction; see `PlumblineClient.feedback`."""
        return await self._run(
            self._rules.feedback(prediction_id, actual, observed_at, given_by, rating)
        )

    async def flush(self) -> int:
        """Send what is spooled; see `PlumblineClient.flush`."""
        return await self._run(self._rules.flush())

    async def close(self) -> None:
        """Send the spooled labels if possible, and close the connections."""
        await self.flush()
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _run(self, steps: "_Steps[Result]") -> Result:
        """Take the steps one after another, and give what they come to."""
        try:
            step = next(steps)
            while True:
                try:
                    found = await self._take(step)
                except _Away as away:
                    step = steps.throw(away)
                else:
                    step = steps.send(found)
        except StopIteration as done:
            result: Result = done.value
            return result
        finally:
            steps.close()  # a call that is broken off holds nothing

    async def _take(self, step: "_Post | Callable[[], Any]") -> Any:
        return await (self._post(step) if isinstance(step, _Post) else asyncio.to_thread(step))

    async def _post(self, post: "_Post") -> httpx.Response:
        with _explained():
            async for attempt in stamina.retry_context(**_choose_retries(post)):
                with attempt, _explained():
                    return _check(await self._http.send(_build_request(self._http, post)))
        raise _Away("The service was not asked.")


class _Rules:
    """The steps that both clients share."""

    def __init__(
        self,
        timeout_seconds: float,
        fallback: "Callable[[Features], float | None]",
        spool: Path | None,
        now: Callable[[], datetime],
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._fallback = fallback
        self._spool = None if spool is None else _Spool(spool)
        self._flushing = threading.Lock()  # two at once could send an old label after a newer one
        self._now = now

    def predict(
        self, features: Features, unit_id: str | None, text: str | None, at: datetime | None
    ) -> _Steps[Answer]:
        [answer] = yield from self._ask(
            "/v1/predict", lambda: _build_row(features, unit_id, text, at), [features]
        )
        return answer

    def predict_batch(self, rows: Sequence[Features]) -> _Steps[list[Answer]]:
        if not rows:
            return []
        return (
            yield from self._ask(
                "/v1/predict/batch", lambda: {"rows": [_build_row(row) for row in rows]}, rows
            )
        )

    def feedback(
        self,
        prediction_id: str | None,
        actual: float,
        observed_at: datetime | None,
        given_by: str | None,
        rating: float | None,
    ) -> _Steps[FeedbackReceipt]:
        if prediction_id is None:
            return FeedbackReceipt("refused", "An answer without an id was never logged.")
        body = {
            "prediction_id": prediction_id,
            "actual": actual,
            "observed_at": (observed_at or self._now()).isoformat(),
            "given_by": given_by,
        }
        if rating is not None:
            body["rating"] = rating
        try:
            content = json.dumps(body, allow_nan=False)
        except (TypeError, ValueError) as error:
            return FeedbackReceipt("refused", str(error))
        if self._spool is not None and (yield self._spool.count) > 0:
            # in order, for corrections' sake
            kept = yield from self._keep(content, "Earlier labels wait to be sent.")
            return FeedbackReceipt("stored") if (yield from self.flush()) == 0 else kept
        receipt = yield from self._send_label(content, self._choose_end())
        if receipt.outcome == "spooled":
            return (yield from self._keep(content, receipt.message))
        return receipt

    def flush(self) -> _Steps[int]:
        if self._spool is None:
            return 0
        if self._flushing.acquire(blocking=False):
            try:
                yield from self._send_spooled(self._spool, self._choose_end())
            finally:
                self._flushing.release()
        n_left: int = yield self._spool.count
        return n_left

    def _send_spooled(self, spool: "_Spool", ends_at: float) -> _Steps[None]:
        for number, content in (yield spool.load):
            if time.monotonic() > ends_at:
                break
            receipt = yield from self._send_label(content, ends_at)
            if receipt.outcome == "spooled":
                break
            yield partial(spool.remove, number)

    def _ask(
        self, path: str, build: Callable[[], Mapping[str, Any]], rows: Sequence[Features]
    ) -> _Steps[list[Answer]]:
        try:
            content = json.dumps(build(), allow_nan=False)
            response = yield _Post(path, content, self._choose_end())
            if response.is_redirect:
                raise _Away(_explain_redirect(response))
            content = response.json()
            if response.status_code == 200:
                return [_read_answer(answer) for answer in content.get("predictions", [content])]
            reason, known = _read_message(content, response.status_code), content.get
        except _Away as error:
            reason, known = str(error), {}.get
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason, known = f"{type(error).__name__}: {error}", {}.get
        return [
            Answer(
                self._fallback(row),
                "client_fallback",
                reason=reason,
                prediction_id=known("prediction_id"),
            )
            for row in rows
        ]

    def _send_label(self, content: str, ends_at: float) -> _Steps[FeedbackReceipt]:
        try:
            response = yield _Post("/v1/feedback", content, ends_at)
        except _Away as error:
            return FeedbackReceipt("spooled", str(error))
        if response.is_success:
            return FeedbackReceipt("stored")
        if response.is_redirect:
            return FeedbackReceipt("spooled", _explain_redirect(response))
        try:
            message = _read_message(response.json(), response.status_code)
        except (AttributeError, TypeError, ValueError):
            message = f"The service answered {response.status_code}."
        refused = response.is_client_error and response.status_code not in _AWAY | _MENDED
        return FeedbackReceipt("refused" if refused else "spooled", message)

    def _keep(self, content: str, message: str) -> _Steps[FeedbackReceipt]:
        if self._spool is None:
            return FeedbackReceipt("lost", message)
        if (yield partial(self._spool.append, content)):
            return FeedbackReceipt("spooled", message)
        return FeedbackReceipt("lost", f"{message} The spool cannot be written.")

    def _choose_end(self) -> float:
        return time.monotonic() + self._timeout_seconds


class _Spool:
    """A queue of labels in an SQLite file, which processes may share and a crash does not tear.
    Where the file cannot be used it is as if it were empty, and appending says so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def append(self, content: str) -> bool:
        created = self._execute(
            "CREATE TABLE IF NOT EXISTS labels "
            "(number INTEGER PRIMARY KEY AUTOINCREMENT, content TEXT NOT NULL)"
        )
        added = self._execute("INSERT INTO labels (content) VALUES (?)", content)
        return created is not None and added is not None

    def load(self) -> list[tuple[int, str]]:
        query = "SELECT number, content FROM labels ORDER BY number LIMIT ?"
        return self._read(query, _MAX_SENT_AT_ONCE)

    def remove(self, number: int) -> None:
        self._execute("DELETE FROM labels WHERE number = ?", number)

    def count(self) -> int:
        rows = self._read("SELECT count(*) FROM labels")
        return int(rows[0][0]) if rows else 0

    def _read(self, query: str, *values: object) -> list[Any]:
        return self._execute(query, *values) or [] if self._path.exists() else []

    def _execute(self, statement: str, *values: object) -> list[Any] | None:
        try:
            with (
                self._lock,
                closing(sqlite3.connect(self._path, timeout=1.0)) as conn,
                conn,
            ):
                return conn.execute(statement, values).fetchall()
        except sqlite3.Error:
            return None


def weigh_metrics(features: Features) -> float | None:
    """The mean of the base metrics among the features by `WEIGHTS`, of `complexity` its distance
    from 100; None without any. What is no number of 0..100 is left out.

    >>> weigh_metrics({"codeQuality": 80.0, "test_coverage": 60.0, "complexity": 100})
    64.0
    >>> weigh_metrics({"wind": 3.0}) is None
    True
    """
    weighted = total = 0.0
    for name, weight in WEIGHTS.items():
        value = features.get(name, features.get(_SNAKE_CASE.get(name, name)))
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
            continue
        total += weight
        weighted += weight * (100 - value if name == "complexity" else value)
    return weighted / total if total else None


def _authorize(key: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}


def _build_request(http: httpx.Client | httpx.AsyncClient, post: _Post) -> httpx.Request:
    return http.build_request(
        "POST",
        post.path,
        content=post.content,
        headers={"content-type": "application/json"},
        timeout=max(post.ends_at - time.monotonic(), 0.01),
    )


def _choose_retries(post: _Post) -> dict[str, Any]:
    return {
        "on": _Away,
        "attempts": _ATTEMPTS,
        "timeout": max(post.ends_at - time.monotonic(), 0.01),
        "wait_initial": 0.05,
        "wait_max": 0.5,
        "wait_jitter": 0.05,
    }


@contextmanager
def _explained() -> Iterator[None]:
    """Turn an error of httpx into `_Away` with a sentence."""
    try:
        yield
    except httpx.InvalidURL as error:
        raise _Away(f"The service's address is wrong: {error}.") from error
    except httpx.HTTPError as error:
        raise _Away(f"The service does not answer ({type(error).__name__}).") from error


def _check(response: httpx.Response) -> httpx.Response:
    """Return the response; raise `_Away` if it says that the service cannot answer and has logged
    nothing."""
    if response.status_code in _AWAY and "prediction_id" not in response.text:
        raise _Away(f"The service answered {response.status_code}.")
    return response


def _explain_redirect(response: httpx.Response) -> str:
    """Return a sentence on a redirect, which is not followed: the key would go along."""
    place = response.headers.get("location", "an address that it does not name")
    return (
        f"The service sends callers on to {place.partition('?')[0]} ({response.status_code}), "
        "which is not followed: make the client with that address."
    )


def _build_row(
    features: Features,
    unit_id: str | None = None,
    text: str | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    row: dict[str, Any] = {"features": {name: _clean(value) for name, value in features.items()}}
    if unit_id is not None:
        row["unit_id"] = unit_id
    if text is not None:
        row["text"] = text
    if at is not None:
        row["at"] = at.isoformat()
    return row


def _clean(value: object) -> float | str | None:
    """A feature as JSON has it: numpy's numbers as numbers, nan and infinity as missing."""
    if value is None or isinstance(value, str):
        return value
    number = float(value)  # type: ignore[arg-type]  # what is no number raises, and is caught
    return number if math.isfinite(number) else None


def _read_answer(answer: Mapping[str, Any]) -> Answer:
    return Answer(
        score=answer["score"],
        source=answer["source"],
        low=answer["low"],
        high=answer["high"],
        reason=answer.get("reason"),
        prediction_id=answer["prediction_id"],
        version=answer["version"],
    )


def _read_message(content: Mapping[str, Any], status: int) -> str:
    error = content.get("error", {})
    field = f"{error['field']}: " if error.get("field") else ""
    return f"{field}{error.get('message', f'The service answered {status}.')}"
