"""The import of a file: keep it, preview it, name its columns, and request a job."""

from pathlib import Path

import msgspec

from core import text
from core.bootstrap import App, load_current_settings
from core.data.sources.file_preview import FilePreview
from core.data.sources.file_problems import find_problems
from core.data.sources.files import SUFFIXES
from core.data.sources.preview import preview_file
from core.data.uploads import keep_upload, locate_upload
from core.domain.actor import Act
from core.domain.dataset import Issue
from core.domain.sample import ColumnMapping
from core.errors import OpsError
from core.system import request_job
from ui import st
from ui.common import actions, context, jobs, tables
from ui.data import issues
from ui.markup import Markdown

_GENERATION = "upload_generation"
_ROLES = {
    "timestamp": ("Time", "When the work was made; the newest rows are the holdout."),
    "label_timestamp": (
        "Time of the label",
        "When the target was known: gives the label delay, and histories count the row from then.",
    ),
    "text": ("Text", "The scored text, or the answer."),
    "id": ("Id", "Identifies a row; a later row with the same id replaces it."),
    "group": (
        "Group",
        "Rows that belong together, such as a session: never on both sides of a split.",
    ),
}


def offer_import(app: App) -> bool:
    """Offer to choose a file, preview it, name its columns and import it; return True if one is
    chosen."""
    refusal = context.find_refusal(Act.COLLECT)
    uploaded = st.file_uploader(
        "File with labelled rows: CSV, JSON, JSONL, Parquet or spreadsheet",
        type=[ending.lstrip(".") for ending in SUFFIXES],
        max_upload_size=app.settings.upload_limit_mb,
        key=f"upload_{st.session_state.get(_GENERATION, 0)}",
        disabled=refusal is not None,
        help=refusal,
    )
    if uploaded is None or refusal is not None:
        return False
    try:
        path = _keep(app, uploaded)
    except OpsError as error:
        st.error(str(error), icon=":material/block:")
        return True
    preview = _look(path, _limit(app), uploaded.name)
    if isinstance(preview, str):
        st.error(preview, icon=":material/block:")
        return True
    worst = st.container()  # what the chosen columns make worth a look stands above them
    _show_preview(preview)
    mapping = _pick_mapping(preview, uploaded.file_id)
    problems = _find_problems(app, preview, mapping)
    with worst:
        if problems:
            issues.show(problems)
    accepted = st.checkbox(
        "Import even if more than a fifth of the rows cannot be taken",
        key=f"accept_rejects_{uploaded.file_id}",
        help="Rows that are left may not stand for all: the others are lost for a reason.",
    )
    actions.button(
        f"Import {uploaded.name}",
        lambda: _request(app, path, uploaded.name, mapping, accepted),
        key="import_now",
        act=Act.COLLECT,
        type="primary",
        icon=":material/upload:",
        disabled=mapping is None or bool(issues.blocking(problems)),
    )
    return True


def _find_problems(
    app: App, preview: FilePreview, mapping: ColumnMapping | None
) -> tuple[Issue, ...]:
    settings = load_current_settings(app)
    chosen = mapping or preview.mapping
    return find_problems(preview, chosen, settings.scale, settings.tolerance)


@st.cache_data(max_entries=20, show_spinner="Looking at the first rows …")
def _look(path: Path, limit_bytes: int, name: str) -> FilePreview | str:
    """Return a preview of the first rows, or why there is none; cached across reruns of the
    page."""
    try:
        return preview_file(path, limit_bytes, name)
    except OpsError as error:
        return str(error)


def offer_demo(app: App) -> None:
    """Offer generated rows, which stay marked as such."""
    with actions.popover("Fill with demo data", act=Act.COLLECT, icon=":material/science:"):
        st.markdown(
            Markdown(
                "Generates **synthetic** rows with known noise, to try things out. They are "
                "marked everywhere and never evaluated together with real rows."
            )
        )
        with st.form("demo", border=False):
            st.number_input("Rows", 100, 100_000, 5000, step=100, key="demo_rows")
            st.number_input("Seed", 0, value=0, key="demo_seed")
            actions.submit(
                "Generate synthetic rows",
                lambda: _request_demo(app),
                key="demo_now",
                act=Act.COLLECT,
            )


def _show_preview(preview: FilePreview) -> None:
    looked = text.count(preview.n_rows, "row")
    rows = looked if preview.complete else f"the first {looked}"
    st.caption(
        f"{preview.form}, {text.size(preview.n_bytes)}; {rows} previewed. "
        + " ".join(preview.notes)
    )
    first, columns = st.tabs(["First rows", text.count(len(preview.columns), "column")])
    with first:
        tables.show(preview.rows, key="preview", alt="The first rows of the file", limit=6)
    with columns:
        tables.show(
            [
                {
                    "column": column.name,
                    "guessed role": column.role,
                    "kind": column.kind.value,
                    "missing": column.n_missing,
                    "distinct": column.n_distinct,
                    "example": column.example,
                    "why": column.why,
                }
                for column in preview.columns
            ],
            key="preview_columns",
            alt="The columns of the file, their guessed roles, and an example",
            limit=8,
            columns={"missing": tables.whole(), "distinct": tables.whole()},
        )


def _pick_mapping(preview: FilePreview, file_id: str) -> ColumnMapping | None:
    """Return the roles of the columns, guessed and changed by the person; None while they
    contradict each other."""
    names, guess = [column.name for column in preview.columns], preview.mapping
    st.markdown(Markdown("**Columns** :gray[Guessed from names and values; change what is wrong.]"))
    with st.container(horizontal=True):
        target = st.selectbox(
            "Target",
            names,
            index=names.index(guess.target),
            key=f"map_target_{file_id}",
            help="The number to predict, on the scale of the settings.",
            width=200,
        )
        chosen: dict[str, str | None] = {}
        for role, (title, help_text) in _ROLES.items():
            guessed = getattr(guess, role)
            chosen[role] = st.selectbox(
                title,
                names,
                index=None if guessed is None else names.index(guessed),
                key=f"map_{role}_{file_id}",
                placeholder="none",
                help=help_text,
                width=170,
            )
    named = [name for name in (target, *chosen.values()) if name is not None]
    ignored = st.multiselect(
        "Leave out",
        names,
        default=[name for name in guess.ignored if name in names],
        key=f"map_ignored_{file_id}",
        placeholder="Columns that are not features, such as a second label",
    )
    if len({*named, *ignored}) < len(named) + len(ignored):
        st.error(
            "A column was chosen twice: give each column one role.",
            icon=":material/block:",
        )
        return None
    n_features = len(names) - len(named) - len(ignored)
    st.caption(f"{n_features} of {text.count(len(names), 'column')} become features.")
    return ColumnMapping(target=target, ignored=tuple(ignored), **chosen)


def _keep(app: App, uploaded: st.UploadedFile) -> Path:
    """Return the uploaded file on disk, one copy however often the page runs."""
    folder, key = app.settings.uploads, uploaded.file_id
    path = locate_upload(folder, key, uploaded.name)
    if not path.exists():
        keep_upload(folder, key, uploaded.name, uploaded, _limit(app), app.now())
    return path


def _limit(app: App) -> int:
    return app.settings.upload_limit_mb * 1_000_000


def _request(
    app: App, path: Path, name: str, mapping: ColumnMapping | None, accept_rejects: bool
) -> str:
    if mapping is None:
        raise actions.NotDone("give each column one role first.")
    job = request_job(
        app,
        "import",
        {
            "path": str(path),
            "name": name,
            "mapping": msgspec.to_builtins(mapping),
            "accept_rejects": accept_rejects,
        },
        by=context.get_actor(),
        reason=f"import of {name}",
    )
    st.session_state[_GENERATION] = st.session_state.get(_GENERATION, 0) + 1
    return f"{jobs.describe(job)} of {name} was requested; its progress is below."


def _request_demo(app: App) -> str:
    job = request_job(
        app,
        "demo",
        {"n_rows": int(st.session_state["demo_rows"]), "seed": int(st.session_state["demo_seed"])},
        by=context.get_actor(),
        reason="demo data",
    )
    return f"{jobs.describe(job)} was requested; its progress is below."
