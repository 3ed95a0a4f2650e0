"""A month of a thousand requests a day: calm while all is well, one incident for each fault."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pytest

from core.alerts.incidents import detect
from core.domain.incident import Incident, IncidentStatus
from core.domain.prediction import AnswerSource, Label, Prediction
from core.monitoring.flow import watch
from core.settings import Thresholds
from core.store.engine.database import Database
from core.store.monitoring import incidents
from core.store.predictions.predictions import append_predictions
from tests.fakes import keep_labels, make_prediction
from tests.streams import DAY, HOUR, MINUTE, NOON, SCALE, TOLERANCE, deploy

pytestmark = pytest.mark.slow

START = NOON - 30 * DAY
LABEL_DELAY = timedelta(hours=3)


@dataclass
class World:
    """A stream that is well but for a fault between two moments, and the watching of it."""

    db: Database
    fault: str = ""
    fault_from: datetime = NOON
    fault_to: datetime = NOON
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(11))
    waiting: list[Label] = field(default_factory=list)
    n: int = 0

    def run(self, start: datetime, end: datetime, every: timedelta) -> None:
        """Let time pass; a check follows each step."""
        at = start
        while at < end:
            self._live(at, at + every)
            at += every
            report = watch(self.db, Thresholds(), scale=SCALE, tolerance=TOLERANCE, now=at)
            detect(self.db, report, at)

    def load(self) -> list[Incident]:
        with self.db.read() as conn:
            return incidents.load_incidents(conn, 100)

    def _live(self, start: datetime, end: datetime) -> None:
        rows, hour = [], start.hour + start.minute / 60
        rate = 1_000 * (1 + 0.8 * np.sin((hour - 8) / 24 * 2 * np.pi))  # quiet nights, busy days
        for share in np.sort(self.rng.random(self.rng.poisson(rate * ((end - start) / DAY)))):
            row = self._ask(start + (end - start) * float(share))
            if row is not None:
                rows.append(row)
        due = [label for label in self.waiting if label.received_at <= end]
        self.waiting = [label for label in self.waiting if label.received_at > end]
        with self.db.write() as conn:
            append_predictions(conn, rows)
            keep_labels(conn, due)

    def _ask(self, at: datetime) -> Prediction | None:
        fault = self.fault if self.fault_from <= at < self.fault_to else ""
        if fault == "no_traffic":
            return None
        self.n += 1
        draw, name = self.rng.random(), f"{self.n:08d}"
        failed, heuristic = (0.3 if fault == "error_rate" else 0.002), 0.01
        if fault == "fallback":
            heuristic = 0.99
        source = AnswerSource.MODEL
        if draw < failed:
            source = AnswerSource.FAILED
        elif draw < failed + heuristic:
            source = AnswerSource.HEURISTIC
        actual = float(self.rng.uniform(30, 90))
        spread = 8.0 if fault == "accuracy" else 3.0  # within 5: 47 % and 90 %
        score = float(np.clip(actual + spread * self.rng.standard_normal(), 0, 100))
        if fault == "collapsed":
            score = 61.0
        if self.rng.random() < 0.3 and source is not AnswerSource.FAILED:
            received_at = at + LABEL_DELAY
            self.waiting.append(Label(name, actual, received_at, "ada", received_at))
        slow = 40.0 if fault == "latency" else 1.0
        return make_prediction(
            name,
            at=at,
            source=source,
            score=None if source is AnswerSource.FAILED else score,
            features={"x": float(self.n)},
            latency_ms=slow * 15.0 * float(np.exp(0.5 * self.rng.standard_normal())),
        )


def test_a_healthy_month_has_no_incident(db: Database) -> None:
    deploy(db, 3, START)
    world = World(db)
    world.run(START, NOON, HOUR)
    assert world.n > 28_000
    assert world.load() == []


@pytest.mark.parametrize(
    ("fault", "others"),
    [
        ("error_rate", set()),
        ("fallback", set()),
        ("latency", set()),
        ("no_traffic", {"labels"}),  # when requests are back, their labels still take a while
        ("accuracy", set()),
        ("collapsed", {"accuracy"}),  # one number for everything is mostly wrong as well
    ],
)
def test_a_fault_opens_one_incident_that_ends_after_it(
    db: Database, fault: str, others: set[str]
) -> None:
    deploy(db, 3, START)
    world = World(db, fault, NOON - 2 * DAY, NOON - 2 * DAY + 12 * HOUR)
    world.run(NOON - 3.5 * DAY, NOON, 30 * MINUTE)
    found = {incident.cause: incident for incident in world.load()}
    assert set(found) - others == {fault}
    assert len(found) == len(world.load())
    for incident in found.values():
        assert incident.status is IncidentStatus.RESOLVED
        assert world.fault_from < incident.opened_at < world.fault_to + HOUR
        assert incident.resolved_at is not None
        assert incident.resolved_at > world.fault_to
