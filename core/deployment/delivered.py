"""What a change of the champion has delivered: the version before scores some requests as well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.deployment.verdict import TrialReport
from core.domain.deployment import Deployment
from core.domain.pair_sums import PairSums
from core.domain.report import Estimate
from core.domain.retired import Retired
from core.domain.trial import Step, Trial, TrialSettings
from core.domain.version import Version
from core.stats.intervals import Interval


@dataclass(frozen=True, slots=True)
class Delivered:
    """Errors of the version before and of the champion on the same labelled requests, in points."""

    before: int
    champion: int
    since_at: datetime
    until_at: datetime
    n_pairs: int
    mae_before: float | None
    mae_champion: float | None
    gain: Interval | None  # error of the version before less the champion's; holds at every look
    promised: Estimate | None  # the same as it was when the change was decided


def build_comparison(retired: Retired, history: Sequence[Deployment]) -> Trial:
    """The version before and the champion as if they were on trial since the change, so that what
    was delivered is judged like a trial. `history` is every row, oldest first."""
    row = next(row for row in history if row.revision == retired.revision)
    current = history[-1]
    return Trial(
        revision=retired.revision,
        name="",
        champion=retired.version,
        challenger=current.plan.champion,
        started_at=retired.since_at,
        by=row.by,
        reason=row.reason,
        settings=TrialSettings(),
        steps=(Step(row.revision, row.at, 1.0), Step(current.revision, current.at, 1.0)),
    )


def find_promise(evidence: Mapping[str, object], version: Version, before: int) -> Estimate | None:
    """How much less error was promised: what the trial had found, else the training where it was
    compared with the version before; None where neither says."""
    result = evidence.get("trial_result")
    found = result.get("estimate") if isinstance(result, Mapping) else None
    if isinstance(found, Mapping):
        return Estimate(found["value"], found["low"], found["high"])
    return version.report.improvement if version.report.champion == before else None


def build_delivered(
    retired: Retired,
    comparison: Trial,
    sums: PairSums,
    report: TrialReport,
    promised: Estimate | None,
) -> Delivered:
    """What the pairs say of the change."""
    n = sums.n_pairs
    return Delivered(
        before=retired.version,
        champion=comparison.challenger,
        since_at=retired.since_at,
        until_at=retired.until_at,
        n_pairs=n,
        mae_before=sums.champion_error / n if n else None,
        mae_champion=sums.challenger_error / n if n else None,
        gain=report.estimate,
        promised=promised,
    )
