"""The replay: import, train, deploy, then serve, label, watch and retrain with a moved clock."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from core import text
from core.alerts.rules import CONFIRM_AFTER, RESOLVE_AFTER
from core.bootstrap import App
from core.data.parsing.row_parser import check_mapping
from core.data.parsing.schema_inference import choose_columns
from core.data.quality.overview import describe_data
from core.data.sources.preview import preview_file
from core.deployment import release
from core.domain.actor import Actor, Role
from core.domain.incident import EventKind
from core.domain.job import Progress
from core.domain.monitoring import Health, Outcomes
from core.domain.prediction import AnswerSource
from core.domain.sample import ColumnMapping
from core.domain.version import HEURISTIC, Version, parse_version
from core.errors import InvalidInput
from core.jobs.runner import do_job, run_job
from core.monitoring.health.degradation import MIN_LABELS, find_ratio, pool_day
from core.monitoring.measure.rollup_updates import load_window
from core.monitoring.measure.rollups import merge_outcomes
from core.settings import parse_settings
from core.store.engine.database import Connection
from core.store.engine.types import from_micros
from core.store.jobs import jobs
from core.store.models import versions
from core.store.monitoring import health, incidents
from core.stream.home import Clock, look_back, open_home
from core.stream.plan import (
    StreamStep,
    WindowKind,
    choose_measure,
    find_span,
    list_moments,
    split_windows,
)
from core.stream.report import Retraining, StreamReport, StreamWindow
from core.stream.timeline import StreamTimeline, read_timeline
from core.stream.traffic import StreamTraffic
from core.watching import check_app_retraining, watch_app

MIN_TRAIN = 30
"""Labelled rows before `train_until` below which nothing is trained."""

_MINUTE, _MOMENT = timedelta(minutes=1), timedelta(microseconds=1)
_BY = Actor("stream", Role.ADMIN, "stream")
_CAUSE = "error_growth"


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """The options of a replay. `recipe` is the retraining recipe of the settings unless given."""

    path: Path
    timestamp: str
    target: str
    train_until: datetime
    recipe: str | None = None
    label_delay: timedelta = timedelta(0)
    retrain: str = "off"  # or "auto"
    window: WindowKind = WindowKind.WEEK
    ignored: tuple[str, ...] = ()


def run_stream(
    request: StreamRequest, values: Mapping[str, str], home: Path, progress: Progress
) -> StreamReport:
    """Replay a file in an installation of its own in `home`, an empty folder, with the thresholds
    of `values`. Raises `InvalidInput` for a column that does not exist, unreadable times or
    targets, or too few rows on either side; `Refused` if the training is refused."""
    progress(0.0, f"reading {request.path.name}")
    mapping, notes = choose_mapping(request)
    home.mkdir(parents=True, exist_ok=True)
    timeline = read_timeline(request.path, mapping, home)
    n_known = timeline.find(request.train_until - request.label_delay)
    n_before = timeline.find(request.train_until)
    _check_rows(request, timeline, n_known, n_before)
    settings = parse_settings(values)
    labelled = timeline.target[~np.isnan(timeline.target)]
    known = timeline.target[:n_known][~np.isnan(timeline.target[:n_known])]
    measure = choose_measure(known, labelled, settings.scale, settings.tolerance)
    clock = Clock(request.train_until)
    app = open_home(
        values,
        home,
        clock,
        measure,
        recipe=request.recipe,
        retrain=request.retrain,
        span=find_span(request.window),
    )
    try:
        version, left_out = _train_first(app, timeline, n_known, progress)
        notes += [measure.why, *_describe(request, timeline, n_known, n_before, left_out, version)]
        replay = _Replay(app, clock, request, timeline, n_before, progress)
        return replay.run(tuple(notes))
    finally:
        app.close()


def choose_mapping(request: StreamRequest) -> tuple[ColumnMapping, list[str]]:
    """Return the columns' roles: the two that were named, the text column if there is one, and
    features. Columns like an id are left out, and rows are not grouped. Raises `InvalidInput` for a
    column that does not exist."""
    preview = preview_file(request.path)
    guess = choose_columns(
        preview.mapping,
        target=request.target,
        timestamp=request.timestamp,
        ignored=request.ignored,
    )
    ignored = (*guess.ignored, *([] if guess.id is None else [guess.id]))
    mapping = replace(guess, id=None, group=None, ignored=ignored)
    check_mapping(request.path.name, mapping, [column.name for column in preview.columns])
    notes = [f"Not used as features: {', '.join(ignored)}."] if ignored else []
    return mapping, notes


class _Replay:
    """One pass over the rows after `train_until`."""

    def __init__(
        self,
        app: App,
        clock: Clock,
        request: StreamRequest,
        timeline: StreamTimeline,
        start: int,
        progress: Progress,
    ) -> None:
        self._app, self._clock, self._request = app, clock, request
        self._timeline, self._next, self._progress = timeline, start, progress
        self._start = start
        self._traffic = StreamTraffic(app, timeline, request.label_delay)
        self._retrainings: list[Retraining] = []

    def run(self, notes: tuple[str, ...]) -> StreamReport:
        """Every moment in turn, then the report."""
        last_at = datetime.fromtimestamp(
            int(self._timeline.at_micros[-1]) / 1e6, self._request.train_until.tzinfo
        )
        windows = split_windows(self._request.train_until, last_at, self._request.window)
        healths: list[Health] = [Health.UNKNOWN] * len(windows)
        in_incident = [False] * len(windows)
        try:
            self._traffic.service.refresh()
            for moment in list_moments(windows, self._request.window, self._request.label_delay):
                if moment.from_at is None:
                    self._close(windows[moment.window], moment.at)
                    in_incident[moment.window] = self._has_incident()
                    self._tell(moment, len(windows))
                else:
                    healths[moment.window] = self._serve(moment, healths[moment.window])
        finally:
            self._traffic.close()
        with self._app.db.read() as conn:
            return StreamReport(
                notes=notes,
                windows=tuple(
                    _build_window(conn, span, health, open_then)
                    for span, health, open_then in zip(windows, healths, in_incident, strict=True)
                ),
                incidents=tuple(
                    one for one in incidents.load_incidents(conn, 100_000)[::-1] if one.was_opened
                ),
                retrainings=tuple(self._retrainings),
            )

    def _serve(self, moment: StreamStep, before: Health) -> Health:
        """The rows of a step, then the labels and a look just after the last of them."""
        end = self._timeline.find(moment.at)
        start, self._next = self._next, end
        if start < end:
            self._traffic.serve(start, end)
            last = int(self._timeline.at_micros[end - 1]) / 1e6
            return self._look(datetime.fromtimestamp(last, moment.at.tzinfo))
        return self._look(moment.at) if before is Health.UNKNOWN else before

    def _close(self, window: tuple[datetime, datetime], at: datetime) -> None:
        """Measure a window after its last label: on its own rows, if enough of them have a label,
        for windows of any length."""
        start, end = map(self._timeline.find, window)
        labelled = start + np.flatnonzero(~np.isnan(self._timeline.target[start:end]))
        app = self._app
        if len(labelled) >= MIN_LABELS:
            last_at = from_micros(int(self._timeline.at_micros[labelled[-1]]))
            app = look_back(app, last_at.replace(second=0, microsecond=0) + _MINUTE - window[0])
        self._clock.move(at)
        self._traffic.deliver(at - _MOMENT)
        self._watch(app)

    def _look(self, at: datetime) -> Health:
        """Send the labels that are due, measure, judge, and let incidents and retraining follow."""
        self._clock.move(at)
        self._traffic.deliver(self._clock.now())
        return self._watch(self._app)

    def _watch(self, app: App) -> Health:
        events = watch_app(app, worker_lease=None)
        if any(event.kind is EventKind.PENDING for event in events):  # opens if it stays so
            self._clock.move(self._clock.now() + CONFIRM_AFTER)
            events += watch_app(app, worker_lease=None)
        if any(event.kind is EventKind.EASED for event in events):  # ends if it stays so
            self._clock.move(self._clock.now() + RESOLVE_AFTER)
            watch_app(app, worker_lease=None)
        if self._request.retrain == "auto":
            self._retrain()
        with self._app.db.read() as conn:
            report = health.find_last_change(conn)
        return Health.UNKNOWN if report is None else report.health

    def _retrain(self) -> None:
        """Let the policy decide, and do the training that it asks for."""
        decision = check_app_retraining(self._app)
        if decision.job_id is None:
            return
        with self._app.db.write() as conn:
            job = jobs.claim_job(conn, decision.job_id, self._clock.now())
        ended = run_job(self._app, job)
        result: dict[str, Any] = dict(ended.result or {})
        rollout: dict[str, Any] = result.get("rollout") or {}
        self._retrainings.append(
            Retraining(
                at=decision.at,
                reasons=decision.reasons,
                version=parse_version(str(result["version"])) if "version" in result else None,
                deployed=rollout.get("how") in ("direct", "trial"),
                outcome=str(rollout.get("why") or ended.error),
            )
        )
        self._traffic.service.refresh()

    def _has_incident(self) -> bool:
        with self._app.db.read() as conn:
            return any(
                incident.was_opened and incident.has_bad([_CAUSE])
                for incident in incidents.load_unresolved(conn)
            )

    def _tell(self, moment: StreamStep, n_windows: int) -> None:
        n = self._next - self._start
        total = len(self._timeline.at_micros) - self._start
        self._progress(
            0.2 + 0.8 * n / total,
            f"window {moment.window + 1} of {n_windows}, {n:,} of {total:,} predictions",
        )


def _check_rows(
    request: StreamRequest, timeline: StreamTimeline, n_known: int, n_before: int
) -> None:
    name, until = request.path.name, f"{request.train_until:%Y-%m-%d %H:%M} UTC"
    first, last = (
        np.datetime64(int(timeline.at_micros[place]), "us").astype(datetime) for place in (0, -1)
    )
    span = f"its rows are from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
    if n_before == 0:
        raise InvalidInput(
            f"No row of '{name}' is before {until}, so nothing can be learned: {span}."
        )
    if n_before == len(timeline.at_micros):
        raise InvalidInput(f"No row of '{name}' is from {until} on, so nothing happens: {span}.")
    n_labelled = int((~np.isnan(timeline.target[:n_known])).sum())
    if n_labelled < MIN_TRAIN:
        delay = text.duration(request.label_delay)
        late = f" minus the label delay of {delay}" if request.label_delay else ""
        raise InvalidInput(
            f"Only {n_labelled} rows of '{name}' have a known target by {until}{late}, and "
            f"{MIN_TRAIN} are needed: choose a later --train-until ({span})."
        )


def _train_first(
    app: App, timeline: StreamTimeline, n_known: int, progress: Progress
) -> tuple[Version, tuple[str, ...]]:
    """Import the rows known by then, train on them, and deploy the version in spite of its gate: a
    replay without a model says nothing."""
    mapping = timeline.plan.mapping
    path = app.settings.home / "known.parquet"
    timeline.write_labelled(n_known, path)
    chosen = ColumnMapping(mapping.target, mapping.timestamp, mapping.text)
    args = {"path": str(path), "name": path.name, "mapping": msgspec.to_builtins(chosen)}
    do_job(app, "import", args, "replay", by=_BY, on_progress=_part(progress, 0.02, 0.1))
    path.unlink()
    leaks = tuple(
        issue.column
        for issue in describe_data(app.db).issues
        if issue.code == "leaky_column" and issue.column is not None
    )
    if len(leaks) == len(timeline.plan.features):
        leaks = ()  # with nothing else to learn from, the gate's word has to do
    training = {
        "recipe": app.settings.retrain_recipe,
        "seed": 0,
        "overrides": ["a replay trains on what the file holds"],
        "leave_out": list(leaks),
    }
    job = do_job(app, "train", training, "replay", by=_BY, on_progress=_part(progress, 0.1, 0.2))
    with app.db.read() as conn:
        version = versions.get_version(conn, parse_version(str((job.result or {})["version"])))
    release.deploy(
        app.db,
        app.registry,
        version.number,
        reason="the first version of the replay",
        by=_BY,
        override=not version.report.gate.passed,
        now=app.now(),
    )
    return version, leaks


def _describe(
    request: StreamRequest,
    timeline: StreamTimeline,
    n_known: int,
    n_before: int,
    leaks: tuple[str, ...],
    version: Version,
) -> list[str]:
    report = version.report
    mae = text.figure(report.metrics.mae.value)
    notes = [
        f"{version.name} ({report.recipe}) learned from {report.n_train:,} of {n_known:,} rows "
        f"that were known at {request.train_until:%Y-%m-%d %H:%M} UTC; its MAE on "
        f"{report.n_holdout:,} holdout rows ({report.split}) is {mae}, to which each window is "
        "compared.",
        report.summary,
    ]
    if not report.gate.passed:
        reasons = " ".join(report.gate.reasons)
        notes.append(f"Its gate refused it; it is deployed all the same, for the replay: {reasons}")
    if leaks:
        notes.append(f"Not learned from, since they give the target away: {', '.join(leaks)}.")
    if n_before > n_known:
        notes.append(
            f"{_count_rows(n_before - n_known)} before that moment had no label yet: not used."
        )
    if timeline.n_left_out:
        notes.append(
            f"{_count_rows(timeline.n_left_out)} left out, unreadable or without a time "
            f"({timeline.example})."
        )
    n_unlabelled = int(np.isnan(timeline.target[n_before:]).sum())
    if n_unlabelled:
        notes.append(f"{_count_rows(n_unlabelled)} without a target: predicted, never labelled.")
    if request.label_delay:
        notes.append(
            f"Labels come {text.duration(request.label_delay)} late: in_incident says whether an "
            "accuracy incident was open when a window's last label had come."
        )
    return notes


def _count_rows(n: int) -> str:
    return "1 row" if n == 1 else f"{n:,} rows"


def _build_window(
    conn: Connection, span: tuple[datetime, datetime], health: Health, in_incident: bool
) -> StreamWindow:
    found = load_window(conn, *span)
    model = [rollup for rollup in found if rollup.source is AnswerSource.MODEL]
    total = merge_outcomes(rollup.outcomes for rollup in model)
    counts: dict[int, int] = {}
    for rollup in found:
        counts[rollup.version] = counts.get(rollup.version, 0) + rollup.n
    number = max(counts, key=lambda version: counts[version], default=None)
    version = None if number in (None, HEURISTIC) else versions.get_version(conn, number)
    promised = None if version is None else version.report.metrics.mae.value
    promises = {
        number: made.report.metrics.mae.value
        for number in {rollup.version for rollup in model}
        if (made := versions.get_version(conn, number)).report.metrics.mae.value > 0
    }
    days: dict[date, dict[int, list[Outcomes]]] = {}
    for rollup in model:
        day = days.setdefault(rollup.start_at.date(), {})
        day.setdefault(rollup.version, []).append(rollup.outcomes)
    pooled = [
        pool_day({number: merge_outcomes(parts) for number, parts in day.items()}, promises)
        for day in days.values()
    ]
    daily = [day for day in pooled if day.n]
    return StreamWindow(
        from_at=span[0],
        to_at=span[1],
        n_predictions=sum(rollup.n for rollup in found),
        n_labelled=sum(rollup.outcomes.n for rollup in found),
        mae=total.sum_abs / total.n if total.n else None,
        version=number,
        health=health,
        in_incident=in_incident,
        promised_mae=promised,
        ratio=find_ratio(daily).shown if sum(day.n for day in daily) > 1 else None,
    )


def _part(progress: Progress, start: float, end: float) -> Progress:
    return lambda share, message: progress(start + share * (end - start), message)
