"""The policies that there are, the way back to the one before, and a new pick policy."""

from core import text
from core.bootstrap import App
from core.decisions.policies import PolicyOverview, put_in_force, roll_back_policy, set_policy
from core.domain.actor import Act
from core.domain.decisions.policy import (
    DEFAULT_EXPLORATION,
    DecisionPolicy,
    PolicyKind,
    PolicyTerms,
)
from core.settings import Scale
from ui import st
from ui.common import actions, context, tables
from ui.markup import Markdown


def show(app: App, overview: PolicyOverview) -> None:
    """Show every policy, newest first, and offer to put one in force again."""
    if not overview.policies:
        st.caption("No policy yet: set one, and it appears here for ever.")
        return
    chosen = tables.choose(
        [_describe(policy, overview) for policy in overview.policies],
        key="policies",
        alt="Policies with their rule, who set them and why, newest first",
        columns={"set (UTC)": tables.time(), "reason": tables.wide()},
    )
    with st.container(horizontal=True):
        if chosen is not None:
            _offer_use(app, overview, overview.policies[chosen])
        for kind in overview.in_force:
            _offer_rollback(app, kind)


def offer_pick(app: App, overview: PolicyOverview, scale: Scale) -> None:
    """Offer a pick policy with its share of exploration."""
    share = st.slider(
        "Requests where chance picks, %",
        0.0,
        50.0,
        100 * DEFAULT_EXPLORATION,
        step=1.0,
        key="pick_exploration",
        help="Labels of candidates that were not the best say what another policy would show.",
    )
    expected = overview.find_expected(PolicyKind.PICK)

    def work(reason: str) -> str:
        made = set_policy(
            app.db,
            PolicyTerms(PolicyKind.PICK, exploration=share / 100),
            scale=scale,
            expected=expected,
            by=context.get_actor(),
            reason=reason,
            now=app.now(),
        )
        return f"{made.name} is in force: it picks for every ranked request from now on."

    actions.ask_reason(
        f"Pick with {share:g} % by chance",
        Markdown("The best score is picked, and any candidate for **{} %** of requests.").format(
            f"{share:g}"
        ),
        work,
        key="pick_policy",
        act=Act.POLICY,
        confirm="Put in force",
        icon=":material/rule:",
    )


def _describe(policy: DecisionPolicy, overview: PolicyOverview) -> dict[str, object]:
    terms = policy.terms
    is_in_force = overview.find_policy(terms.kind) == policy
    rule = (
        "the best score"
        if terms.threshold is None
        else f"redo under {terms.threshold:g}, bad is under {terms.bar:g}"
    )
    return {
        "policy": policy.name,
        "in force": "yes" if is_in_force else "",
        "kind": terms.kind.value,
        "rule": rule,
        "by chance": text.chosen_percent(terms.exploration),
        "set (UTC)": policy.at,
        "by": policy.by,
        "reason": policy.reason,
    }


def _offer_use(app: App, overview: PolicyOverview, policy: DecisionPolicy) -> None:
    expected = overview.find_expected(policy.terms.kind)

    def work(reason: str) -> str:
        put_in_force(
            app.db,
            policy.id,
            expected=expected,
            by=context.get_actor(),
            reason=reason,
            now=app.now(),
        )
        return f"{policy.name} decides from the next request on."

    actions.ask_reason(
        f"Put {policy.name} in force",
        Markdown("From the next request on, **{}** decides.").format(policy.name),
        work,
        key="use_policy",
        act=Act.POLICY,
    )


def _offer_rollback(app: App, kind: PolicyKind) -> None:
    def work(reason: str) -> str:
        change = roll_back_policy(
            app.db, kind, by=context.get_actor(), reason=reason, now=app.now()
        )
        return f"p{change.policy_id} decides again from the next request on."

    actions.ask_reason(
        f"Roll back the {kind.value} policy",
        Markdown("The {} policy that was in force before decides again.").format(kind.value),
        work,
        key=f"rollback_{kind.value}",
        act=Act.POLICY,
        icon=":material/undo:",
    )
