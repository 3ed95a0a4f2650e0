"""Parsers of the text of a setting: each raises `ValueError` with the accepted values."""

import json
import re
from collections.abc import Callable
from datetime import time
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar

from core.safety.masking import mask

_Number = TypeVar("_Number", int, float)
_ON = ("on", "true", "yes", "1")
ROLES = ("viewer", "labeller", "operator", "admin")
_OFF = ("off", "false", "no", "0", "")
_THIS_MACHINE = ("127.0.0.0/8", "::1/128")


def text(value: str) -> str:
    """Return any text, empty for none."""
    return value.strip()


def signing_key(value: str) -> str:
    """Return a key that cannot be guessed, or an empty text."""
    if value.strip() and len(value.strip()) < 32:
        raise ValueError("a random text of 32 characters or more (`openssl rand -hex 32`)")
    return value.strip()


def name(value: str) -> str:
    """Return a text that is not empty."""
    if not value.strip():
        raise ValueError("a name")
    return value.strip()


def names(value: str) -> tuple[str, ...]:
    """Return texts between commas.

    >>> names("a, b,"), names("")
    (('a', 'b'), ())
    """
    return tuple(part.strip() for part in value.split(",") if part.strip())


def path(value: str) -> Path:
    """Return an absolute path."""
    try:
        if value.strip():
            return Path(value.strip()).expanduser().resolve()
    except (RuntimeError, ValueError):  # ~ of somebody who does not exist, a zero byte
        pass
    raise ValueError("a path")


def optional_path(value: str) -> Path | None:
    """Return an absolute path, or None for an empty text."""
    return path(value) if value.strip() else None


def address(value: str) -> str:
    """Return an address to listen on, by name or number."""
    if not re.fullmatch(r"[\w.:%-]+", value.strip()):
        raise ValueError("an address to listen on, such as 127.0.0.1")
    return value.strip()


def web_address(value: str) -> str:
    """Return a web address, or an empty text."""
    if value.strip() and not re.match(r"https?://\S+$", value.strip()):
        raise ValueError("a web address, https://…")
    return value.strip()


def plain_address(value: str) -> str:
    """Return a web address without a secret, or an empty text.

    >>> plain_address("https://example.org/plumbline")
    'https://example.org/plumbline'
    """
    if mask(web_address(value)) != value.strip():
        raise ValueError("a web address without a user, a password or a key, https://…")
    return value.strip()


def json_list(value: str) -> str:
    """Return a JSON list of objects, as text, or an empty text."""
    if value.strip():
        try:
            items = json.loads(value)
        except ValueError:
            items = None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise ValueError('a JSON list of mappings, such as [{"table": "t", "target": "y"}]')
    return value.strip()


def number(low: float, high: float, meaning: str) -> Callable[[str], float]:
    """Return a parser of numbers from `low` to `high`; `meaning` describes them in the error.

    >>> number(0.0, 1.0, "a share")("0.25")
    0.25
    """
    return lambda value: _read_between(float, value, low, high, meaning)


def integer(low: int, high: int, meaning: str) -> Callable[[str], int]:
    """Return a parser of whole numbers from `low` to `high`; `meaning` describes them in the
    error."""
    return lambda value: _read_between(int, value, low, high, meaning)


def choice(*allowed: str) -> Callable[[str], str]:
    """Return a parser of one of these words."""

    def read(value: str) -> str:
        if value.strip() not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return value.strip()

    return read


def roles(value: str) -> tuple[tuple[str, str], ...]:
    """Who has which role: pairs of an e-mail, a domain, a group or everybody, and a role.

    >>> roles("ana@a.org=admin, @a.org=operator, group:raters=labeller, *=viewer")[1]
    ('@a.org', 'operator')
    """
    pairs = []
    for part in names(value):
        who, _, role = (word.strip() for word in part.rpartition("="))
        known = who == "*" or "@" in who or who.startswith("group:")
        if not known or role not in ROLES:
            raise ValueError(
                "pairs such as ana@example.org=admin, @example.org=operator, "
                "group:raters=labeller, *=viewer"
            )
        pairs.append((who if who.startswith("group:") else who.lower(), role))
    return tuple(pairs)


def words(*allowed: str) -> Callable[[str], tuple[str, ...]]:
    """Words of a list, between commas."""

    def read(value: str) -> tuple[str, ...]:
        if not set(names(value)) <= set(allowed):
            raise ValueError("words of " + ", ".join(allowed))
        return names(value)

    return read


def switch(value: str) -> bool:
    """Return True for on, False for off.

    >>> switch("on"), switch("0")
    (True, False)
    """
    word = value.strip().lower()
    if word not in (*_ON, *_OFF):
        raise ValueError("on or off")
    return word in _ON


def proxies(value: str) -> tuple[str, ...]:
    """Return the networks of the trusted proxies; `on` is this machine, `off` is none.

    >>> proxies("on"), proxies("10.0.0.7, 10.1.0.0/16"), proxies("off")
    (('127.0.0.0/8', '::1/128'), ('10.0.0.7/32', '10.1.0.0/16'), ())
    """
    if value.strip().lower() in (*_ON, *_OFF):
        return _THIS_MACHINE if switch(value) else ()
    try:
        return tuple(str(ip_network(name, strict=False)) for name in names(value))
    except ValueError:
        raise ValueError("on, off or addresses such as 10.0.0.7, 10.1.0.0/16") from None


def hours(value: str) -> tuple[time, time] | None:
    """Return the start and end of a time of each day, or None for an empty text.

    >>> hours("22:00-07:00")
    (datetime.time(22, 0), datetime.time(7, 0))
    """
    if not value.strip():
        return None
    start, separator, end = value.partition("-")
    try:
        span = time.fromisoformat(start.strip()), time.fromisoformat(end.strip())
    except ValueError:
        span = None
    if not separator or span is None or span[0] == span[1]:
        raise ValueError("two different times of day, such as 22:00-07:00")
    return span


def days_kept(value: str) -> int:
    """Return a number of days for which something is kept; 0 is forever."""
    meaning = "0, which keeps all, or whole days from 30: drift looks back on 28"
    days = integer(0, 36_500, meaning)(value)
    if 0 < days < 30:
        raise ValueError(meaning)
    return days


def days_or_measured(value: str) -> float | None:
    """Return days, or None for `measured`."""
    if value.strip() == "measured":
        return None
    return number(0.0, 3650.0, "days, a number from 0, or `measured`")(value)


def _read_between(
    kind: type[_Number], value: str, low: _Number, high: _Number, meaning: str
) -> _Number:
    try:
        found = kind(value)
    except ValueError:
        raise ValueError(meaning) from None
    if not low <= found <= high:
        raise ValueError(meaning)
    return found


share = number(0.0, 1.0, "a share between 0 and 1")
growth = number(1.0, 1e6, "a multiple, a number from 1")
positive = number(1e-9, 1e12, "a number above 0")
milliseconds = number(0.001, 1e9, "milliseconds, a number above 0")
port = integer(1, 65535, "a port, 1 to 65535")
