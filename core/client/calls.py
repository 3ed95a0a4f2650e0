"""The steps of each call to the API, without sending it: the content, the answer and the spool."""

import json
import math
import threading
import time
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx

from .spool import Spool

Features = Mapping[str, Any]

WEIGHTS = {
    "codeQuality": 0.25,
    "testCoverage": 0.20,
    "security": 0.20,
    "performance": 0.15,
    "maintainability": 0.15,
    "complexity": 0.05,
}
"""The weight of each base metric, 0..100, in the fallback score; the service has the same."""

_SNAKE_CASE = {"codeQuality": "code_quality", "testCoverage": "test_coverage"}
AWAY = frozenset({408, 425, 429, 500, 502, 503, 504})
_MENDED = frozenset({401, 403, 404})  # somebody may correct the address or the key


@dataclass(frozen=True, slots=True)
class Answer:
    """A score and its source: `model`, `heuristic`, or `client_fallback` if the service gave none;
    then `prediction_id` is None, unless the service logged that it had no score. `score` is None
    if the fallback has none either."""

    score: float | None
    source: str
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    prediction_id: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """The name of the picked candidate, the probability that it had, and the answer for each
    candidate. `source` is `service`, or `client_fallback` if the service did not pick; then there
    is no `decision_id`."""

    picked: str
    source: str
    candidates: Mapping[str, Answer]
    decision_id: str | None = None
    probability: float = 1.0
    explored: bool = False
    policy: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The action for work, `accept` or `redo`, with its score; the work is accepted, without a
    `decision_id`, if the service did not decide."""

    action: str
    answer: Answer
    decision_id: str | None = None
    p_bad: float | None = None
    threshold: float | None = None
    probability: float = 1.0
    explored: bool = False
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class FeedbackReceipt:
    """The outcome of sending a label: `stored`, `spooled` (kept in the file and sent later),
    `refused` (it is wrong) or `lost` (no service and no spool); `message` says why."""

    outcome: str
    message: str = ""


class Away(Exception):
    """The service did not answer, or said that it cannot."""


@dataclass(frozen=True, slots=True)
class Post:
    """A body to send, and when to give up, `ends_at` on the monotonic clock."""

    path: str
    content: str
    ends_at: float


Result = TypeVar("Result")
Steps = Generator[Post | Callable[[], Any], Any, Result]
"""The steps of a call as a generator. It yields a `Post`, and gets the response or `Away`, or a
function that reads or writes the spool, and gets its result. Both clients run the same steps."""


class Calls:
    """The calls that both clients make, as steps."""

    def __init__(
        self,
        timeout_seconds: float,
        fallback: Callable[[Features], float | None],
        spool: Path | None,
        now: Callable[[], datetime],
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._fallback = fallback
        self._spool = None if spool is None else Spool(spool)
        self._flushing = threading.Lock()  # two at once could send an old label after a newer one
        self._now = now

    def predict(
        self, features: Features, unit_id: str | None, text: str | None, at: datetime | None
    ) -> Steps[Answer]:
        [answer] = yield from self._ask(
            "/v1/predict", lambda: _build_row(features, unit_id, text, at), [features]
        )
        return answer

    def predict_batch(self, rows: Sequence[Features]) -> Steps[list[Answer]]:
        if not rows:
            return []
        return (
            yield from self._ask(
                "/v1/predict/batch", lambda: {"rows": [_build_row(row) for row in rows]}, rows
            )
        )

    def rank(
        self,
        candidates: Mapping[str, Features],
        texts: Mapping[str, str] | None,
        group_id: str | None,
        unit_id: str | None,
        policy: str | None,
    ) -> Steps[Ranking]:
        if not candidates:
            raise ValueError("There is no candidate to pick.")
        # a request that is sent again, because its answer did not come, is decided once
        body = {"group_id": group_id or uuid.uuid4().hex, "unit_id": unit_id, "policy": policy}
        found, reason, _ = yield from self._fetch(
            "/v1/rank",
            lambda: (
                body
                | {
                    "candidates": [
                        {"id": name, **_build_row(features, text=(texts or {}).get(name))}
                        for name, features in candidates.items()
                    ]
                }
            ),
            _read_ranking,
        )
        if found is not None:
            return found
        answers = {
            name: Answer(self._fallback(features), "client_fallback", reason=reason)
            for name, features in candidates.items()
        }
        return Ranking(max(answers, key=_order(answers)), "client_fallback", answers, reason=reason)

    def decide(
        self,
        features: Features,
        unit_id: str | None,
        text: str | None,
        attempt: int,
        policy: str | None,
    ) -> Steps[Judgement]:
        found, reason, _ = yield from self._fetch(
            "/v1/decide",
            lambda: _build_row(features, unit_id, text) | {"attempt": attempt, "policy": policy},
            _read_judgement,
        )
        if found is not None:
            return found
        answer = Answer(self._fallback(features), "client_fallback", reason=reason)
        return Judgement("accept", answer)

    def feedback(
        self,
        of: Mapping[str, str | None],
        actual: float,
        observed_at: datetime | None,
        given_by: str | None,
        rating: float | None,
    ) -> Steps[FeedbackReceipt]:
        named = {name: value for name, value in of.items() if value is not None}
        if not named:
            return FeedbackReceipt("refused", "An answer without an id was never logged.")
        body = {
            **named,
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

    def flush(self) -> Steps[int]:
        if self._spool is None:
            return 0
        if self._flushing.acquire(blocking=False):
            try:
                yield from self._send_spooled(self._spool, self._choose_end())
            finally:
                self._flushing.release()
        n_left: int = yield self._spool.count
        return n_left

    def _send_spooled(self, spool: Spool, ends_at: float) -> Steps[None]:
        for number, content in (yield spool.load):
            if time.monotonic() > ends_at:
                break
            receipt = yield from self._send_label(content, ends_at)
            if receipt.outcome == "spooled":
                break
            yield partial(spool.remove, number)

    def _ask(
        self, path: str, build: Callable[[], Mapping[str, Any]], rows: Sequence[Features]
    ) -> Steps[list[Answer]]:
        found, reason, prediction_id = yield from self._fetch(path, build, _read_answers)
        return found or [
            Answer(
                self._fallback(row),
                "client_fallback",
                reason=reason,
                prediction_id=prediction_id,
            )
            for row in rows
        ]

    def _fetch(
        self,
        path: str,
        build: Callable[[], Mapping[str, Any]],
        read: Callable[[Mapping[str, Any]], Result],
    ) -> Steps[tuple[Result | None, str, str | None]]:
        """Return what is read of an answer; without one None, why, and the id of the prediction if
        the service logged that it had no score."""
        try:
            content = json.dumps(build(), allow_nan=False)
            response = yield Post(path, content, self._choose_end())
            if response.is_redirect:
                raise Away(_explain_redirect(response))
            content = response.json()
            if response.status_code == 200:
                return read(content), "", None
            message = _read_message(content, response.status_code)
            return None, message, content.get("prediction_id")
        except Away as error:
            return None, str(error), None
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return None, f"{type(error).__name__}: {error}", None

    def _send_label(self, content: str, ends_at: float) -> Steps[FeedbackReceipt]:
        try:
            response = yield Post("/v1/feedback", content, ends_at)
        except Away as error:
            return FeedbackReceipt("spooled", str(error))
        if response.is_success:
            return FeedbackReceipt("stored")
        if response.is_redirect:
            return FeedbackReceipt("spooled", _explain_redirect(response))
        try:
            message = _read_message(response.json(), response.status_code)
        except (AttributeError, TypeError, ValueError):
            message = f"The service answered {response.status_code}."
        refused = response.is_client_error and response.status_code not in AWAY | _MENDED
        return FeedbackReceipt("refused" if refused else "spooled", message)

    def _keep(self, content: str, message: str) -> Steps[FeedbackReceipt]:
        if self._spool is None:
            return FeedbackReceipt("lost", message)
        if (yield partial(self._spool.append, content)):
            return FeedbackReceipt("spooled", message)
        return FeedbackReceipt("lost", f"{message} The spool cannot be written.")

    def _choose_end(self) -> float:
        return time.monotonic() + self._timeout_seconds


def weigh_metrics(features: Features) -> float | None:
    """Return the mean of the base metrics among the features by `WEIGHTS`, with 100 - `complexity`;
    None without any. Values that are no number of 0..100 are left out.

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
    """Return a feature for JSON: numpy's numbers as floats, nan and infinity as None."""
    if value is None or isinstance(value, str):
        return value
    number = float(value)  # type: ignore[arg-type]  # `_ask` catches the error of a value that is no number
    return number if math.isfinite(number) else None


def _order(answers: Mapping[str, Answer]) -> Callable[[str], float]:
    """Return what sorts the names of answers by their scores, those without one first."""

    def find(name: str) -> float:
        score = answers[name].score
        return -math.inf if score is None else score

    return find


def _read_answers(content: Mapping[str, Any]) -> list[Answer]:
    return [_read_answer(answer) for answer in content.get("predictions", [content])]


def _read_ranking(content: Mapping[str, Any]) -> Ranking:
    return Ranking(
        picked=content["picked"],
        source="service",
        candidates={one["id"]: _read_answer(one) for one in content["candidates"]},
        decision_id=content["decision_id"],
        probability=content["probability"],
        explored=content["explored"],
        policy=content["policy"],
        reason=content.get("reason"),
    )


def _read_judgement(content: Mapping[str, Any]) -> Judgement:
    return Judgement(
        action=content["action"],
        answer=_read_answer(content),
        decision_id=content["decision_id"],
        p_bad=content["p_bad"],
        threshold=content["threshold"],
        probability=content["probability"],
        explored=content["explored"],
        policy=content["policy"],
    )


def _read_answer(answer: Mapping[str, Any]) -> Answer:
    return Answer(
        score=answer["score"],
        source=answer["source"],
        low=answer["low"],
        high=answer["high"],
        reason=answer.get("reason"),
        prediction_id=answer["prediction_id"],
        version=answer.get("version"),
    )


def _read_message(content: Mapping[str, Any], status: int) -> str:
    error = content.get("error", {})
    field = f"{error['field']}: " if error.get("field") else ""
    return f"{field}{error.get('message', f'The service answered {status}.')}"
