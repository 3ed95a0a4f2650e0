"""Quiet days with seasons do not page anybody; each planted fault is one incident, with the
right part of the traffic named, and ends by itself.

The rollups are written as the measuring would have written them, so that 100,000 requests a day
cost no more than 1,000; one request in many is in the log itself, with its features and its label,
for what looks at single requests: the collapse of scores, drift, segments, silent labels."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from core.alerts.incidents import detect
from core.alerts.rules import CONFIRM_AFTER
from core.domain.incident import EventKind, Incident, IncidentStatus
from core.domain.monitoring import DAY, HOUR, MINUTE, Outcomes, Rollup, RollupProgress, floor_time
from core.domain.prediction import AnswerSource, Label
from core.domain.training_report import Estimate, Metrics
from core.monitoring.drift.drift_job import measure_drift
from core.monitoring.drift.reference import History, build_reference
from core.monitoring.flow import watch
from core.monitoring.measure.rollups import (
    N_ACTUAL_BUCKETS,
    build_longer,
    describe_basis,
    merge_outcomes,
)
from core.monitoring.slices.slice_metrics import measure_segments
from core.settings import Thresholds
from core.stats.histogram import latency_bucket, score_bucket
from core.store.data import snapshots
from core.store.engine import schema
from core.store.engine.database import Database
from core.store.models import versions
from core.store.monitoring import drift, incidents
from core.store.predictions import rollups
from core.store.predictions.labels import append_labels
from core.store.predictions.predictions import append_predictions
from tests.fakes import make_prediction, make_report
from tests.streams import NOON, SCALE, TOLERANCE, deploy

pytestmark = pytest.mark.slow

ONE_DAY, ONE_HOUR = timedelta(days=1), timedelta(hours=1)
START = floor_time(NOON, DAY) - 120 * ONE_DAY
N_LOGGED = 10  # requests of an hour that are in the log itself
DELAY = timedelta(hours=3)
PROVIDERS = np.array(["openai", "anthropic", "google"])
NOISE = 3.0
MAE = NOISE * float(np.sqrt(2 / np.pi))


@dataclass
class World:
    """A stream with days, weeks and moods; a fault lasts from one moment to another."""

    db: Database
    per_day: int
    step: timedelta = timedelta(hours=6)
    fault: str = ""
    fault_from: datetime = START
    fault_to: datetime = START
    seed: int = 7
    rng: np.random.Generator = field(init=False)
    mood: np.ndarray = field(default_factory=lambda: np.zeros(4))
    waiting: list[Label] = field(default_factory=list)
    n: int = 0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, self.per_day])
        self._register()

    def run(self, start: datetime, end: datetime) -> list[Incident]:
        """Let time pass, with a check after each step; the incidents there were."""
        at = start
        while at < end:
            self._live(at, at + self.step)
            at += self.step
            if at.hour % 3 == 0:  # its windows are of a day or more: an hour changes little in one
                measure_drift(
                    self.db,
                    None,  # type: ignore[arg-type]  # the reference is pinned already
                    snapshots=None,  # type: ignore[arg-type]
                    threshold=0.1,
                    now=at,
                )
            if at.hour % 12 == 0:
                measure_segments(self.db, scale=SCALE, tolerance=TOLERANCE, min_labels=30, now=at)
            if self._check(at):
                self._check(at + CONFIRM_AFTER)
        with self.db.read() as conn:
            return incidents.load_incidents(conn, 100)

    def _check(self, at: datetime) -> bool:
        """One check as the schedule makes it; whether something is pending now."""
        report = watch(self.db, Thresholds(), scale=SCALE, tolerance=TOLERANCE, now=at)
        events = detect(self.db, report, at)
        return any(event.kind is EventKind.PENDING for event in events)

    def _register(self) -> None:
        """Version 1, judged on the 60 days before the start."""
        estimate = Estimate(MAE, 0.97 * MAE, 1.03 * MAE)
        accuracy = Estimate(0.904, 0.9, 0.908)
        metrics = Metrics(mae=estimate, rmse=estimate, r2=None, accuracy=accuracy, skill=estimate)
        with self.db.write() as conn:
            snapshot = snapshots.append_snapshot(
                conn,
                content_hash="rows",
                path="snapshots/rows.parquet",
                n_rows=6_000,
                n_synthetic=0,
                columns=("length", "quality", "provider"),
                query={},
                first_at=None,
                last_at=None,
                by="ada",
                now=START,
            )
            versions.append_version(
                conn,
                snapshot_id=snapshot.id,
                artifact_hash="a" * 64,
                report=replace(
                    make_report(),
                    metrics=metrics,
                    features_selected=("length", "quality", "provider"),
                    importance={"length": 0.5, "quality": 0.4, "provider": 0.1},
                ),
                by="ada",
                now=START,
            )
            drift.append_reference(conn, self._build_reference())
        deploy(self.db, 1, START)

    def _build_reference(self):  # type: ignore[no-untyped-def]
        days = []
        for day in range(60):
            self._change_mood()
            days.append(self._draw_features(START - (60 - day) * ONE_DAY, 100))
        columns = {name: np.concatenate([part[name] for part in days]) for name in days[0]}
        columns["provider"] = columns["provider"].tolist()
        n = 6_000
        return build_reference(
            History(
                columns,
                np.repeat(np.arange(60), 100) * 86_400.0,
                np.arange(n),
                self.rng.uniform(30, 90, n),
                np.abs(NOISE * self.rng.standard_normal(n)),
            ),
            1,
            START,
        )

    def _change_mood(self) -> None:
        """What makes one day differ from another: days that follow each other are alike."""
        self.mood = 0.7 * self.mood + 0.1 * self.rng.standard_normal(4)

    def _draw_features(self, at: datetime, n: int) -> dict[str, np.ndarray]:
        weekend = 0.25 * (at.weekday() >= 5)
        tide = 0.2 * np.sin(at.hour / 24 * 2 * np.pi)
        return {
            "length": np.exp(self.rng.standard_normal(n) + self.mood[0] + weekend),
            "quality": 60 + 10 * (self.rng.standard_normal(n) + self.mood[1] + tide),
            "provider": self.rng.choice(PROVIDERS, n, p=[0.2, 0.5, 0.3]),
        }

    def _is(self, fault: str, at: datetime) -> bool:
        return self.fault == fault and self.fault_from <= at < self.fault_to

    def _live(self, start: datetime, end: datetime) -> None:
        if start.hour == 0:
            self._change_mood()
        hours = [
            rollup
            for i in range(int((end - start) / ONE_HOUR))
            for rollup in self._count_hour(start + i * ONE_HOUR)
        ]
        minute_at = end - timedelta(minutes=1)
        newest = [rollup for rollup in hours if rollup.start_at == end - ONE_HOUR]
        minutes = [replace(rollup, seconds=MINUTE, start_at=minute_at) for rollup in newest]
        with self.db.write() as conn:
            starts = sorted({rollup.start_at for rollup in hours})
            rollups.save_rollups(conn, HOUR, starts, hours)
            rollups.save_rollups(conn, MINUTE, [minute_at], minutes)
            day_at = floor_time(start, DAY)
            day = rollups.load_rollups(conn, HOUR, day_at, day_at + ONE_DAY)
            rollups.save_rollups(conn, DAY, [day_at], build_longer(day, DAY))
            self._log(conn, start, end)
            seq = conn.execute(sa.select(sa.func.max(schema.predictions.c.seq))).scalar() or 0
            label_id = conn.execute(sa.select(sa.func.max(schema.labels.c.id))).scalar() or 0
            basis = describe_basis(SCALE, TOLERANCE)
            rollups.save_progress(conn, RollupProgress(basis, seq, label_id, end))

    def _count_hour(self, at: datetime) -> list[Rollup]:
        """Quiet nights and weekends, errors with the mood of the day."""
        rate = self.per_day / 24 * (1 + 0.6 * np.sin((at.hour - 8) / 24 * 2 * np.pi))
        rate *= 0.5 if at.weekday() >= 5 else 1.2
        n = int(self.rng.poisson(rate))
        n_failed, n_heuristic = self.rng.binomial(n, [0.002, 0.01])
        slow = 40.0 if self._is("latency", at) else 1.0
        latency = slow * 15 * np.exp(0.5 * self.rng.standard_normal(200))
        shares = np.bincount([latency_bucket(ms) for ms in latency]) / 200
        outcomes = self._label(at, int(self.rng.binomial(n, 0.3)))
        parts = {
            AnswerSource.MODEL: (n - n_failed - n_heuristic, outcomes),
            AnswerSource.HEURISTIC: (n_heuristic, Outcomes()),
            AnswerSource.FAILED: (n_failed, Outcomes()),
        }
        return [
            Rollup(
                seconds=HOUR,
                start_at=at,
                version=1,
                source=source,
                n=int(m),
                latency=_count(self.rng.multinomial(m, shares)),
                scores={}
                if source is AnswerSource.FAILED
                else {score_bucket(60.0, 0, 100): int(m)},
                outcomes=found,
            )
            for source, (m, found) in parts.items()
            if m
        ]

    def _label(self, at: datetime, n: int) -> Outcomes:
        if self._is("label delay", at) or not n:
            return Outcomes()
        openai = self.rng.random(n) < 0.2
        error = self._draw_errors(at, n, openai)
        actual = self.rng.uniform(30, 90, n)
        bucket = np.minimum(actual / 100 * N_ACTUAL_BUCKETS, N_ACTUAL_BUCKETS - 1).astype(int)
        counts = np.bincount(bucket, minlength=N_ACTUAL_BUCKETS)
        sums = np.bincount(bucket, actual, N_ACTUAL_BUCKETS)
        return merge_outcomes(
            [
                Outcomes(
                    n=n,
                    n_within=int((np.abs(error) <= TOLERANCE).sum()),
                    sum_error=float(error.sum()),
                    sum_abs=float(np.abs(error).sum()),
                    sum_squared=float((error**2).sum()),
                    actuals={
                        int(i): (int(counts[i]), float(sums[i])) for i in np.flatnonzero(counts)
                    },
                )
            ]
        )

    def _draw_errors(self, at: datetime, n: int, openai: np.ndarray) -> np.ndarray:
        error = NOISE * (1 + 0.3 * self.mood[2]) * self.rng.standard_normal(n)
        if self._is("noise", at):
            error = error * 1.6
        if self._is("missing feature", at):
            error = error * 1.8
        if self._is("segment bias", at):
            error = error + 14.0 * openai
        if self._is("unit", at):
            error = error + 15.0
        if self._is("collapse", at):
            error = 18.0 * self.rng.standard_normal(n)
        return error

    def _log(self, conn, start: datetime, end: datetime) -> None:  # type: ignore[no-untyped-def]
        n = N_LOGGED * int(self.step / ONE_HOUR)
        features = self._draw_features(start, n)
        error = self._draw_errors(start, n, features["provider"] == "openai")
        rows = []
        for i in range(n):
            self.n += 1
            at = start + (end - start) * (i + 1) / n - timedelta(seconds=5)
            length = float(features["length"][i]) * (100.0 if self._is("unit", start) else 1.0)
            score = 61.0 if self._is("collapse", start) else float(self.rng.uniform(30, 90))
            row = make_prediction(
                f"{self.n:08d}",
                at=at,
                version=1,
                score=score,
                low=score - 6,
                high=score + 6,
                features={
                    "length": length,
                    "quality": None
                    if self._is("missing feature", start)
                    else float(features["quality"][i]),
                    "provider": str(features["provider"][i]),
                },
            )
            rows.append(row)
            actual = float(np.clip(score - error[i], 0, 100))
            received_at = at + DELAY
            if self._is("label delay", at):
                received_at = self.fault_to + DELAY
            self.waiting.append(Label(row.id, actual, at, "ada", received_at))
        append_predictions(conn, rows)
        append_labels(conn, [(row, True) for row in self.waiting if row.received_at <= end])
        self.waiting = [label for label in self.waiting if label.received_at > end]


def _count(counts: np.ndarray) -> dict[int, int]:
    return {int(i): int(counts[i]) for i in np.flatnonzero(counts)}


@pytest.mark.parametrize(("per_day", "seed"), [(1_000, 7), (10_000, 8), (100_000, 7)])
def test_thirty_quiet_days_call_nobody(db: Database, per_day: int, seed: int) -> None:
    """At most one call in thirty days is what is promised. None in ninety days, thirty at each
    rate, has a chance of exp(-3), 5 %, where there would be one in thirty. Most of what can call,
    drift, segments and silence, reads the log, which is the same at every rate."""
    found = World(db, per_day, ONE_HOUR, seed=seed).run(START, START + 30 * ONE_DAY)
    print(f"{per_day:,} a day, seed {seed}: {len(found)} incidents were pending")
    assert [incident.message for incident in found if incident.was_opened] == []


@pytest.mark.parametrize(
    ("fault", "cause", "within_hours", "named"),
    [
        ("segment bias", "error_growth", 24, "provider = openai carries"),
        ("unit", "drift", 24, "'length' moved"),
        ("missing feature", "drift", 48, "'quality' is missing"),
        ("latency", "latency", 3, "p95 latency"),
        ("collapse", "collapsed", 24, "tells them apart"),
        ("label delay", "labels", 24, "No label has come"),
        ("noise", "error_growth", 48, ""),
    ],
)
def test_a_planted_fault_is_one_incident_that_ends_by_itself(
    db: Database, fault: str, cause: str, within_hours: int, named: str
) -> None:
    start = START + 8 * ONE_DAY
    world = World(db, 10_000, 3 * ONE_HOUR, fault, start, start + 3 * ONE_DAY)
    found = world.run(START, start + 14 * ONE_DAY)
    assert len(found) == 1, [(i.cause, i.opened_at, i.message) for i in found]
    (incident,) = found
    opened_after = (incident.opened_at - start) / ONE_HOUR
    print(f"{fault}: found after {opened_after:g} h, ended at {incident.resolved_at}")
    print(*(f"  {e.at} {e.check} {e.kind}: {e.message}" for e in incident.events), sep="\n")
    assert incident.cause == cause
    assert 0 < opened_after <= within_hours
    assert any(named in event.message for event in incident.events)
    assert incident.status is IncidentStatus.RESOLVED
