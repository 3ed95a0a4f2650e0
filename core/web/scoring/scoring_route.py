"""The steps that scoring routes share: the time of a request, its caller's turn and its body."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from starlette.types import Receive, Scope

from core.domain.installation import Scope as KeyScope
from core.serving.service import PredictionService
from core.serving.telemetry.metrics import ServiceMetrics
from core.web.admission import Admission
from core.web.http import read_body, read_headers
from core.web.scoring.micro_batching import LogWait
from core.web.sharing import Turn

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Serving:
    """The objects that the routes of one process share."""

    service: PredictionService
    admission: Admission
    metrics: ServiceMetrics
    log_wait: LogWait


class ScoringRoute(ABC, Generic[Answer]):
    """A route that scores a body. Subclasses are plain ASGI applications, since routing, request
    and response objects would double the cost of a request."""

    def __init__(self, serving: Serving, *, body_limit: int) -> None:
        """`body_limit` is in bytes."""
        self._serving = serving
        self._service = serving.service
        self._admission = serving.admission
        self._body_limit = body_limit

    async def answer(self, scope: Scope, receive: Receive) -> Answer:
        """Return the answer to a request. Raises the errors of admission and of reading the
        body."""
        headers = read_headers(scope)
        limit = self._body_limit
        turn = self._admission.admit_now(scope, headers, KeyScope.PREDICT, limit)
        if turn is None:
            _, turn = await self._admission.admit(scope, headers, KeyScope.PREDICT, limit)
        try:
            content = await read_body(headers, receive, limit)
            # the clock starts when the request is whole: a slow line is no latency of ours
            return await self._score(content, turn, self._service.now(), self._service.timer())
        finally:
            self._admission.leave(turn)

    @abstractmethod
    async def _score(self, content: bytes, turn: Turn, at: datetime, started: float) -> Answer:
        """Return the answer to a body that was whole at `at`, at `started` on the timer."""
