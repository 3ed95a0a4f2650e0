"""API keys on the screen: the table, a form to create one and a button to revoke one."""

from collections.abc import Sequence

from core import text
from core.bootstrap import App
from core.domain.actor import Act
from core.domain.installation import ApiKey, Scope
from core.serving.keys import create_key, revoke_key
from ui import st
from ui.common import actions, context, tables
from ui.markup import Markdown, code

_NAME, _SCOPES = "key_name", "key_scopes"


def show(app: App, found: Sequence[ApiKey]) -> None:
    """Show the keys, a form to create one, and a button to revoke one."""
    if not found:
        st.caption(
            "No key yet: the API answers anybody on this machine, and listens nowhere else until "
            "there is a key."
        )
    else:
        tables.show(
            [
                {
                    "key": f"{key.prefix}…",
                    "name": key.name,
                    "scopes": ", ".join(sorted(key.scopes)),
                    "status": "revoked" if key.revoked_at else "live",
                    "created (UTC)": key.created_at,
                    "by": key.created_by,
                    "revoked (UTC)": key.revoked_at,
                }
                for key in found
            ],
            key="keys",
            alt="API keys with their scopes, who made them, and whether they are revoked",
            columns={"made (UTC)": tables.time(), "revoked (UTC)": tables.time()},
        )
    if not context.require_recent_login("make or revoke keys", key="keys_login"):
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _offer_create(app)
        _offer_revoke(app, [key for key in found if key.revoked_at is None])


def _offer_create(app: App) -> None:
    with (
        actions.popover("Create a key", act=Act.KEYS, icon=":material/key:"),
        st.form("create_key", border=False),
    ):
        st.markdown("The key is shown once; only its hash is kept.")
        st.text_input("Name", key=_NAME, placeholder="Who will use it, and for what")
        st.multiselect(
            "Scopes",
            list(Scope),
            default=list(Scope),
            format_func=lambda scope: scope.value,
            key=_SCOPES,
        )
        actions.submit(
            "Create it",
            lambda: _create(app),
            key="create_key_confirm",
            act=Act.KEYS,
            clears=[_NAME],
        )


def _create(app: App) -> str:
    key, secret = create_key(
        app.db,
        str(st.session_state[_NAME]).strip(),
        frozenset(st.session_state[_SCOPES]),
        by=context.get_recent_actor(),
        now=app.now(),
    )
    return Markdown("Key “{}” is created. Copy it now, it is not shown again: {}").format(
        key.name, code(secret)
    )


def _offer_revoke(app: App, live: Sequence[ApiKey]) -> None:
    if not live:
        return
    by_id = {key.id: key for key in live}
    chosen = st.selectbox(
        "Key to revoke",
        list(by_id),
        format_func=lambda key_id: f"{by_id[key_id].name} ({by_id[key_id].prefix}…)",
        key="key",
        width=300,
    )
    name = by_id[chosen].name

    def work() -> str:
        revoke_key(app.db, chosen, by=context.get_recent_actor(), now=app.now())
        return f"Key “{name}” is revoked; callers that use it get 401 within {text.duration(1)}."

    actions.confirm(
        "Revoke",
        Markdown("Callers that use **{}** are refused from then on. This cannot be undone.").format(
            name
        ),
        work,
        key="revoke_key",
        act=Act.KEYS,
        confirm="Revoke it now",
        icon=":material/key_off:",
    )
