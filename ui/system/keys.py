"""API keys on the screen: the table, a form to create one, and buttons to rotate and revoke one."""

from collections.abc import Sequence
from datetime import timedelta

from core import text
from core.bootstrap import App
from core.domain.actor import Act
from core.domain.installation import ApiKey, Scope
from core.serving.keys import create_key, revoke_key, rotate_key
from ui import st
from ui.common import actions, context, tables
from ui.markup import Markdown, code

_NAME, _SCOPES, _LIFE, _OVERLAP = "key_name", "key_scopes", "key_days", "key_overlap"
_LIVES = {30: "In 30 days", 90: "In 90 days", 365: "In a year", None: "Never"}
_USUAL_DAYS = 90
_OVERLAPS = {0: "At once", 1: "In an hour", 24: "In 24 hours", 168: "In a week"}
_USUAL_HOURS = 24


def show(app: App, found: Sequence[ApiKey]) -> None:
    """Show the keys, and what can be done with them after a login of the last minutes."""
    now = app.now()
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
                    "state": key.describe_state(now),
                    "last used (UTC)": key.used_at,
                    "created (UTC)": key.created_at,
                    "by": key.created_by,
                }
                for key in found
            ],
            key="keys",
            alt="API keys with their scopes and states, who made them, and when they were used",
            columns={"last used (UTC)": tables.time(), "created (UTC)": tables.time()},
        )
    if context.find_refusal(Act.KEYS) is None and not context.require_recent_login(
        "change keys", key="keys_login"
    ):
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _offer_create(app)
        _offer_end(app, [key for key in found if key.is_live(now)])


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
            format_func=lambda scope: scope.value,
            key=_SCOPES,
            placeholder="What it is for",
        )
        st.selectbox(
            "Expires",
            list(_LIVES),
            index=list(_LIVES).index(_USUAL_DAYS),
            format_func=_LIVES.__getitem__,
            key=_LIFE,
        )
        actions.submit(
            "Create it",
            lambda: _create(app),
            key="create_key_confirm",
            act=Act.KEYS,
            clears=[_NAME],
        )


def _create(app: App) -> str:
    now, days = app.now(), st.session_state[_LIFE]
    key, secret = create_key(
        app.db,
        str(st.session_state[_NAME]).strip(),
        frozenset(st.session_state[_SCOPES]),
        by=context.get_recent_actor(),
        now=now,
        expires_at=None if days is None else now + timedelta(days=days),
    )
    return _tell(key, secret, "created")


def _offer_end(app: App, live: Sequence[ApiKey]) -> None:
    if not live:
        return
    by_id = {key.id: key for key in live}
    chosen = st.selectbox(
        "Key",
        list(by_id),
        format_func=lambda key_id: f"{by_id[key_id].name} ({by_id[key_id].prefix}…)",
        key="key",
        width=300,
    )
    name = by_id[chosen].name
    hours = st.selectbox(
        "If rotated, the old one ends",
        list(_OVERLAPS),
        index=list(_OVERLAPS).index(_USUAL_HOURS),
        format_func=_OVERLAPS.__getitem__,
        key=_OVERLAP,
        width=220,
    )

    def rotate() -> str:
        key, secret = rotate_key(
            app.db,
            chosen,
            overlap=timedelta(hours=hours),
            by=context.get_recent_actor(),
            now=app.now(),
        )
        return _tell(key, secret, "replaced")

    def revoke() -> str:
        revoke_key(app.db, chosen, by=context.get_recent_actor(), now=app.now())
        return f"Key “{name}” is revoked; callers that use it get 401 within {text.duration(1)}."

    if by_id[chosen].replaced_by is None:
        actions.confirm(
            "Rotate",
            Markdown("**{}** gets a new key with the same scopes. The old one ends: {}.").format(
                name, _OVERLAPS[hours].lower()
            ),
            rotate,
            key="rotate_key",
            act=Act.KEYS,
            confirm="Rotate it now",
            icon=":material/autorenew:",
        )
    actions.confirm(
        "Revoke",
        Markdown("Callers that use **{}** are refused from then on. This cannot be undone.").format(
            name
        ),
        revoke,
        key="revoke_key",
        act=Act.KEYS,
        confirm="Revoke it now",
        icon=":material/key_off:",
    )


def _tell(key: ApiKey, secret: str, done: str) -> str:
    return Markdown("Key “{}” is {}. Copy it now, it is not shown again: {}").format(
        key.name, done, code(secret)
    )
