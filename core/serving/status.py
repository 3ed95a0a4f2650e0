"""What a process answers with right now, for `status`, `/metrics` and the system page."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.domain.api_worker import StageTime
from core.domain.version import version_name
from core.serving.in_force import InForce


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """What a process answers with."""

    revision: int
    version: str  # as it is written, such as "v3"
    source: str  # "model" or "heuristic"
    reason: str | None  # why no model answers
    challenger: str | None  # the version on trial
    challenger_reason: str | None  # why it does not score
    scorer: str  # "compiled", "pipeline", or "heuristic" where no model answers
    scorer_reason: str | None  # why it is not a compiled one
    cache_asked: int  # single rows that were looked up, since the version was loaded
    cache_found: int  # and those whose score was there
    stages: Mapping[str, StageTime]  # where the time of single requests goes
    n_waiting: int  # rows that are not on disk yet
    problem: str | None  # why it cannot serve at all


def describe_serving(
    serving: InForce, stages: Mapping[str, StageTime], n_waiting: int, problem: str | None
) -> ServiceStatus:
    """The status of a process that has this in force."""
    champion, challenger = serving.champion, serving.challenger
    why = champion.why if champion.artifact is None else champion.artifact.why_uncompiled
    scorer = "pipeline" if why else "compiled"
    return ServiceStatus(
        revision=serving.revision,
        version=version_name(champion.version),
        source="heuristic" if champion.artifact is None else "model",
        reason=champion.why or None,
        challenger=None if challenger is None else version_name(challenger.version),
        challenger_reason=None if challenger is None else challenger.why or None,
        scorer="heuristic" if champion.artifact is None else scorer,
        scorer_reason=why or None,
        cache_asked=0 if champion.artifact is None else champion.artifact.n_asked,
        cache_found=0 if champion.artifact is None else champion.artifact.n_found,
        stages=stages,
        n_waiting=n_waiting,
        problem=problem,
    )
