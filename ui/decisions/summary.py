"""The first sentences of the page: what the policies in force do, and what that saves."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from core import text
from core.decisions.policies import PolicyOverview, estimate_costs
from core.decisions.rehearsal import RedoLog, Saving, measure_saving
from core.domain.decisions.policy import DecisionPolicy, PolicyKind
from core.stats.intervals import Interval
from core.store.predictions.decisions import DecisionCounts, LabelledScore
from ui import st
from ui.markup import Markdown

WINDOW = timedelta(days=7)


def show(
    overview: PolicyOverview,
    counts: Sequence[DecisionCounts],
    rows: Sequence[LabelledScore],
    decided: RedoLog,
) -> None:
    """Show a sentence on each kind of policy, and what redoing saves."""
    redo, pick = (overview.find_policy(kind) for kind in (PolicyKind.REDO, PolicyKind.PICK))
    with st.container(border=True):
        if redo is None:
            st.markdown(Markdown("**Nothing is redone:** no redo policy is in force."))
        else:
            st.markdown(Markdown("**{}**").format(_describe_redo(redo, counts)))
            st.markdown(describe_saving(_measure(redo, rows, decided)))
        st.markdown(_describe_pick(pick, counts))


def describe_saving(saving: Saving) -> str:
    """Return a sentence on what redoing saves a request, and how sure that is.

    >>> describe_saving(Saving(None, 80, 9, "unknown: nothing under 62 was let through"))
    'What that saves is unknown: nothing under 62 was let through.'
    >>> describe_saving(Saving(Interval(0.4, 0.1, 0.7), 80, 20, ""))[:49]
    'It saves 0.400 a request (0.100–0.700; 95 % confi'
    """
    if not saving.n_decisions:
        return "What that saves is unknown: nothing was decided in the last 30 days."
    found = saving.a_request
    if found is None:
        return f"What that saves is {saving.unknown or 'unknown: one request has a label'}."
    verb, shown = ("It costs", _negate(found)) if found.value < 0 else ("It saves", found)
    limits = f"{text.interval(shown)}; 95 % confidence interval by requests"
    limits = limits if found.is_known else "one request"
    sure = "" if found.low > 0 or found.high < 0 else " It may save nothing."
    return (
        f"{verb} {text.figure(shown.value)} a request ({limits}) in the unit of its costs, against "
        f"never redoing, on the newest {text.count(saving.n_decisions, 'decision')} of the last 30 "
        f"days with {text.count(saving.n_labels, 'label')}.{sure}"
    )


def _negate(found: Interval) -> Interval:
    return Interval(-found.value, -found.high, -found.low)


def _measure(policy: DecisionPolicy, rows: Sequence[LabelledScore], decided: RedoLog) -> Saving:
    terms = policy.terms
    if not len(decided) or terms.bar is None or terms.costs is None:
        return Saving(None, 0, 0, "")
    costs = estimate_costs(rows, terms.bar, terms.costs)
    return measure_saving(decided, replace(terms, costs=costs))


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
