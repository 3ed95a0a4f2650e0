"""What the data checks found, worst first, in words with an icon."""

from collections.abc import Sequence

import streamlit as st

from core.domain.issue import Issue, Severity, fold_issues
from ui import words

_OPEN = 8  # lines that are read before the eye slides over them

_LOOKS = {
    Severity.BLOCKING: ("Blocking", ":material/block:", "red"),
    Severity.WARNING: ("Warning", ":material/warning:", "orange"),
    Severity.INFO: ("Note", ":material/info:", "gray"),
}


def blocking(issues: Sequence[Issue]) -> list[Issue]:
    """The issues that stop a training unless somebody overrides them."""
    return [issue for issue in issues if issue.severity is Severity.BLOCKING]


def show(issues: Sequence[Issue]) -> None:
    """Every issue as a line: how bad it is, what was found, and what to do; the worst are open."""
    order = list(_LOOKS)
    ordered = sorted(fold_issues(issues), key=lambda issue: order.index(issue.severity))
    n_open = max(_OPEN, len(blocking(ordered)))
    _list(ordered[:n_open])
    if ordered[n_open:]:
        rest = words.count(len(ordered) - n_open, "more finding")
        with st.expander(rest, icon=":material/unfold_more:", key="more_issues"):
            _list(ordered[n_open:])


def _list(issues: Sequence[Issue]) -> None:
    for issue in issues:
        word, icon, color = _LOOKS[issue.severity]
        st.markdown(f":{color}-badge[{icon} {word}] {issue.message}")
