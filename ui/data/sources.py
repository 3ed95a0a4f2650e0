"""Sources on the screen: how the last collection of each went, collecting now, mapping a table."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from core import text
from core.bootstrap import App, load_current_settings
from core.domain.actor import Act
from core.domain.sample import Sample
from core.domain.source import CollectionOutcome, SourceStatus, TableMapping
from core.errors import OpsError
from core.store.data import sources as source_rows
from core.store.predictions import feedback
from core.system import request_job
from ui import st
from ui.common import actions, context, jobs, tables
from ui.markup import Markdown, code

_TABLES = "supabase:"
_TABLE, _LOOKED_AT = "map_table_name", "map_table_looked_at"
_OUTCOMES = {
    CollectionOutcome.COLLECTED: "collected",
    CollectionOutcome.MISSING: "missing",
    CollectionOutcome.EMPTY: "no visible row",
    CollectionOutcome.FAILED: "failed",
    None: "not finished",
}


def offer_collection(app: App) -> None:
    """Offer to collect now, and to map or stop a table of Supabase."""
    settings = app.settings
    has_project = bool(settings.supabase_url and settings.supabase_key)
    with app.db.read() as conn:
        has_feedback = feedback.count_waiting(conn) > 0
    if has_project or settings.watch_folder is not None or has_feedback:
        actions.button(
            "Collect now",
            lambda: _request(app),
            key="collect_now",
            act=Act.COLLECT,
            icon=":material/cloud_download:",
        )
    if not has_project:
        folder = "; for files that arrive in a folder, PLUMBLINE_WATCH_FOLDER"
        st.caption(
            "To collect from Supabase on schedule, set PLUMBLINE_SUPABASE_URL and "
            f"PLUMBLINE_SUPABASE_KEY and start again{'' if settings.watch_folder else folder}."
        )
        return
    with st.expander("Map a table of Supabase", icon=":material/table:", key="map_table"):
        _map_table(app)
    _offer_stop(app)


def show(found: Sequence[SourceStatus]) -> None:
    """Show each source with its last collection, its rows and its error; an error that several
    share is shown once."""
    failed: dict[str, list[str]] = {}
    for source in found:
        if source.outcome is CollectionOutcome.FAILED:
            failed.setdefault(source.message or "", []).append(source.name)
    for message, names in failed.items():
        st.error(
            Markdown("**{}**: {}").format(", ".join(names), message),
            icon=":material/cloud_off:",
        )
    tables.show(
        [
            {
                "source": source.name,
                "outcome": _OUTCOMES[source.outcome],
                "last run (UTC)": source.started_at,
                "rows read": source.n_received,
                "new": source.n_new,
                "waiting": source.n_waiting,
                "read up to (UTC)": source.watermark_at,
                "result": source.message or text.NOTHING,
            }
            for source in sorted(found, key=lambda one: one.outcome is not CollectionOutcome.FAILED)
        ],
        key="sources",
        alt="Sources with their last run, rows, watermark and failures",
        columns={
            "last run (UTC)": tables.time(),
            "read up to (UTC)": tables.time(),
            "result": tables.wide(),
            **{name: tables.whole() for name in ("rows read", "new", "waiting")},
        },
    )


def _offer_stop(app: App) -> None:
    """Offer to stop the collection of a table."""
    with app.db.read() as conn:
        names = [source.name for source in source_rows.load_sources(conn)]
    collected = [name.removeprefix(_TABLES) for name in names if name.startswith(_TABLES)]
    if not collected:
        return
    with st.expander("Stop collecting a table", icon=":material/cloud_off:", key="stop_table"):
        table = st.selectbox("Table", collected, key="stop_table_name", width=300)
        actions.ask_reason(
            "Stop collecting",
            Markdown("{} is no longer read from the next collection on. Its rows stay.").format(
                code(table)
            ),
            lambda reason: _stop(app, table, reason),
            key="stop_table_now",
            act=Act.MAP_TABLE,
            icon=":material/cloud_off:",
        )


def _stop(app: App, table: str, reason: str) -> str:
    # Not at the top: the Supabase client takes a second that the first paint would wait for.
    from core.data.tables import table_mappings

    table_mappings.remove_mapping(
        app.db,
        table,
        table_mappings.parse_mappings(load_current_settings(app).supabase_tables),
        by=context.get_actor(),
        reason=reason,
        now=app.now(),
    )
    return f"'{table}' is no longer collected; its rows stay."


def _request(app: App) -> str:
    job = request_job(app, "collect", {}, by=context.get_actor(), reason="collection by hand")
    return f"{jobs.describe(job)} was requested; its progress is below."


def _map_table(app: App) -> None:
    """Offer to name a table, preview its rows, and save the mapping."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Table", key=_TABLE, placeholder="Name without the schema", width=300)
        actions.button(
            "Test the connection",
            lambda: _look(app),
            key="map_table_look",
            act=Act.MAP_TABLE,
            icon=":material/cable:",
        )
    looked_at = st.session_state.get(_LOOKED_AT)
    if looked_at is None:
        return
    columns, guess = looked_at
    mapping = _pick_mapping(columns, guess)
    _show_trial(app, mapping)
    actions.ask_reason(
        "Collect this table",
        Markdown(
            "The next collection reads {} like this. If the mapping has changed, all its rows "
            "are read again."
        ).format(code(mapping.table)),
        lambda reason: _save(app, mapping, reason),
        key="map_table_save",
        act=Act.MAP_TABLE,
        icon=":material/save:",
        primary=True,
    )


def _look(app: App) -> str:
    # Not at the top: the Supabase client takes a second that the first paint would wait for.
    from core.data.tables import table_mappings

    table = str(st.session_state.get(_TABLE, "")).strip()
    if not table:
        raise actions.NotDone("name the table first.")
    refusal = context.find_refusal(Act.MAP_TABLE)
    if refusal is not None:
        raise actions.NotDone(refusal)
    settings = app.settings
    with closing(
        table_mappings.open_project(
            settings.supabase_url,
            settings.supabase_key.reveal(),
            settings.supabase_timeout_seconds,
        )
    ) as project:
        columns, guess = table_mappings.look_at_table(project, table)
    st.session_state[_LOOKED_AT] = (columns, guess)
    return f"Supabase answers: {text.count(len(columns), 'column')} in '{table}'."


def _pick_mapping(columns: Sequence[str], guess: TableMapping) -> TableMapping:
    """Return the roles of the columns: guessed, and changed by the person."""
    names = list(columns)

    def pick(role: str, title: str, guessed: str | None, *, needed: bool = False) -> str | None:
        chosen = st.selectbox(
            title,
            names,
            index=None if guessed is None else names.index(guessed),
            key=f"map_table_{role}_{guess.table}",
            placeholder="choose" if needed else "none",
            width=180,
        )
        return guessed if chosen is None and needed else chosen

    with st.container(horizontal=True):
        target = pick("target", "Target", guess.target, needed=True) or guess.target
        key = pick("key", "Key (unique)", guess.key, needed=True) or guess.key
        timestamp = pick("timestamp", "Time of the work", guess.timestamp)
        label_timestamp = pick("label_timestamp", "Time of the label", None)
        changed = pick("changed", "Time of the last change", None)
        text = pick("text", "Text", guess.text)
        group = pick("group", "Group", guess.group)
    with st.container(horizontal=True):
        low = st.number_input(
            "Lowest target", value=None, key=f"map_table_low_{guess.table}", width=180
        )
        high = st.number_input(
            "Highest target", value=None, key=f"map_table_high_{guess.table}", width=180
        )
    features = st.multiselect(
        "Features",
        names,
        default=list(guess.features),
        key=f"map_table_features_{guess.table}",
    )
    taken = {target, key, timestamp, label_timestamp, changed, text, group}
    return replace(
        guess,
        target=target,
        key=key,
        timestamp=timestamp,
        label_timestamp=label_timestamp,
        changed=changed,
        text=text,
        group=group,
        target_low=low,
        target_high=high,
        features=tuple(name for name in features if name not in taken),
    )


def _show_trial(app: App, mapping: TableMapping) -> None:
    # Not at the top: the Supabase client takes a second that the first paint would wait for.
    from core.data.tables import table_mappings

    settings = app.settings
    try:
        with closing(
            table_mappings.open_project(
                settings.supabase_url,
                settings.supabase_key.reveal(),
                settings.supabase_timeout_seconds,
            )
        ) as project:
            trial = table_mappings.try_mapping(project, mapping, settings.scale)
    except OpsError as error:
        st.error(str(error), icon=":material/block:")
        return
    for rejection in trial.rejections[:5]:
        st.warning(
            f"Row {rejection.row} would be rejected: {rejection.message}.",
            icon=":material/warning:",
        )
    st.caption(
        f"The first {text.count(len(trial.samples), 'row')} as they would be imported; "
        "nothing is stored yet."
    )
    tables.show(
        [_describe(sample) for sample in trial.samples],
        key="map_table_rows",
        alt="The first rows of the table as they would be imported",
        limit=6,
    )


def _describe(sample: Sample) -> dict[str, object]:
    return {
        "id": sample.external_id,
        "time (UTC)": sample.at,
        "labelled (UTC)": sample.labelled_at,
        "target": sample.target,
        "group": sample.group,
        "text": sample.text,
        **sample.features,
    }


def _save(app: App, mapping: TableMapping, reason: str) -> str:
    # Not at the top: the Supabase client takes a second that the first paint would wait for.
    from core.data.tables import table_mappings

    table_mappings.save_mapping(
        app.db, mapping, by=context.get_actor(), reason=reason, now=app.now()
    )
    st.session_state.pop(_LOOKED_AT, None)
    return f"'{mapping.table}' is collected from now on; 'Collect now' does it at once."
