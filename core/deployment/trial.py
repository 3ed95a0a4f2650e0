"""A trial in the deployment history: whether one runs, may start, and may be promoted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING

from core import text
from core.deployment.plan import Challenger
from core.domain.deployment import Action, Deployment
from core.domain.training_report import Estimate, Gate
from core.domain.trial import (
    MARGIN_SHARE,
    Conduct,
    FrozenVerdict,
    RampStep,
    Trial,
    TrialSettings,
    TrialVerdict,
)
from core.domain.version import Version, version_name
from core.errors import InvalidInput, NotFound, Refused
from core.settings import Settings

if TYPE_CHECKING:  # with them come the statistics of trials, which most readers do without
    from core.deployment.ramp import NextStep
    from core.deployment.verdict import TrialReport


@dataclass(frozen=True, slots=True)
class Standing:
    """A trial that runs: what it says, how the challenger behaves, what happens next."""

    trial: Trial
    report: "TrialReport"
    conduct: Conduct
    following: "NextStep"

    @property
    def challenger(self) -> Challenger:
        """Return the trial's results for `deploy --status`."""
        found = self.report.estimate
        return Challenger(
            version=self.trial.challenger,
            traffic=self.trial.steps[-1].traffic,
            ab_test=self.trial.name,
            n_pairs=self.report.n_pairs,
            verdict=self.report.verdict.value,
            estimate=None if found is None else Estimate(found.value, found.low, found.high),
        )


def check_name(name: str) -> str:
    """Return the name of a trial without surrounding space; raises `InvalidInput` if it is empty or
    longer than 80 characters.

    >>> check_name(" shorter-texts ")
    'shorter-texts'
    """
    cleaned = name.strip()
    if not cleaned or len(cleaned) > 80 or not cleaned.isprintable():
        raise InvalidInput(
            "A trial needs a name of at most 80 characters: name it after the question it settles."
        )
    return cleaned


def find_trial(history: Sequence[Deployment]) -> Trial | None:
    """Return the current trial from every row, oldest first, or None.

    >>> find_trial([]) is None
    True
    """
    current = history[-1].plan if history else None
    if current is None or current.challenger is None:
        return None
    rows: list[Deployment] = []
    for row in reversed(history):
        rows.append(row)
        if row.action is Action.START_TRIAL:
            break
    start = rows[-1]
    return Trial(
        revision=start.revision,
        name=current.ab_test or "",
        champion=current.champion,
        challenger=current.challenger,
        started_at=start.at,
        by=start.by,
        reason=start.reason,
        settings=read_settings(start.evidence),
        steps=tuple(RampStep(row.revision, row.at, row.plan.traffic) for row in reversed(rows)),
    )


def read_settings(evidence: Mapping[str, object]) -> TrialSettings:
    """Return the settings stored with a trial's first row.

    >>> read_settings({"trial": {"margin": 0.5}}).margin
    0.5
    """
    kept = evidence.get("trial")
    values = kept if isinstance(kept, Mapping) else {}
    known = {field.name for field in fields(TrialSettings)}
    return TrialSettings(**{name: value for name, value in values.items() if name in known})


def build_settings(
    settings: Settings, *, auto_ramp: bool = True, auto_promote: bool = True, auto_stop: bool = True
) -> TrialSettings:
    """Return the settings of a new trial: its guardrails are the critical thresholds of monitoring,
    and versions that differ by less than 0.3 % of the scale are equivalent.

    >>> from core.settings import parse_settings
    >>> trial = build_settings(parse_settings({}))
    >>> trial.margin, trial.tolerance, trial.max_latency_ms
    (0.3, 5.0, 200.0)
    """
    return TrialSettings(
        margin=MARGIN_SHARE * (settings.scale.high - settings.scale.low),
        tolerance=settings.tolerance,
        max_latency_ms=settings.latency_critical_ms,
        max_error_rate=settings.error_rate_critical,
        max_fallback_share=settings.fallback_critical,
        auto_ramp=auto_ramp,
        auto_promote=auto_promote,
        auto_stop=auto_stop,
    )


def check_running(trial: Trial | None, name: str) -> Trial:
    """Return the current trial if it has this name; raises `NotFound` otherwise."""
    if trial is None:
        raise NotFound(f"No trial runs, so there is no '{name}': start one with a challenger.")
    if trial.name != name.strip():
        raise NotFound(f"The trial that runs is '{trial.name}', not '{name}'.")
    return trial


def check_start(
    version: Version | None,
    serving: Version | None,
    trial: Trial | None,
    *,
    objection: str,
    override: bool,
) -> bool:
    """Return whether the start overrides a refusal of the gate or of the features. `version` and
    `serving` are None for the heuristic; `objection` says what callers do not send of the inputs.

    Raises `Refused` while a trial runs, for the version that serves, where a side is no model, and
    where the gate refused the challenger or it reads what the champion does not, unless
    overridden."""
    if trial is not None:
        raise Refused(
            f"{version_name(trial.challenger)} is on trial as '{trial.name}': promote it or stop "
            "the trial before the next one starts."
        )
    if serving is None:
        raise Refused("No model serves, so there is no champion to compare with: deploy one first.")
    if version is None:
        raise Refused(
            "The heuristic cannot be on trial, since it learns nothing: deploy it to run without a "
            "model."
        )
    if version.number == serving.number:
        raise Refused(f"{version.name} serves already: a trial needs another version.")
    objections = [*_object_gate(version.report.gate), *([objection] if objection else [])]
    if objections and not override:
        raise Refused(
            f"{version.name} was not put on trial: {' '.join(objections)} Try another version, or "
            "override this with a reason."
        )
    return bool(objections)


def check_widening(trial: Trial, traffic: float) -> None:
    """Raise `Refused` where the challenger has this share already."""
    if trial.steps[-1].traffic == traffic:
        raise Refused(
            f"{version_name(trial.challenger)} answers {text.chosen_percent(traffic)} already."
        )


def check_promotion(trial: Trial, report: "TrialReport", *, override: bool) -> bool:
    """Return whether the promotion overrides the trial; raises `Refused` without the verdict
    "better" unless overridden."""
    if report.verdict is TrialVerdict.BETTER:
        return False
    if not override:
        raise Refused(
            f"The trial '{trial.name}' has not found {version_name(trial.challenger)} better "
            f"({report.verdict.value}): {' '.join(report.reasons)} Wait, stop it, or override it "
            "with a reason."
        )
    return True


def freeze_verdict(trial: Trial, report: "TrialReport", now: datetime) -> FrozenVerdict | None:
    """Return the verdict to store, or None before the first crossing and for an invalid trial."""
    decided = report.decided
    if decided is None or report.verdict in (TrialVerdict.NOT_YET, TrialVerdict.INVALID):
        return None
    return FrozenVerdict(
        trial.revision, now, report.verdict, decided.n, decided.value, decided.low, decided.high
    )


def build_trial_evidence(
    trial: Trial, report: "TrialReport", conduct: Conduct
) -> dict[str, object]:
    """Return the evidence of a trial's end, stored with its row."""
    estimate = report.estimate
    return {
        "ab_test": trial.name,
        "challenger": trial.challenger,
        "started_revision": trial.revision,
        "verdict": report.verdict.value,
        "reasons": list(report.reasons),
        "n_pairs": report.n_pairs,
        "n_differences": report.n_differences,
        "estimate": None
        if estimate is None
        else {"value": estimate.value, "low": estimate.low, "high": estimate.high},
        "n_requests": conduct.n_requests,
        "n_shadow": conduct.n_shadow,
        "n_shadow_late": conduct.n_shadow_late,
        "n_shadow_dropped": conduct.n_shadow_dropped,
    }


def _object_gate(gate: Gate) -> list[str]:
    if gate.passed:
        return []
    reasons = "; ".join(reason.strip().rstrip(".") for reason in gate.reasons)
    return [f"Its gate refused it: {reasons or 'it gave no reason'}."]
