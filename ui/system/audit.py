"""The audit on the screen: who did what, a search, one entry in full, verification, download."""

import json
from collections.abc import Sequence

from core import text
from core.audit.export import write_lines
from core.audit.verify import describe_verification, verify_audit
from core.bootstrap import App
from core.domain.actor import AuditEntry, AuditOutcome
from core.store.installation import audit
from ui import st
from ui.common import tables
from ui.markup import bullets

_N_SHOWN = 200
_N_FINDINGS = 20


def show(app: App) -> None:
    """Show the newest entries that are searched for, and the one that is selected."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.text_input(
            "Search", key="audit_search", placeholder="Who, what, which or why", width=300
        )
        refused = st.toggle("Refused only", key="audit_refused")
        verifies = st.button("Verify", key="verify_audit", icon=":material/verified:")
    if verifies:
        _verify(app)
    outcome = AuditOutcome.REFUSED if refused else None
    with app.db.read() as conn:
        found = audit.search_entries(conn, wanted.strip(), outcome=outcome, limit=_N_SHOWN)
    if not found:
        st.caption("No entry." if wanted or refused else "Nothing was changed yet.")
        return
    chosen = _show_table(found)
    if chosen is not None:
        _show_entry(found[chosen])
    st.download_button(
        f"Download {text.count(len(found), 'entry', 'entries')}",
        b"".join(write_lines(found)),
        file_name="audit.jsonl",
        mime="application/jsonl",
        key="download_audit",
        icon=":material/download:",
        on_click="ignore",
        help="JSON lines. The verb `audit export` writes all of them.",
    )


def _show_table(found: Sequence[AuditEntry]) -> int | None:
    return tables.choose(
        [
            {
                "when (UTC)": entry.at,
                "who": entry.by,
                "role": entry.role.value,
                "from": ", ".join(part for part in (entry.via, entry.place) if part),
                "what": entry.act.value,
                "target": entry.target,
                "outcome": entry.outcome.value,
                "reason": entry.reason,
            }
            for entry in found
        ],
        key="audit",
        alt="Who changed or asked for what, from where, and how it ended, newest first",
        columns={"when (UTC)": tables.time(), "reason": tables.wide()},
    )


def _show_entry(entry: AuditEntry) -> None:
    st.caption(f"Entry {entry.id}: before, and after")
    for value in (entry.before, entry.after):
        lines = json.dumps(value, indent=2, ensure_ascii=False).split("\n")
        st.code(["nothing kept"] if value is None else lines, height="content")


def _verify(app: App) -> None:
    found = verify_audit(app.db)
    if not found.findings:
        st.success(describe_verification(found), icon=":material/verified:")
        return
    st.error(describe_verification(found), icon=":material/gpp_bad:")
    st.markdown(bullets(found.findings[:_N_FINDINGS]))
