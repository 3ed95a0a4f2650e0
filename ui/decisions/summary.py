"""The first sentences of the page: what the policies in force do, and what that saves."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from core import text
from core.decisions.policies import PolicyOverview, estimate_costs
from core.decisions.saving import Saving, measure_saving
from core.decisions.threshold import LabelledScores
from core.domain.decisions.policy import DecisionPolicy, PolicyKind
from core.stats.intervals import Interval
from core.store.predictions.decisions import DecisionCounts, LabelledScore
from ui import st
from ui.markup import Markdown

WINDOW = timedelta(days=7)
_DAY = timedelta(days=1)


def show(
    overview: PolicyOverview,
    counts: Sequence[DecisionCounts],
    rows: Sequence[LabelledScore],
    labelled: LabelledScores,
) -> None:
    """Show a sentence on each kind of policy, and what redoing saves."""
    redo, pick = (overview.find_policy(kind) for kind in (PolicyKind.REDO, PolicyKind.PICK))
    with st.container(border=True):
        if redo is None:
            st.markdown(Markdown("**Nothing is redone:** no redo policy is in force."))
        else:
            st.markdown(Markdown("**{}**").format(_describe_redo(redo, counts)))
            st.markdown(describe_saving(redo, _measure(redo, rows, labelled)))
        st.markdown(_describe_pick(pick, counts))


def describe_saving(policy: DecisionPolicy, saving: Saving) -> str:
    """Return a sentence on what redoing under the threshold saves a request, and how sure that is.

    >>> from datetime import datetime
    >>> from core.domain.decisions.policy import PolicyTerms, RedoCosts
    >>> from core.stats.intervals import Interval
    >>> terms = PolicyTerms(PolicyKind.REDO, 0.1, 60.0, RedoCosts(1.0, 10.0), 62.0)
    >>> policy = DecisionPolicy(3, datetime(2026, 3, 2), "ada", "bad work", terms, {})
    >>> describe_saving(policy, Saving(None, 80, 0, 4))
    'What that saves is unknown: no labelled work of the version that serves scores under 62.'
    >>> describe_saving(policy, Saving(Interval(0.4, 0.1, 0.7), 80, 20, 4))[:49]
    'It saves 0.400 a request (0.100–0.700; 95 % confi'
    """
    threshold = policy.terms.threshold or 0.0
    if saving.a_request is None:
        return (
            "What that saves is unknown: no labelled work of the version that serves scores under "
            f"{threshold:g}."
        )
    labels = f"{text.count(saving.n_labels, 'label')}, {saving.n_under:,} of them under it"
    found = saving.a_request
    if not found.is_known:
        return f"It saves {text.figure(found.value)} a request, on one day of {labels}."
    sure = "" if found.low > 0 or found.high < 0 else " It may save nothing."
    verb = "It costs" if found.value < 0 else "It saves"
    return (
        f"{verb} {text.figure(abs(found.value))} a request "
        f"({text.interval(found) if found.value >= 0 else text.interval(_negate(found))}; 95 % "
        f"confidence interval by days) in the unit of its costs, against never redoing, on "
        f"{labels}.{sure}"
    )


def _negate(found: Interval) -> Interval:
    return Interval(-found.value, -found.high, -found.low)


def _measure(
    policy: DecisionPolicy, rows: Sequence[LabelledScore], labelled: LabelledScores
) -> Saving:
    terms = policy.terms
    if terms.bar is None or terms.costs is None or terms.threshold is None:
        return Saving(None, len(labelled), 0, 0)
    costs = estimate_costs(rows, terms.bar, terms.costs)
    day = np.array([int(row.at.timestamp() // _DAY.total_seconds()) for row in rows], np.int64)
    return measure_saving(labelled, day, terms.bar, costs, terms.threshold)


def _describe_redo(policy: DecisionPolicy, counts: Sequence[DecisionCounts]) -> str:
    terms = policy.terms
    mine = [one for one in counts if one.policy_id == policy.id]
    n, n_redone, n_explored = (
        sum(getattr(one, name) for one in mine) for name in ("n", "n_redone", "n_explored")
    )
    rule = f"{policy.name} redoes work that scores under {terms.threshold:g}"
    if not n:
        return f"{rule}; nothing was decided in the last 7 days."
    return (
        f"{rule}: {text.percent(n_redone / n)} of {text.count(n, 'decision')} in the last 7 days; "
        f"chance let {n_explored:,} more through."
    )


def _describe_pick(policy: DecisionPolicy | None, counts: Sequence[DecisionCounts]) -> str:
    picks = [one for one in counts if one.kind is PolicyKind.PICK]
    n = sum(one.n for one in picks)
    if policy is None:
        rule = "Ranked requests get their best score, always: no pick policy is in force"
    else:
        share = text.chosen_percent(policy.terms.exploration)
        rule = f"{policy.name} picks the best score, and any candidate for {share} of the requests"
    return f"{rule}; {text.count(n, 'pick')} in the last 7 days."
