"""The callers of a replay: they ask for predictions in the order of time, and know late."""

from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from core.bootstrap import App, load_current_settings
from core.domain.prediction import Label
from core.serving.answer import Ask, build_id
from core.serving.service import PredictionService, ServiceOptions
from core.store.engine.types import from_micros
from core.stream.timeline import StreamTimeline

_PIECE = 2_000
_CALLER = "stream"


class StreamTraffic:
    """Sends the rows of a timeline to the real service, each at its own time, and its label when
    the delay has passed."""

    def __init__(self, app: App, timeline: StreamTimeline, delay: timedelta, seed: int = 0) -> None:
        self._timeline = timeline
        self._delay = delay
        self._random = Random(seed)  # makes ids differ, so that a replay is the same every time
        self._waiting: deque[tuple[datetime, str, float]] = deque()
        self.service = PredictionService(
            app.db,
            app.registry,
            ServiceOptions(lambda: load_current_settings(app).baking),
            scale=app.settings.scale,
            now=app.now,
            random=self._random.randbytes,
        )

    def close(self) -> None:
        """Write what waits to be written."""
        self.service.stop()

    def serve(self, start: int, end: int) -> None:
        """Answer and log some rows."""
        for first in range(start, end, _PIECE):
            self._serve_piece(first, min(first + _PIECE, end))

    def deliver(self, now: datetime) -> int:
        """Send the labels that are known by now; how many."""
        receipts = []
        while self._waiting and self._waiting[0][0] <= now:
            due_at, prediction_id, actual = self._waiting.popleft()
            label = Label(prediction_id, actual, due_at, _CALLER, due_at)
            receipts.append(self.service.add_label(label, observed_at_given=True))
            if len(receipts) % _PIECE == 0:
                receipts[-1].result()
        if receipts:
            receipts[-1].result()
        return len(receipts)

    def _serve_piece(self, start: int, end: int) -> None:
        times = [from_micros(int(at)) for at in self._timeline.at_micros[start:end]]
        asks = [
            Ask(features, text, event_at=at)
            for (features, text), at in zip(self._timeline.rows(start, end), times, strict=True)
        ]
        answers = [
            replace(answer, at=at, id=build_id(at, self._random.randbytes(10)))
            for answer, at in zip(
                self.service.predictor.answer(asks, times[-1], self.service.timer()),
                times,
                strict=True,
            )
        ]
        for receipt in self.service.log(answers):
            receipt.result()
        self._waiting.extend(
            (at + self._delay, answer.id, float(target))
            for answer, at, target in zip(
                answers, times, self._timeline.target[start:end], strict=True
            )
            if target == target
        )
