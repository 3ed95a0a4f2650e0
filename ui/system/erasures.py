"""Deleting a person's rows on the screen, and the log of deletions."""

from core import text
from core.bootstrap import App
from core.domain.actor import Act
from core.domain.dataset import IdKind, Trace, list_erased
from core.domain.version import Version, version_name
from core.store.data import erasures
from ui import st
from ui.common import actions, context, tables
from ui.markup import Markdown

_KINDS = {IdKind.ID: "id of a row or prediction", IdKind.GROUP: "group, or unit of predictions"}


def offer(app: App) -> None:
    """Offer to trace rows by id or group, and to delete them with a reason."""
    with st.expander("Trace or delete a person's rows", icon=":material/person_remove:"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.selectbox("By", list(_KINDS.values()), key="erase_kind", width=260)
            name = st.text_input("Name", key="erase_name", width=300).strip()
        if not name:
            return
        kind = IdKind.GROUP if chosen == _KINDS[IdKind.GROUP] else IdKind.ID
        found = _trace(app, kind, name)
        st.markdown(describe(found))
        if not found.is_empty and context.require_recent_login(
            "delete rows for good", key="erase_login"
        ):
            actions.ask_reason(
                "Delete for good",
                f"{describe(found)} Snapshots are rewritten without the rows, files that wait "
                "for their import are removed, and the name is replaced where the program quoted "
                "it. A version keeps what it has learned and ten training rows that check its "
                "artifact, here and in MLflow. Not searched: the watched folder, reasons and notes "
                "that people wrote, backups. Rows in a collected source come back unless they are "
                "deleted there too.",
                lambda reason: _erase(app, kind, name, reason),
                key="erase_now",
                act=Act.ERASE,
                icon=":material/delete_forever:",
            )


def show(app: App) -> None:
    """Show the log of deletions; nothing without one."""
    with app.db.read() as conn:
        notes = erasures.load_erasures(conn)
    if not notes:
        return
    st.subheader("Deleted rows")
    tables.show(
        [
            {
                "deleted (UTC)": note.at,
                "rows": describe(note.found),
                "by": note.by,
                "why": note.reason,
            }
            for note in notes
        ],
        key="erasures",
        alt="Rows that were deleted, with the snapshots and versions that used them",
        columns={"deleted (UTC)": tables.time(), "rows": tables.wide(), "why": tables.wide()},
    )


def note(app: App, version: Version) -> None:
    """Show that rows of a version were deleted since; nothing without any."""
    with app.db.read() as conn:
        erased = list_erased(erasures.load_erasures(conn), version.snapshot_id)
    if erased:
        n_rows = sum(n for _, n in erased)
        st.caption(
            Markdown(
                ":material/person_remove: {} of snapshot "
                "{} {} deleted for good, last on {}. {} learned from them; training on the rest "
                "gives other figures. The data page lists deletions."
            ).format(
                text.count(n_rows, "row"),
                version.snapshot_id,
                "was" if n_rows == 1 else "were",
                text.moment(max(at for at, _ in erased)),
                version.name,
            )
        )


def describe(found: Trace) -> str:
    """Describe the traced rows in a sentence: their number, and the snapshots and versions with
    them."""
    uses = [
        f"snapshot {use.snapshot_id} has {use.n_rows} ("
        + (", ".join(version_name(number) for number in use.versions) or "no version")
        + " learned from it)"
        for use in found.uses
    ]
    return f"{found.describe()}; {'; '.join(uses) or 'no snapshot holds them'}."


def _trace(app: App, kind: IdKind, name: str) -> Trace:
    # Not at the top: pyarrow would slow the first paint.
    from core.data.erase import trace_rows

    return trace_rows(app.db, app.settings.snapshots, kind, name)


def _erase(app: App, kind: IdKind, name: str, reason: str) -> str:
    # Not at the top: pyarrow would slow the first paint.
    from core.data.erase import ErasureRequest, erase_rows

    note = erase_rows(
        app.db,
        app.settings.snapshots,
        ErasureRequest(kind, name, context.get_recent_actor(), reason, app.settings.uploads),
        now=app.now,
        scale=app.settings.scale,
        rules=app.settings.rules,
    )
    return f"Deleted: {describe(note.found)}"
