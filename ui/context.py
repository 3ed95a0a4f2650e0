"""The guard at the top of every page: who is asking, and the installation they look at."""

import importlib
import threading

import streamlit

from core.bootstrap import App, build_app, local_user
from core.errors import OpsError, Refused
from core.exposure import is_loopback
from ui import st


@st.cache_resource(show_spinner=False)
def load_app() -> App:
    """This process's app, built once; raises `OpsError` until the store can be used."""
    return build_app()


@st.cache_resource(show_spinner=False)
def prepare() -> None:
    """Begin, once a process, to import what it takes to verify a version before it serves: seconds
    that nobody who rolls back shall wait for."""
    threading.Thread(target=importlib.import_module, args=("skops.io",), daemon=True).start()


def get_app() -> App:
    """The app, for somebody who may see it. Shows one sentence and ends the page for anybody
    else, and while a setting is wrong or the store cannot be used."""
    try:
        app = load_app()
    except OpsError as error:
        st.title("Plumbline cannot start")
        st.error(str(error), icon=":material/error:")
        st.caption("Put it right, then reload this page.")
        st.stop()
    _require_login(app.settings.allowed_emails)
    return app


def get_user() -> str:
    """Who acts: the e-mail of the login, else the local user's name."""
    if login_is_set_up():
        return str(streamlit.user["email"])
    return local_user(load_app().settings)


def login_is_set_up() -> bool:
    """Whether `.streamlit/secrets.toml` names an OpenID Connect provider."""
    return bool(streamlit.secrets.load_if_toml_exists()) and "auth" in streamlit.secrets


def check_address(address: str | None, allowed_emails: tuple[str, ...]) -> None:
    """Raise `Refused` where the dashboard's own server would listen to others without a login,
    however it was started; no address is every address."""
    if is_loopback(address or "0.0.0.0") or (login_is_set_up() and allowed_emails):
        return
    raise Refused(
        f"The dashboard would listen on {address or 'every address'} without a login: set up "
        "[auth] in .streamlit/secrets.toml and PLUMBLINE_ALLOWED_EMAILS, or listen on 127.0.0.1."
    )


def show_problem(error: Exception) -> bool:
    """Show an error that an operator can act on as its sentence; False for a bug."""
    if not isinstance(error, OpsError):
        return False
    st.error(str(error), icon=":material/error:")
    return True


def _require_login(allowed_emails: tuple[str, ...]) -> None:
    if not login_is_set_up():
        if allowed_emails:
            _refuse(
                "PLUMBLINE_ALLOWED_EMAILS is set, but login is not: add [auth] to secrets.toml."
            )
        return
    if not streamlit.user.is_logged_in:
        st.title("Plumbline")
        st.markdown("Log in to see this dashboard.")
        st.button("Log in", key="login", type="primary", on_click=st.login)
        st.stop()
    email = str(streamlit.user.get("email", ""))
    if streamlit.user.get("email_verified") is False or email.lower() not in map(
        str.lower, allowed_emails
    ):
        st.button("Log out", key="logout_refused", on_click=st.logout)
        _refuse(
            f"{email or 'This account'} may not see this dashboard: ask for a place in "
            "PLUMBLINE_ALLOWED_EMAILS."
        )


def _refuse(sentence: str) -> None:
    st.error(sentence, icon=":material/lock:")
    st.stop()
