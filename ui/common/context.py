"""The guard at the top of every page: the person who asks, and this process's app."""

import threading
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import streamlit
from streamlit import file_util, net_util
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.bootstrap import App, build_app, local_actor
from core.clock import utc_now
from core.domain.actor import LEAST_ROLE, Act, Actor
from core.domain.installation import Session, SessionEnd
from core.errors import OpsError, Refused
from core.libraries import import_library
from core.login.provider import has_secure_address
from core.login.roles import build_actor
from core.login.sessions import LoginSessions
from core.settings import load_settings, read_login
from core.web.exposure import build_trusted_hosts, is_loopback
from core.web.forwarded import build_front
from ui import st
from ui.gate.headers import build_headers
from ui.gate.login import Login, build_login
from ui.gate.middleware import Rules
from ui.gate.uploads import UploadRules

RECENT_MINUTES = 15
_NO_LOGIN = "PLUMBLINE_ALLOWED_EMAILS is set, but login is not: add [auth] to secrets.toml."
_ENDED = "Your login has ended, and nothing was done: log in again."
_LEAVES = "leaves"  # in the session state of a page on which somebody logged out


@st.cache_resource(show_spinner=False)
def load_app() -> App:
    """Return this process's app, built once; raises `OpsError` until the store can be used."""
    return build_app()


@st.cache_resource(show_spinner=False)
def load_login_sessions() -> LoginSessions:
    """Return this process's login sessions; raises `OpsError` until the store can be used."""
    app = load_app()
    return LoginSessions(app.db, app.settings, app.now)


@st.cache_resource(show_spinner=False)
def prepare() -> None:
    """Start, once a process, to import the libraries that verify a version, so that a rollback does
    not wait seconds for them."""
    threading.Thread(target=import_library, args=("skops.io",), daemon=True).start()


@cache
def load_rules() -> Rules:
    """Load the rules of the gate; raise `InvalidInput` for a wrong setting or section [auth]."""
    settings, section = load_settings(), read_login(Path.cwd())
    login = None
    if section is not None:
        login = build_login(section, settings, load_login_sessions, utc_now)
    site = login.site if login is not None and not settings.public_url else settings.public_url
    host = (
        streamlit.get_option("server.address") or "0.0.0.0"
    )  # it may have been given to Streamlit alone
    trusted = build_trusted_hosts(replace(settings, host=host, public_url=site))
    secure = has_secure_address(settings) if login is None else login.secure
    index_page = Path(file_util.get_static_dir()) / "index.html"
    return Rules(
        trusted=trusted,
        login=login,
        closed=_NO_LOGIN if settings.allowed_emails and login is None else "",
        headers=build_headers(index_page.read_text(encoding="utf-8"), secure=secure),
        secure=secure,
        uploads=UploadRules(2 * settings.upload_limit_mb * 1_048_576, _list_upload_sizes),
        front=build_front(settings),
    )


def get_app() -> App:
    """Return the app to a person with access. Otherwise, or if a setting is wrong or the store
    cannot be used, show one sentence and end the page."""
    try:
        app = load_app()
        session = _find_session()
    except OpsError as error:
        st.title("Plumbline cannot start")
        st.error("Its log says why." if login_is_set_up() else str(error), icon=":material/error:")
        st.caption("Fix it, then reload this page.")
        st.stop()
    if login := _get_login():
        if session is None:
            st.markdown("Your login has ended.")
            # where the gate asks for the login, or to the provider's own log-out
            _go_to(login.leave_path if st.session_state.pop(_LEAVES, False) else _get_page())
            st.stop()
    elif app.settings.allowed_emails:
        st.error(_NO_LOGIN, icon=":material/lock:")
        st.stop()
    return app


def get_actor() -> Actor:
    """Return the person of the login, else the local one. Raises `Refused` if the login has
    ended."""
    if not login_is_set_up():
        return local_actor(load_app().settings)
    session = _find_session()
    if session is None:
        raise Refused(_ENDED)
    return build_actor(session, load_app().settings)


def find_refusal(act: Act | None) -> str | None:
    """Return why the person cannot do something, or None. No act changes nothing: everybody may."""
    if act is None:
        return None
    try:
        by = get_actor()
    except Refused as error:
        return str(error)
    return None if by.may(act) else f"Needs the role {LEAST_ROLE[act]}; you are {by.role}."


def get_recent_actor(minutes: int = RECENT_MINUTES) -> Actor:
    """Return `get_actor` of a person who logged in within the last `minutes`; raise `Refused` for
    anybody else."""
    actor = get_actor()
    if not _is_recent(minutes):
        raise Refused(
            f"This needs a login of the last {minutes} minutes, and nothing was done: log in "
            "again, which leads back here."
        )
    return actor


def require_recent_login(to_do: str, *, key: str, minutes: int = RECENT_MINUTES) -> bool:
    """Return True if the person logged in within the last `minutes`; else show the way through the
    login provider and back to this page. `to_do` says what the login is for."""
    login = _get_login()
    if login is None or _is_recent(minutes):
        return True
    st.caption(f"To {to_do}, log in again: your last login is more than {minutes} minutes ago.")
    st.button(
        "Log in again",
        key=key,
        icon=":material/lock:",
        on_click=_go_to,
        args=(login.build_path(_get_page(), again=True),),
    )
    return False


def login_is_set_up() -> bool:
    """Return True if `.streamlit/secrets.toml` names an OpenID Connect provider."""
    return _get_login() is not None


def log_out() -> None:
    """End the login of the person who looks at the page, in a button's callback: the guard then
    leads to the provider's log-out."""
    st.session_state[_LEAVES] = True
    load_login_sessions().end(_read_token(), SessionEnd.LOGOUT)


def check_address(address: str | None) -> None:
    """Raise `Refused` if others can reach the dashboard without a login, however it was started; no
    address is every address."""
    settings = load_settings()
    direct = is_loopback(address or "0.0.0.0") and not settings.proxy
    if direct or (login_is_set_up() and settings.allowed_emails):
        return
    reached = (
        "be passed on by a proxy" if settings.proxy else f"listen on {address or 'every address'}"
    )
    raise Refused(
        f"The dashboard would {reached} without a login: set up [auth] in .streamlit/secrets.toml "
        "and PLUMBLINE_ALLOWED_EMAILS, or listen on 127.0.0.1 without PLUMBLINE_PROXY."
    )


def stay_on_this_machine() -> None:
    """Keep Streamlit from asking a server of the internet for this machine's public address."""
    net_util._external_ip = "127.0.0.1"


def show_problem(error: Exception) -> bool:
    """Show an error that an operator can act on; return False for a bug."""
    if not isinstance(error, OpsError):
        return False
    st.error(str(error), icon=":material/error:")
    return True


def _get_login() -> Login | None:
    return load_rules().login


def _find_session() -> Session | None:
    return load_login_sessions().find(_read_token()) if login_is_set_up() else None


def _is_recent(minutes: int) -> bool:
    session = _find_session()
    if session is None:
        return not login_is_set_up()
    return load_app().now() - session.authenticated_at < timedelta(minutes=minutes)


def _read_token() -> str | None:
    login = _get_login()
    return None if login is None else streamlit.context.cookies.get(login.session_cookie)


def _get_page() -> str:
    """Return the address of the open page, within this site."""
    parts = urlsplit(streamlit.context.url or "/")
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _go_to(address: str) -> None:
    """Lead the browser to another address of this site, as `st.login` does."""
    script = get_script_run_ctx()
    if script is not None:
        message = ForwardMsg()
        message.auth_redirect.url = address
        script.enqueue(message)


def _list_upload_sizes(page: str) -> list[int]:
    """List the sizes in bytes of the files that Streamlit keeps for one open page."""
    files = getattr(Runtime.instance().uploaded_file_mgr, "file_storage", {})
    return [len(file.data) for file in files.get(page, {}).values()]
