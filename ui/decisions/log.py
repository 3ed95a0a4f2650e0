"""The newest decisions, each with the probability that it had."""

from collections.abc import Sequence

from core import text
from core.domain.decisions.decision import LoggedDecision
from core.domain.decisions.policy import PolicyKind, policy_name
from ui import st
from ui.common import tables


def show(decisions: Sequence[LoggedDecision]) -> None:
    """Show the newest decisions, newest first."""
    if not decisions:
        st.caption(
            "No decision yet: POST /v1/decide and /v1/rank make them, and the client's methods "
            "decide and rank."
        )
        return
    tables.show(
        [_describe(decision) for decision in decisions],
        key="decisions",
        alt="The newest decisions, with what was done and how probable that was",
        columns={"at (UTC)": tables.time()},
    )


def _describe(decision: LoggedDecision) -> dict[str, object]:
    if decision.kind is PolicyKind.PICK:
        done = f"picked one of {decision.n_candidates}"
    else:
        done = "" if decision.action is None else decision.action.value
    return {
        "at (UTC)": decision.at,
        "policy": "" if decision.policy_id is None else policy_name(decision.policy_id),
        "done": done,
        "by chance": "yes" if decision.explored else "",
        "probability": text.percent(decision.probability),
        "P(bad)": text.percent(decision.p_bad),
        "attempt": decision.attempt,
        "unit": decision.unit_id or "",
        "prediction": decision.prediction_id,
    }
