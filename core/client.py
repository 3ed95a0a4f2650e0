"""A client for callers of the prediction API, who never fail because it does. It uses nothing else
of Plumbline: copy this file into another project, with httpx and stamina."""

import json
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

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
_KEEP = _AWAY | {401, 403, 404}  # somebody will mend these; a label is not lost for them
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
    """What became of a label: `stored`, `spooled` (kept in the file and sent later), `refused`
    (it is wrong, see `message`) or `lost` (no service and no spool)."""

    outcome: str
    message: str = ""


class _Away(Exception):
    """The service did not answer, or said that it cannot."""


class PlumblineClient:
    """Predictions and feedback over one pooled connection; may be shared by threads.

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
        self._timeout_seconds = timeout_seconds
        self._fallback = weigh_metrics if fallback is None else fallback
        self._spool = None if spool is None else _Spool(spool)
        self._now = now
        self._http = httpx.Client(
            base_url=url,
            headers={"authorization": f"Bearer {key}"} if key else {},
            transport=transport,
        )

    def predict(
        self,
        features: Features,
        *,
        unit_id: str | None = None,
        text: str | None = None,
        at: datetime | None = None,
    ) -> Answer:
        """The score of one row."""
        [answer] = self._ask(
            "/v1/predict", lambda: _build_row(features, unit_id, text, at), [features]
        )
        return answer

    def predict_batch(self, rows: Sequence[Features]) -> list[Answer]:
        """The scores of up to 10,000 rows, in their order."""
        if not rows:
            return []
        return self._ask(
            "/v1/predict/batch", lambda: {"rows": [_build_row(row) for row in rows]}, rows
        )

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
        its user was, 0..1."""
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
        if self._spool is not None and self._spool.count() > 0:  # in order, for corrections' sake
            kept = self._keep(content, "Earlier labels wait to be sent.")
            return FeedbackReceipt("stored") if self.flush() == 0 else kept
        receipt = self._send_label(content)
        return self._keep(content, receipt.message) if receipt.outcome == "spooled" else receipt

    def flush(self) -> int:
        """Send what is spooled, oldest first, until one cannot be sent or the time of a call is
        over; how many are left."""
        if self._spool is None:
            return 0
        ends_at = time.monotonic() + self._timeout_seconds
        for number, content in self._spool.load():
            if time.monotonic() > ends_at or self._send_label(content).outcome == "spooled":
                break
            self._spool.remove(number)
        return self._spool.count()

    def close(self) -> None:
        """Send what is spooled where that is possible, and let the connection go."""
        self.flush()
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(
        self, path: str, build: Callable[[], Mapping[str, Any]], rows: Sequence[Features]
    ) -> list[Answer]:
        try:
            response = self._post(path, json.dumps(build(), allow_nan=False))
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

    def _send_label(self, content: str) -> FeedbackReceipt:
        try:
            response = self._post("/v1/feedback", content)
        except _Away as error:
            return FeedbackReceipt("spooled", str(error))
        if response.is_success:
            return FeedbackReceipt("stored")
        try:
            message = _read_message(response.json(), response.status_code)
        except ValueError:
            message = f"The service answered {response.status_code}."
        outcome = "spooled" if response.status_code in _KEEP else "refused"
        return FeedbackReceipt(outcome, message)

    def _keep(self, content: str, message: str) -> FeedbackReceipt:
        if self._spool is None:
            return FeedbackReceipt("lost", message)
        if self._spool.append(content):
            return FeedbackReceipt("spooled", message)
        return FeedbackReceipt("lost", f"{message} The spool cannot be written.")

    def _post(self, path: str, content: str) -> httpx.Response:
        """One answer within the time there is; raises `_Away` where there was none."""
        ends_at = time.monotonic() + self._timeout_seconds
        try:
            for attempt in stamina.retry_context(
                on=_Away,
                attempts=_ATTEMPTS,
                timeout=self._timeout_seconds,
                wait_initial=0.05,
                wait_max=0.5,
                wait_jitter=0.05,
            ):
                with attempt:
                    return self._post_once(path, content, ends_at - time.monotonic())
        except httpx.InvalidURL as error:
            raise _Away(f"The service's address is wrong: {error}.") from error
        raise _Away("The service was not asked.")

    def _post_once(self, path: str, content: str, seconds: float) -> httpx.Response:
        try:
            response = self._http.post(
                path,
                content=content,
                headers={"content-type": "application/json"},
                timeout=max(seconds, 0.01),
            )
        except httpx.HTTPError as error:
            raise _Away(f"The service does not answer ({type(error).__name__}).") from error
        if response.status_code in _AWAY and "prediction_id" not in response.text:
            raise _Away(f"The service answered {response.status_code}.")
        return response


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
