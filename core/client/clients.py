"""The two clients: the same calls over HTTP, for threads and for asyncio."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx
import stamina

from .calls import (
    AWAY,
    Answer,
    Away,
    Calls,
    Features,
    FeedbackReceipt,
    Judgement,
    Post,
    Ranking,
    Result,
    Steps,
    weigh_metrics,
)

_ATTEMPTS = 3


class PlumblineClient:
    """Predictions and feedback over pooled connections; threads may share one client.

    No call takes much longer than `timeout_seconds`, retries included, and none raises an error of
    the service or of the network. `fallback` scores features if the service does not answer; by
    default it is the weighted mean of the base metrics (0..100). Feedback that cannot be sent is
    stored in the file `spool` and sent, in order, with the next feedback that can be sent."""

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
        self._calls = Calls(timeout_seconds, fallback or weigh_metrics, spool, now)
        self._http = httpx.Client(base_url=url, headers=_authorize(key), transport=transport)

    def predict(
        self,
        features: Features,
        *,
        unit_id: str | None = None,
        text: str | None = None,
        at: datetime | None = None,
    ) -> Answer:
        """Return the answer to one row."""
        return self._run(self._calls.predict(features, unit_id, text, at))

    def predict_batch(self, rows: Sequence[Features]) -> list[Answer]:
        """Return the answers to up to 10,000 rows, in their order."""
        return self._run(self._calls.predict_batch(rows))

    def rank(
        self,
        candidates: Mapping[str, Features],
        *,
        texts: Mapping[str, str] | None = None,
        group_id: str | None = None,
        unit_id: str | None = None,
        policy: str | None = None,
    ) -> Ranking:
        """Return the pick among 2 to 100 candidates, given by their names. The same `group_id`
        again gets the same answer."""
        return self._run(self._calls.rank(candidates, texts, group_id, unit_id, policy))

    def decide(
        self,
        features: Features,
        *,
        unit_id: str | None = None,
        text: str | None = None,
        attempt: int = 1,
        policy: str | None = None,
    ) -> Judgement:
        """Return the action for work of this attempt: accept it, or make it again."""
        return self._run(self._calls.decide(features, unit_id, text, attempt, policy))

    def feedback(
        self,
        prediction_id: str | None,
        actual: float,
        *,
        decision_id: str | None = None,
        observed_at: datetime | None = None,
        given_by: str | None = None,
        rating: float | None = None,
    ) -> FeedbackReceipt:
        """Send the outcome of a prediction, now or later, or with `decision_id` in its place that
        of a decision; `rating` is the satisfaction of its user, 0..1. Sending the same label again
        changes nothing."""
        of = {"prediction_id": prediction_id, "decision_id": decision_id}
        return self._run(self._calls.feedback(of, actual, observed_at, given_by, rating))

    def flush(self) -> int:
        """Send spooled labels, oldest first, until one cannot be sent or the time of a call is
        over; return the number left."""
        return self._run(self._calls.flush())

    def close(self) -> None:
        """Send the spooled labels if possible, and close the connections."""
        self.flush()
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, steps: Steps[Result]) -> Result:
        """Take the steps one after another and return their result."""
        try:
            step = next(steps)
            while True:
                try:
                    found = self._post(step) if isinstance(step, Post) else step()
                except Away as away:
                    step = steps.throw(away)
                else:
                    step = steps.send(found)
        except StopIteration as done:
            result: Result = done.value
            return result
        finally:
            steps.close()  # a cancelled call releases its lock

    def _post(self, post: Post) -> httpx.Response:
        """Return the response within the time left; raises `Away` without one."""
        with _explained():
            for attempt in stamina.retry_context(**_choose_retries(post)):
                with attempt, _explained():
                    return _check(self._http.send(_build_request(self._http, post)))
        raise Away("The service was not asked.")


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
        self._calls = Calls(timeout_seconds, fallback or weigh_metrics, spool, now)
        self._http = httpx.AsyncClient(base_url=url, headers=_authorize(key), transport=transport)

    async def predict(
        self,
        features: Features,
        *,
        unit_id: str | None = None,
        text: str | None = None,
        at: datetime | None = None,
    ) -> Answer:
        """Return the answer to one row."""
        return await self._run(self._calls.predict(features, unit_id, text, at))

    async def predict_batch(self, rows: Sequence[Features]) -> list[Answer]:
        """Return the answers to up to 10,000 rows, in their order."""
        return await self._run(self._calls.predict_batch(rows))

    async def rank(
        self,
        candidates: Mapping[str, Features],
        *,
        texts: Mapping[str, str] | None = None,
        group_id: str | None = None,
        unit_id: str | None = None,
        policy: str | None = None,
    ) -> Ranking:
        """Return the pick among candidates; see `PlumblineClient.rank`."""
        return await self._run(self._calls.rank(candidates, texts, group_id, unit_id, policy))

    async def decide(
        self,
        features: Features,
        *,
        unit_id: str | None = None,
        text: str | None = None,
        attempt: int = 1,
        policy: str | None = None,
    ) -> Judgement:
        """Return the action for work of this attempt: accept it, or make it again."""
        return await self._run(self._calls.decide(features, unit_id, text, attempt, policy))

    async def feedback(
        self,
        prediction_id: str | None,
        actual: float,
        *,
        decision_id: str | None = None,
        observed_at: datetime | None = None,
        given_by: str | None = None,
        rating: float | None = None,
    ) -> FeedbackReceipt:
        """Send the outcome of a prediction; see `PlumblineClient.feedback`."""
        of = {"prediction_id": prediction_id, "decision_id": decision_id}
        return await self._run(self._calls.feedback(of, actual, observed_at, given_by, rating))

    async def flush(self) -> int:
        """Send spooled labels; see `PlumblineClient.flush`."""
        return await self._run(self._calls.flush())

    async def close(self) -> None:
        """Send the spooled labels if possible, and close the connections."""
        await self.flush()
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _run(self, steps: Steps[Result]) -> Result:
        """Take the steps one after another and return their result."""
        try:
            step = next(steps)
            while True:
                try:
                    found = await self._take(step)
                except Away as away:
                    step = steps.throw(away)
                else:
                    step = steps.send(found)
        except StopIteration as done:
            result: Result = done.value
            return result
        finally:
            steps.close()  # a cancelled call releases its lock

    async def _take(self, step: Post | Callable[[], Any]) -> Any:
        return await (self._post(step) if isinstance(step, Post) else asyncio.to_thread(step))

    async def _post(self, post: Post) -> httpx.Response:
        with _explained():
            async for attempt in stamina.retry_context(**_choose_retries(post)):
                with attempt, _explained():
                    return _check(await self._http.send(_build_request(self._http, post)))
        raise Away("The service was not asked.")


def _authorize(key: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}


def _build_request(http: httpx.Client | httpx.AsyncClient, post: Post) -> httpx.Request:
    return http.build_request(
        "POST",
        post.path,
        content=post.content,
        headers={"content-type": "application/json"},
        timeout=max(post.ends_at - time.monotonic(), 0.01),
    )


def _choose_retries(post: Post) -> dict[str, Any]:
    return {
        "on": Away,
        "attempts": _ATTEMPTS,
        "timeout": max(post.ends_at - time.monotonic(), 0.01),
        "wait_initial": 0.05,
        "wait_max": 0.5,
        "wait_jitter": 0.05,
    }


@contextmanager
def _explained() -> Iterator[None]:
    """Turn an error of httpx into `Away` with a sentence."""
    try:
        yield
    except httpx.InvalidURL as error:
        raise Away(f"The service's address is wrong: {error}.") from error
    except httpx.HTTPError as error:
        raise Away(f"The service does not answer ({type(error).__name__}).") from error


def _check(response: httpx.Response) -> httpx.Response:
    """Return the response; raise `Away` if it says that the service cannot answer and has logged
    nothing."""
    if response.status_code in AWAY and "prediction_id" not in response.text:
        raise Away(f"The service answered {response.status_code}.")
    return response
