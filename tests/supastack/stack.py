"""A Supabase project of its own for tests: PostgreSQL, PostgREST and the gateway, on loopback."""

import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.postgres import Server, run_postgres
from tests.supastack.gateway import Gateway, run_gateway
from tests.supastack.postgrest import run_postgrest

SECRET = "a-secret-for-tests-of-at-least-32-characters"
_NEVER = 4_102_444_800  # 2100

_ROLES = """
CREATE ROLE anon NOLOGIN NOINHERIT;
CREATE ROLE authenticated NOLOGIN NOINHERIT;
CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS;
CREATE ROLE authenticator LOGIN NOINHERIT;
GRANT anon, authenticated, service_role TO authenticator;
ALTER ROLE anon SET statement_timeout = '3s';
ALTER ROLE authenticator SET statement_timeout = '8s';
"""

_EMPTY_SCHEMA = """
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT ALL ON TABLES TO anon, authenticated, service_role;
"""


@dataclass
class Stack:
    """A running project; `service_key` sees every row, `anon_key` those that a policy shows."""

    gateway: Gateway
    server: Server
    service_key: str
    anon_key: str

    @property
    def url(self) -> str:
        return self.gateway.url

    def execute(self, *statements: str) -> list[tuple[object, ...]]:
        """Run SQL as the owner; the rows of the last statement, none where it has none."""
        import psycopg  # not above: PostgreSQL's own process starts in a file that imports little

        with psycopg.connect(self.server.url("postgres"), autocommit=True) as conn:
            for statement in statements:
                cursor = conn.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def reset(self) -> None:
        """An empty project that answers truthfully."""
        self.gateway.reset()
        self.execute(_EMPTY_SCHEMA)


@contextmanager
def run_stack() -> Iterator[Stack]:
    """A project of its own, gone afterwards."""
    keys = {role: sign_key(role) for role in ("service_role", "anon")}
    rest_port, gateway_port = _free_ports(), _free_ports()
    with run_postgres() as server:
        uri = f"postgres://authenticator@/postgres?host={server.folder}"
        stack = Stack(
            Gateway(set(), gateway_port, rest_port), server, keys["service_role"], keys["anon"]
        )
        stack.execute(_ROLES, _EMPTY_SCHEMA)
        with (
            run_postgrest(server.folder, uri, SECRET, rest_port),
            run_gateway(set(keys.values()), gateway_port, rest_port) as gateway,
        ):
            stack.gateway = gateway
            yield stack


def sign_key(role: str, secret: str = SECRET, expires: int = _NEVER) -> str:
    """A key as Supabase signs them: a token that says the role."""
    parts = (
        {"alg": "HS256", "typ": "JWT"},
        {"role": role, "iss": "supabase-demo", "iat": 1_700_000_000, "exp": expires},
    )
    content = ".".join(_encode(json.dumps(part).encode()) for part in parts)
    signature = hmac.new(secret.encode(), content.encode(), hashlib.sha256).digest()
    return f"{content}.{_encode(signature)}"


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _free_ports() -> int:
    """A free port whose next one is free as well."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
