"""The addresses of a login: out to the provider, back from it, log-out here and at the provider."""

import re
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import quote, unquote, urlsplit

from anyio import CapacityLimiter, WouldBlock, to_thread
from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from core.domain.installation import SessionEnd
from core.errors import OpsError
from core.log import get_logger
from core.login.identity import (
    LoginRefused,
    check_fresh,
    check_identity,
    read_authentication_time,
    read_groups,
    read_return_path,
)
from core.login.provider import (
    CALLBACK_PATH,
    Attempt,
    Provider,
    ProviderUnavailable,
    begin_attempt,
    has_secure_address,
    read_providers,
)
from core.login.sessions import LoginSessions
from core.safety.masking import Secret
from core.settings import Settings
from core.web.forwarded import read_root_path
from ui.gate.html import build_page
from ui.gate.sparing import Sparing

LOGIN_PATH = "/auth/login"
LOGOUT_PATH = "/auth/logout"
LEAVE_PATH = "/auth/leave"
PATHS = (LOGIN_PATH, LOGOUT_PATH, LEAVE_PATH, CALLBACK_PATH)

_ATTEMPT_LASTS = timedelta(minutes=10)
_MAX_FAILURES = 10
_FAILURES_LAST = timedelta(minutes=10)
_MAX_REMEMBERED = 10_000
_MAX_AT_PROVIDER = 8

log = get_logger(__name__)


class Failures:
    """Counts of recent failed logins by address; the oldest are forgotten first."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._times: OrderedDict[str, deque[datetime]] = OrderedDict()

    def add(self, place: str) -> None:
        """Count one more."""
        times = self._times.setdefault(place, deque(maxlen=_MAX_FAILURES))
        times.append(self._now())
        self._times.move_to_end(place)
        while len(self._times) > _MAX_REMEMBERED:
            self._times.popitem(last=False)

    def are_too_many(self, place: str) -> bool:
        """Return whether this address has to wait."""
        times = self._times.get(place, deque())
        return len(times) == _MAX_FAILURES and self._now() - times[0] < _FAILURES_LAST


class Login:
    """The login of one dashboard: an ASGI application for `PATHS`, and its cookies."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        settings: Settings,
        load_sessions: Callable[[], LoginSessions],
        now: Callable[[], datetime],
        *,
        cookie_secret: Secret,
        secure: bool,
        root_path: str,
    ) -> None:
        self.load_sessions = load_sessions
        self.session_cookie = name_session_cookie(secure, root_path)
        self._root = root_path
        self._attempt_cookie = f"{self.session_cookie}_login"
        self._provider_cookie = f"{self.session_cookie}_provider"
        self._providers = providers
        self.secure = secure
        self.site = _find_site(providers)
        self._settings = settings
        self._now = now
        self._cookie_secret = cookie_secret  # which is masked for as long as it is used
        self._signer = URLSafeTimedSerializer(cookie_secret.reveal(), salt="plumbline.login")
        self._failures = Failures(now)
        self._waiting = Sparing()
        self._used: OrderedDict[str, None] = OrderedDict()  # states, each good for one return
        self._at_provider = CapacityLimiter(_MAX_AT_PROVIDER)
        self.app = Starlette(
            routes=[
                Route(LOGIN_PATH, self._begin, methods=["GET"]),
                Route(CALLBACK_PATH, self._finish, methods=["GET"]),
                Route(LOGOUT_PATH, self._log_out, methods=["POST"]),
                Route(LEAVE_PATH, self._leave, methods=["GET"]),
            ],
            exception_handlers={OpsError: _say_unavailable},
        )

    def read_token(self, connection: HTTPConnection) -> str | None:
        """Return the token that a browser sent, or None."""
        return connection.cookies.get(self.session_cookie)

    def build_path(self, return_to: str, provider: str = "", *, again: bool = False) -> str:
        """Return the address that begins a login; `again` has the provider ask the person anew."""
        path = f"{self._root}{LOGIN_PATH}?next={quote(return_to, safe='')}"
        if provider:
            path += f"&provider={quote(provider, safe='')}"
        return f"{path}&again=1" if again else path

    @property
    def leave_path(self) -> str:
        """Return the address that leads to the provider's own log-out."""
        return self._root + LEAVE_PATH

    def build_prompt(self, connection: HTTPConnection) -> Response:
        """Return the page that asks somebody to log in, and leads back to where they were going;
        it takes away the cookie of a session that ended."""
        query = connection.url.query
        wanted = self._read_return(connection.scope["path"] + (f"?{query}" if query else ""))
        page = build_page(
            "Log in to see this dashboard",
            "You go to your login provider, and then back to this page.",
            [(_label(name), self.build_path(wanted, name)) for name in self._providers],
            status=401,
        )
        if self.session_cookie in connection.cookies:
            self._take_cookie(page, self.session_cookie)
        return page

    async def _begin(self, request: Request) -> Response:
        provider = self._providers.get(request.query_params.get("provider", ""))
        if provider is None:
            provider = next(iter(self._providers.values()))
        attempt = begin_attempt(
            provider.settings.name,
            self._read_return(request.query_params.get("next")),
            fresh=request.query_params.get("again") == "1",
            now=self._now(),
        )
        try:
            with self._one_more():
                address = await provider.fetch_address(attempt)
        except (ProviderUnavailable, LoginRefused) as error:
            return self._refuse(request, error, attempt)
        answer = RedirectResponse(address, status_code=303)
        self._give_cookie(answer, self._attempt_cookie, self._signer.dumps(asdict(attempt)))
        return answer

    async def _finish(self, request: Request) -> Response:
        place = _get_place(request)
        if self._failures.are_too_many(place):
            if n := self._waiting.count():
                log.warning("login_refused", why="too_many_failures", who="", place=place, n=n)
            return _build_wait()
        attempt: Attempt | None = None
        try:
            attempt = self._read_attempt(request)
            with self._one_more():
                claims = await self._providers[attempt.provider].fetch_claims(
                    attempt, _read_code(request)
                )
            email = self._check(claims, attempt)
        except (ProviderUnavailable, LoginRefused) as error:
            self._failures.add(place)
            return self._refuse(request, error, attempt)
        start = partial(
            self.load_sessions().start,
            email,
            authenticated_at=read_authentication_time(claims, self._now()),
            groups=read_groups(claims),
            place=place,
            replaced=self.read_token(request),
        )
        token = await to_thread.run_sync(start)
        answer = RedirectResponse(_quote(attempt.return_to), status_code=303)
        self._give_cookie(answer, self.session_cookie, token)
        self._give_cookie(answer, self._provider_cookie, quote(attempt.provider, safe=""))
        self._take_cookie(answer, self._attempt_cookie)
        return answer

    async def _log_out(self, request: Request) -> Response:
        token = self.read_token(request)
        await to_thread.run_sync(self.load_sessions().end, token, SessionEnd.LOGOUT)
        answer = RedirectResponse(self.leave_path, status_code=303)
        self._take_cookie(answer, self.session_cookie)
        return answer

    async def _leave(self, request: Request) -> Response:
        """Lead somebody whose session here has ended to the end of the one at the provider. It
        ends nothing by itself: who is still logged in goes to the first page."""
        if not await self._has_left(request):
            return RedirectResponse(self._first, status_code=303)
        address: str | None = None
        name = unquote(request.cookies.get(self._provider_cookie, ""))
        provider = self._providers.get(name) or next(iter(self._providers.values()))
        try:
            with self._one_more():
                address = await provider.fetch_logout_address(self.site + self._first)
        except ProviderUnavailable as error:
            log.warning("provider_unavailable", why=error.detail, place=_get_place(request))
        answer = RedirectResponse(address or self._first, status_code=303)
        self._take_cookie(answer, self._provider_cookie)
        return answer

    async def _has_left(self, request: Request) -> bool:
        token = self.read_token(request)
        if token is None:
            return self._provider_cookie in request.cookies
        return await to_thread.run_sync(self.load_sessions().find, token) is None

    def _read_attempt(self, request: Request) -> Attempt:
        """The attempt that this return belongs to, for the first and only time."""
        try:
            known = Attempt(**self._signer.loads(request.cookies.get(self._attempt_cookie, "")))
        except (BadData, TypeError):
            known = None
        state = request.query_params.get("state")
        if known is None or known.state != state or known.provider not in self._providers:
            raise _not_begun_here("state")
        if self._now().timestamp() - known.started >= _ATTEMPT_LASTS.total_seconds():
            raise _not_begun_here("too_late")
        if known.state in self._used:
            raise _not_begun_here("state_used")
        self._used[known.state] = None
        while len(self._used) > _MAX_REMEMBERED:
            self._used.popitem(last=False)
        return known

    def _check(self, claims: Mapping[str, object], attempt: Attempt) -> str:
        email = check_identity(claims, self._settings)
        if attempt.fresh:
            asked_at = datetime.fromtimestamp(attempt.started, self._now().tzinfo)
            check_fresh(read_authentication_time(claims, self._now()), asked_at)
        return email

    def _one_more(self) -> "_Place":
        return _Place(self._at_provider)

    def _refuse(
        self,
        request: Request,
        error: ProviderUnavailable | LoginRefused,
        attempt: Attempt | None,
    ) -> Response:
        if isinstance(error, LoginRefused):
            status, why, who = 403, error.why, error.who
        else:
            status, why, who = 503, error.detail, ""
        log.warning("login_refused", why=_readable(why), who=who, place=_get_place(request))
        back = self.build_path(self._first if attempt is None else attempt.return_to)
        answer = build_page(
            "You are not logged in", str(error), [("Try again", back)], status=status
        )
        self._take_cookie(answer, self._attempt_cookie)
        return answer

    @property
    def _first(self) -> str:
        """The first page."""
        return f"{self._root}/"

    def _read_return(self, text: str | None) -> str:
        return read_return_path(text, self._root)

    def _give_cookie(self, answer: Response, name: str, value: str) -> None:
        answer.set_cookie(
            name, value, path=self._root or "/", httponly=True, samesite="lax", secure=self.secure
        )

    def _take_cookie(self, answer: Response, name: str) -> None:
        answer.delete_cookie(
            name, path=self._root or "/", httponly=True, samesite="lax", secure=self.secure
        )


class _Place:
    """One of the few logins that may be at the provider at a time."""

    def __init__(self, limiter: CapacityLimiter) -> None:
        self._limiter = limiter

    def __enter__(self) -> None:
        try:
            self._limiter.acquire_on_behalf_of_nowait(self)
        except WouldBlock:
            raise ProviderUnavailable("too many logins at once") from None

    def __exit__(self, *_: object) -> None:
        self._limiter.release_on_behalf_of(self)


def build_login(
    section: Mapping[str, object],
    settings: Settings,
    load_sessions: Callable[[], LoginSessions],
    now: Callable[[], datetime],
) -> Login:
    """Return the login of a section `[auth]`; raises `InvalidInput` for what is missing in it.
    Without a cookie_secret, a login that is on its way does not outlive this process."""
    root_path = read_root_path(settings.public_url)
    found = read_providers(section, root_path)
    return Login(
        {one.name: Provider(one, now) for one in found},
        settings,
        load_sessions,
        now,
        cookie_secret=Secret(str(section.get("cookie_secret") or secrets.token_urlsafe(32))),
        secure=has_secure_address(settings, found),
        root_path=root_path,
    )


def name_session_cookie(secure: bool, root_path: str = "") -> str:
    """Return the name of the cookie with a session's token. With `__Host-`, browsers take it from
    this very host by HTTPS only; one that is sent below a path alone may not be called so.

    >>> name_session_cookie(True), name_session_cookie(True, "/plumbline")
    ('__Host-plumbline', '__Secure-plumbline')
    """
    if not secure:
        return "plumbline"
    return "__Secure-plumbline" if root_path else "__Host-plumbline"


def build_unavailable(error: OpsError) -> Response:
    """Return the page for somebody who cannot be known yet: what is wrong is for the log."""
    log.error("login_unavailable", error=str(error))
    return build_page(
        "Plumbline cannot start", "Its log says why. Reload this page in a minute.", status=503
    )


async def _say_unavailable(_: Request, error: Exception) -> Response:
    assert isinstance(error, OpsError)
    return build_unavailable(error)


def _build_wait() -> Response:
    answer = build_page(
        "Too many logins failed",
        "Wait ten minutes, then begin again from the dashboard.",
        status=429,
    )
    answer.headers["Retry-After"] = str(int(_FAILURES_LAST.total_seconds()))
    return answer


def _read_code(request: Request) -> str:
    code = request.query_params.get("code")
    if "error" in request.query_params or not code:
        said = request.query_params.get("error", "no_code")
        raise LoginRefused(
            "The login provider did not let you in: try again, or ask whoever runs it.",
            f"provider: {said}",
        )
    return code


def _not_begun_here(why: str) -> LoginRefused:
    return LoginRefused(
        "This login was not begun in this browser, or it took too long: begin again from the "
        "dashboard.",
        why,
    )


def _find_site(providers: Mapping[str, Provider]) -> str:
    """The address of the dashboard as the provider knows it."""
    address = urlsplit(next(iter(providers.values())).settings.redirect_uri)
    return f"{address.scheme}://{address.netloc}"


def _label(provider: str) -> str:
    return f"Log in with {provider}" if provider else "Log in"


def _quote(path: str) -> str:
    return quote(path, safe="/?&=%#:+,;@!$'()*~-._")


def _get_place(request: HTTPConnection) -> str:
    return request.client.host if request.client else "unknown"


def _readable(text: str) -> str:
    """A word from outside, as the log may hold it."""
    return re.sub(r"[^\x20-\x7e]", "?", text)[:200]
