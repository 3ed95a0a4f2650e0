"""A login provider on loopback that signs its tokens, and that can be told to misbehave."""

import base64
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import anyio
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from joserfc.jws import JWSRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.conftest import NOON

CLIENT_ID = "plumbline"
CLIENT_SECRET = "s3cret"
METADATA_PATH = "/.well-known/openid-configuration"


@dataclass
class OidcProvider:
    """What it says of whoever comes, and how it misbehaves; a test changes it as it likes."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)  # None takes a claim away
    metadata: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    sign_with: str = "key"  # or "another", a key that nobody published, or "secret"
    error: str = ""  # what it sends back instead of a code
    token_status: int = 200
    state: str | None = None  # sent back instead of the one that was given
    stop_describing: bool = False  # its metadata is gone
    wait: bool = False  # answers nothing until it is told to stop
    stopped: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)  # queries at the authorization
    exchanged: list[dict[str, str]] = field(default_factory=list)  # forms at the token endpoint
    now: int | None = None

    def __post_init__(self) -> None:
        self._key = RSAKey.generate_key(2048)
        self._codes: dict[str, dict[str, str]] = {}

    def reset(self) -> None:
        """Behave again."""
        fresh = OidcProvider.__dataclass_fields__
        for name in fresh:
            if name == "url":
                continue
            default = fresh[name].default_factory  # type: ignore[misc]
            setattr(self, name, default() if callable(default) else fresh[name].default)

    def build_app(self) -> Starlette:
        """The provider as an ASGI application."""
        return Starlette(
            routes=[
                Route(METADATA_PATH, self._describe),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/jwks", self._keys),
            ]
        )

    async def _describe(self, _: Request) -> Response:
        while self.wait and not self.stopped:
            await anyio.sleep(0.02)
        if self.stop_describing:
            return Response(status_code=503)
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                **self.metadata,
            }
        )

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.asked.append(query)
        back = {"state": query["state"] if self.state is None else self.state}
        if self.error:
            back["error"] = self.error
        else:
            code = secrets.token_urlsafe(8)
            self._codes[code] = query
            back["code"] = code
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(back)}", status_code=302)

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.exchanged.append({**form, "authorization": request.headers.get("authorization", "")})
        query = self._codes.pop(form.get("code", ""), None)
        if query is None or self.token_status != 200:
            return JSONResponse({"error": "invalid_grant"}, status_code=self.token_status or 400)
        return JSONResponse(
            {"token_type": "Bearer", "access_token": "at", "id_token": self._sign(query)}
        )

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})

    def _sign(self, query: dict[str, str]) -> str:
        now = int(time.time()) if self.now is None else self.now
        claims = {
            "iss": self.url,
            "sub": "1",
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 60,
            "nonce": query["nonce"],
            "email": "ada@example.com",
            "email_verified": True,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.algorithm == "none":
            return f"{_encode({'alg': 'none'})}.{_encode(claims)}."
        self._key.ensure_kid()
        header = {"alg": self.algorithm, "kid": self._key.kid}
        key: Any = self._key
        if self.sign_with == "another":
            key = RSAKey.generate_key(2048)
        elif self.sign_with == "secret":
            key = OctKey.import_key(CLIENT_SECRET + "0" * 32)
        registry = JWSRegistry(algorithms=[self.algorithm])
        return jwt.encode(header, claims, key, registry=registry)


@contextmanager
def run_provider() -> Iterator[OidcProvider]:
    """A provider that listens on loopback."""
    provider = OidcProvider()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # who comes before the server takes connections waits, and is not refused
    provider.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(
        uvicorn.Config(provider.build_app(), log_level="warning", lifespan="off")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.stopped = True
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


def _encode(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


@pytest.fixture(scope="session")
def running_provider() -> Iterator[OidcProvider]:
    """One provider for the whole run."""
    with run_provider() as provider:
        yield provider


@pytest.fixture
def provider(running_provider: OidcProvider) -> Iterator[OidcProvider]:
    """A provider that behaves, whose clock says noon."""
    running_provider.reset()
    running_provider.now = int(NOON.timestamp())
    yield running_provider
    running_provider.reset()


def write_secrets(url: str, redirect: str) -> dict[str, str]:
    """The section [auth] for a provider at `url`."""
    return {
        "redirect_uri": f"{redirect}/oauth2callback",
        "cookie_secret": "x" * 32,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "server_metadata_url": f"{url}{METADATA_PATH}",
    }
