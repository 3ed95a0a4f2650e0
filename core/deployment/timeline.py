"""The timeline: versions, trials, incidents, trainings and data on one axis; pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby, zip_longest

from core.deployment.plan import describe_action
from core.domain.deployment import Action, Deployment, RetrainingDecision
from core.domain.incident import Incident
from core.domain.sample import Collection
from core.domain.version import Version, version_name


class Lane(StrEnum):
    """The lines of the timeline."""

    SERVES = "serves"
    TRIAL = "on trial"
    RELEASES = "releases"
    INCIDENTS = "incidents"
    TRAININGS = "trainings"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class TimelineSpan:
    """Something that lasted, cut off at the ends of the window."""

    lane: Lane
    name: str
    from_at: datetime
    to_at: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """Something that happened."""

    lane: Lane
    name: str
    at: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The events between two moments, each lane in the order of time."""

    from_at: datetime
    to_at: datetime
    spans: tuple[TimelineSpan, ...]
    moments: tuple[TimelineEvent, ...]


def build_timeline(
    from_at: datetime,
    to_at: datetime,
    *,
    history: Sequence[Deployment],
    versions: Sequence[Version],
    incidents: Sequence[Incident],
    decisions: Sequence[RetrainingDecision],
    collections: Sequence[Collection],
) -> Timeline:
    """Return the events in a window. `history` is every row, oldest first, so that it includes the
    version that served when the window began.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> none = {"history": [], "versions": [], "incidents": [], "decisions": [], "collections": []}
    >>> build_timeline(noon, noon, **none).spans
    ()
    """
    spans = [*_list_plans(history, to_at), *_list_incidents(incidents, to_at)]
    moments = [
        *_list_releases(history),
        *_list_trainings(versions, decisions),
        *_list_collections(collections),
    ]
    return Timeline(
        from_at,
        to_at,
        tuple(
            TimelineSpan(
                span.lane,
                span.name,
                max(span.from_at, from_at),
                min(span.to_at, to_at),
                span.detail,
            )
            for span in spans
            if span.to_at >= from_at and span.from_at <= to_at
        ),
        tuple(
            sorted(
                (moment for moment in moments if from_at <= moment.at <= to_at),
                key=lambda moment: moment.at,
            )
        ),
    )


def _list_plans(history: Sequence[Deployment], to_at: datetime) -> Iterator[TimelineSpan]:
    """Yield the periods in which each champion served, and each challenger was on trial."""
    yield from _list_stretches(Lane.SERVES, history, to_at, lambda row: row.plan.champion)
    yield from _list_stretches(Lane.TRIAL, history, to_at, lambda row: row.plan.challenger)


def _list_stretches(
    lane: Lane,
    history: Sequence[Deployment],
    to_at: datetime,
    number_of: Callable[[Deployment], int | None],
) -> Iterator[TimelineSpan]:
    firsts = [(number, next(rows)) for number, rows in groupby(history, number_of)]
    for (number, first), following in zip_longest(firsts, firsts[1:]):
        if number is not None:
            until_at = to_at if following is None else max(following[1].at, first.at)
            yield TimelineSpan(lane, version_name(number), first.at, until_at, _explain(first))


def _list_releases(history: Sequence[Deployment]) -> Iterator[TimelineEvent]:
    for row in history:
        name = "rolled back" if row.action is Action.ROLLBACK else describe_action(row)
        yield TimelineEvent(Lane.RELEASES, name, row.at, _explain(row))


def _explain(row: Deployment) -> str:
    return f"{row.by} {describe_action(row)} (revision {row.revision}): {row.reason}"


def _list_incidents(incidents: Sequence[Incident], to_at: datetime) -> Iterator[TimelineSpan]:
    for incident in (one for one in incidents if one.was_opened):
        name = f"{incident.cause.replace('_', ' ')}, {incident.worst}"
        until_at = incident.resolved_at or to_at
        yield TimelineSpan(Lane.INCIDENTS, name, incident.opened_at, until_at, incident.message)


def _list_trainings(
    versions: Sequence[Version], decisions: Sequence[RetrainingDecision]
) -> Iterator[TimelineEvent]:
    for version in versions:
        yield TimelineEvent(
            Lane.TRAININGS, f"{version.name} trained", version.created_at, version.report.summary
        )
    for decision in decisions:
        if decision.retrain:
            yield TimelineEvent(
                Lane.TRAININGS, "training due", decision.at, " ".join(decision.reasons)
            )


def _list_collections(collections: Sequence[Collection]) -> Iterator[TimelineEvent]:
    for collection in collections:
        if collection.finished_at is not None and collection.n_new:
            name = f"{collection.n_new:,} rows"
            detail = f"{collection.source}, by {collection.started_by}"
            yield TimelineEvent(Lane.DATA, name, collection.finished_at, detail)
