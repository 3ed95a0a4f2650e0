"""What the data checks found, worst first, in words with an icon."""

from collections.abc import Sequence

import streamlit as st

from core.domain.issue import Issue, Severity

_LOOKS = {
    Severity.BLOCKING: ("Blocking", ":material/block:", "red"),
    Severity.WARNING: ("Warning", ":material/warning:", "orange"),
    Severity.INFO: ("Note", ":material/info:", "gray"),
}


def blocking(issues: Sequence[Issue]) -> list[Issue]:
    """The issues that stop a training unless somebody overrides them."""
    return [issue for issue in issues if issue.severity is Severity.BLOCKING]


def show(issues: Sequence[Issue]) -> None:
    """Every issue as a line: how bad it is, what was found, and what to do."""
    order = list(_LOOKS)
    for issue in sorted(issues, key=lambda issue: order.index(issue.severity)):
        word, icon, color = _LOOKS[issue.severity]
        st.markdown(f":{color}-badge[{icon} {word}] {issue.message}")
