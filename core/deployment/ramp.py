"""The ramp of a trial: the challenger's next share of the answers; pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np

from core import text
from core.deployment.verdict import TrialReport
from core.domain.trial import Conduct, RampStep, Trial, TrialSettings, TrialVerdict
from core.domain.version import version_name
from core.errors import InvalidInput
from core.stats.intervals import wilson
from core.stats.sequential import choose_rho2, find_radius

RAMP = (0.1, 0.2, 0.5, 1.0)
"""The shares of the answers that a challenger may have, in the order of a ramp."""

_GUARD_CONFIDENCE = 0.999  # guardrails are looked at often
_MIN_GUARDED = 20  # requests
_MIN_COLLAPSE = 50
_MIN_RATINGS = 50  # of each, before which the limits are not trusted
_EXPECTED_RATINGS = 500  # where the limits are tightest


class StepKind(StrEnum):
    """The next step of a trial."""

    HOLD = "hold"
    WIDEN = "widen"
    PROMOTE = "promote"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class NextStep:
    """The decision about a ramp, with its reasons; `traffic` is the resulting share."""

    kind: StepKind
    traffic: float
    reasons: tuple[str, ...]


def check_share(traffic: float) -> float:
    """Return the challenger's share; raises `InvalidInput` for any but 10, 20, 50 or 100 %.

    >>> check_share(0.2)
    0.2
    """
    for share in RAMP:
        if abs(traffic - share) < 1e-9:
            return share
    raise InvalidInput(
        f"{traffic * 100:g} is not a share of the traffic that a trial may have: give 10, 20, 50 "
        "or 100 percent."
    )


def parse_percent(text: str) -> float:
    """Return the share of a percentage in a text; raises `InvalidInput`.

    >>> parse_percent("20"), parse_percent("50 %")
    (0.2, 0.5)
    """
    try:
        return check_share(float(text.strip().removesuffix("%")) / 100)
    except ValueError:
        raise InvalidInput(
            f"'{text}' is not a share of the traffic: give 10, 20, 50 or 100 percent."
        ) from None


def choose_next(trial: Trial, report: TrialReport, conduct: Conduct, now: datetime) -> NextStep:
    """Return the next step of the trial. A violated guardrail or a "worse" stops it, a "better"
    promotes a challenger that has answered enough to be guarded, each if the settings allow it.
    Otherwise it widens once the step's minimum time, requests and labels are met. Without data it
    holds."""
    step, settings = trial.steps[-1], trial.settings

    def decide(kind: StepKind, traffic: float, *reasons: str) -> NextStep:
        return NextStep(kind, traffic, reasons)

    violated = check_guardrails(trial, conduct)
    if violated:
        kind = StepKind.STOP if settings.auto_stop else StepKind.HOLD
        return decide(kind, 0.0 if settings.auto_stop else step.traffic, *violated)
    if report.verdict is TrialVerdict.INVALID:
        return decide(StepKind.HOLD, step.traffic, *report.reasons)
    if report.verdict is TrialVerdict.WORSE and settings.auto_stop:
        return decide(StepKind.STOP, 0.0, *report.reasons)
    guarded = conduct.n_requests >= settings.min_step_requests
    if report.verdict is TrialVerdict.BETTER and settings.auto_promote and guarded:
        return decide(StepKind.PROMOTE, 1.0, *report.reasons)
    if report.verdict in (TrialVerdict.WORSE, TrialVerdict.EQUIVALENT):
        return decide(StepKind.HOLD, step.traffic, *report.reasons)
    if step.traffic >= RAMP[-1]:
        return decide(StepKind.HOLD, step.traffic, "The challenger answers everything already.")
    missing = _find_missing(step, settings, conduct, now)
    following = next(share for share in RAMP if share > step.traffic + 1e-9)
    if missing:
        return decide(StepKind.HOLD, step.traffic, *missing)
    if not settings.auto_ramp:
        why = (
            f"Ready for {text.chosen_percent(following)} of the answers; a person has to "
            "approve it."
        )
        return decide(StepKind.HOLD, step.traffic, why)
    why = (
        f"{conduct.n_requests} answers and {conduct.n_labels} labels at "
        f"{text.chosen_percent(step.traffic)} without "
        "a violated guardrail."
    )
    return decide(StepKind.WIDEN, following, why)


def check_guardrails(trial: Trial, conduct: Conduct) -> tuple[str, ...]:
    """Return the guardrails that the challenger violated beyond chance, each in a sentence."""
    settings, name = trial.settings, version_name(trial.challenger)
    rates = (
        (conduct.n_slow, conduct.n_requests, 0.05, f"slower than {settings.max_latency_ms:g} ms"),
        (conduct.n_failed, conduct.n_requests, settings.max_error_rate, "failed"),
        (
            conduct.n_fallback + conduct.n_challenger_shadow_failed,
            conduct.n_requests + conduct.n_challenger_shadow,
            settings.max_fallback_share,
            "left to the heuristic",
        ),
    )
    violated = [
        f"{n_hits} of {n} requests were {what} with {name}: more than {text.chosen_percent(limit)}."
        for n_hits, n, limit, what in rates
        if n >= _MIN_GUARDED and wilson(n_hits, n, _GUARD_CONFIDENCE).low > limit
    ]
    if (
        conduct.n_scores >= _MIN_COLLAPSE
        and conduct.n_distinct == 1
        and conduct.n_champion_distinct > 1
    ):
        violated.append(
            f"{name} gave the same score to {conduct.n_scores} requests that "
            f"{version_name(trial.champion)} tells apart."
        )
    return (*violated, *_check_ratings(trial, conduct))


def _check_ratings(trial: Trial, conduct: Conduct) -> tuple[str, ...]:
    """Return a sentence if users are less content with the challenger: the limits of both means are
    valid at every look, with half of the false alarms each."""
    champion, challenger = conduct.champion_ratings, conduct.challenger_ratings
    if min(champion.n, challenger.n) < _MIN_RATINGS:
        return ()
    alpha = trial.settings.alpha / 2
    n = np.array([champion.n, challenger.n], dtype=np.float64)
    deviations = np.array([champion.deviation, challenger.deviation])
    radius = find_radius(n, deviations, choose_rho2(_EXPECTED_RATINGS, alpha), alpha)
    if champion.mean - radius[0] <= challenger.mean + radius[1]:
        return ()
    return (
        f"Users rate {version_name(trial.challenger)} {text.percent(challenger.mean)} on average "
        "of "
        f"{challenger.n:,} ratings and {version_name(trial.champion)} "
        f"{text.percent(champion.mean)} of "
        f"{champion.n:,}: less content, beyond chance.",
    )


def _find_missing(
    step: RampStep, settings: TrialSettings, conduct: Conduct, now: datetime
) -> tuple[str, ...]:
    waited = (now - step.at).total_seconds()
    if waited < 0:
        return ("The clock stands before the start of this step: nothing is decided by it.",)
    missing = []
    if waited < settings.min_step_seconds:
        left = text.duration(settings.min_step_seconds - waited)
        missing.append(f"This step lasts {left} more.")
    for n, minimum, what in (
        (conduct.n_requests, settings.min_step_requests, "answers of the challenger"),
        (conduct.n_labels, settings.min_step_labels, "labelled pairs"),
    ):
        if n < minimum:
            missing.append(f"This step has {n} of {minimum} {what}.")
    return tuple(missing)
