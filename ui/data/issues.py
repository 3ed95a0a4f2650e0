"""The findings of the data checks as a table: worst first, with the severity and the next step."""

from collections.abc import Sequence

from core import text
from core.domain.dataset import Issue, Severity
from ui import st
from ui.markup import badge

_LOOKS = {
    Severity.BLOCKING: ("Blocking", ":material/block:", "red"),
    Severity.WARNING: ("Warning", ":material/warning:", "orange"),
    Severity.INFO: ("Note", ":material/info:", "gray"),
}
_OPEN = 12  # findings that are read before the eye slides over them
_NAMES = 4  # of columns that are at fault together


def blocking(issues: Sequence[Issue]) -> list[Issue]:
    """Return the issues that stop a training without an override."""
    return [issue for issue in issues if issue.severity is Severity.BLOCKING]


def show(issues: Sequence[Issue]) -> None:
    """Show the findings with severity, columns, rows and next step; findings that stop a training
    are never folded."""
    found: dict[str, list[Issue]] = {}
    for issue in sorted(issues, key=lambda one: list(_LOOKS).index(one.severity)):
        found.setdefault(issue.sentence, []).append(issue)  # of columns at fault together, once
    rows = [_build_row(group) for group in found.values()]
    n_open = max(_OPEN, sum(group[0].severity is Severity.BLOCKING for group in found.values()))
    _show_table(rows[:n_open])
    if rows[n_open:]:
        rest = text.count(len(rows) - n_open, "more finding")
        with st.expander(rest, icon=":material/unfold_more:", key="more_issues"):
            _show_table(rows[n_open:])


def name_worst(issues: Sequence[Issue], column: str) -> str:
    """Return the severity of the worst finding about a column in a word; a dash if there is none.

    >>> name_worst([Issue("stale_data", Severity.WARNING, "a", 3, "Old.")], "a")
    'warning'
    """
    severities = {issue.severity for issue in issues if issue.column == column}
    return next((_LOOKS[one][0].lower() for one in _LOOKS if one in severities), text.NOTHING)


def _build_row(group: Sequence[Issue]) -> dict[str, str]:
    """Return the row of one finding; the issues of several columns share a text."""
    first = group[0]
    word, icon, color = _LOOKS[first.severity]
    names = [issue.column for issue in group if issue.column is not None]
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return {
        "severity": badge(word, icon, color),
        "column": (", ".join(names[:_NAMES]) + more) or text.NOTHING,
        "rows": text.number(first.n_rows),
        "finding and next step": first.sentence,
    }


def _show_table(rows: Sequence[dict[str, str]]) -> None:
    st.table(
        rows,
        border="horizontal",
        hide_index=True,
        alt="Findings of the checks, worst first, with their columns and rows",
    )
