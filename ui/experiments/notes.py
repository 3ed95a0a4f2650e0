"""The notes and tags of versions, and the form to add one."""

from collections.abc import Mapping, Sequence

from core import text
from core.bootstrap import App
from core.domain.actor import Act
from core.domain.version import Note, NoteKind, Version, list_tags, version_name
from core.training.notes import add_note
from ui import st
from ui.common import actions, context, tables
from ui.training import reports

_TEXT = "note_text"
_LABELS = {
    NoteKind.NOTE: "Add a note",
    NoteKind.TAG: "Add a tag",
    NoteKind.UNTAG: "Remove a tag",
}
_DID = {
    NoteKind.NOTE: "has a new note",
    NoteKind.TAG: "has the tag '{}'",
    NoteKind.UNTAG: "no longer has the tag '{}'",
}


def tags_of(said: Mapping[int, Sequence[Note]], number: int) -> tuple[str, ...]:
    """Return the current tags of a version."""
    return list_tags(said.get(number, ()))


def show(app: App, trained: Sequence[Version], said: Mapping[int, Sequence[Note]]) -> None:
    """Show the notes of all versions, newest first, and the form to add one."""
    n_notes = sum(len(of) for of in said.values())
    with st.expander(f"Notes and tags ({text.count(n_notes, 'entry', 'entries')})", key="notes"):
        _offer(app, trained)
        found = [note for of in said.values() for note in of]
        if not found:
            st.caption("No notes and tags yet.")
            return
        tables.show(
            [
                {
                    "version": version_name(note.version),
                    "what": note.kind.value,
                    "text": note.text,
                    "at (UTC)": note.at,
                    "by": note.by,
                }
                for note in sorted(found, key=lambda note: note.at, reverse=True)
            ],
            key="notes_table",
            alt="Notes and tags of all versions, newest first, with who and when",
            columns={"at (UTC)": tables.time(), "text": tables.wide()},
        )


def _offer(app: App, trained: Sequence[Version]) -> None:
    names = {version.number: reports.label(version) for version in trained}
    with st.form("note_form", border=False):
        st.selectbox("Version", list(names), format_func=lambda n: names[n], key="note_version")
        st.segmented_control(
            "What",
            list(_LABELS),
            default=NoteKind.NOTE,
            required=True,
            format_func=lambda kind: _LABELS[kind],
            key="note_kind",
        )
        st.text_input(
            "Text",
            key=_TEXT,
            placeholder="A note, or a tag such as do-not-deploy",
        )
        actions.submit(
            "Save",
            lambda: _save(app),
            key="note_confirm",
            act=Act.NOTE,
            clears=[_TEXT],
            primary=False,
        )
    st.caption("Saved with your name and the time, and in MLflow's run within a minute.")


def _save(app: App) -> str:
    kind, number = st.session_state["note_kind"], int(st.session_state["note_version"])
    by, said = context.get_actor(), st.session_state[_TEXT]
    note = add_note(app.db, number, kind, said, by=by, now=app.now())
    return f"{version_name(number)} {_DID[kind].format(note.text)}."
