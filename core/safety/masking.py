"""Cleaning of text that leaves the process: secrets are masked, and control characters that would
drive a terminal or fake a line are written out."""

import base64
import json
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NoReturn
from urllib.parse import quote, unquote
from weakref import WeakValueDictionary

MASK = "***"

_SHORTEST_SECRET = 6
_SHORTEST_TOKEN = 16  # of an address: shorter words of it say where it is, not who may call
# The repetitions have limits, so that a long hostile text does not take long.
_USER = re.compile(r"(\b[A-Za-z][\w+.-]{0,30}://)[^\s'\"<>]{0,1000}@")
_PARAMETER = re.compile(
    r"([?&;][^?=&;\s]{0,40}?(?:key|token|secret|pass|pwd|auth|sig|credential)[^?=&;\s]{0,40}=)"
    r"[^\s&;#'\"<>]+",
    re.IGNORECASE,
)
_CALLER = re.compile(r"\b(Bearer\s+|plk_)[\w.~+/=-]{16,}")
_STORES = ("sqlite", "postgres", "file")  # a user without a password is a name there, no token
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff]"
)


class Hides(StrEnum):
    """The part of a secret setting that is secret."""

    ALL = "all"  # a key
    LOGIN = "login"  # an address: its user part, and the parameters named like secrets
    WORDS = "words"  # a webhook: that, and every long word of the address


class Secret:
    """A text that only `reveal` gives away. However else it is printed, it is a mask; and while it
    lives, `mask` knows it in any text.

    >>> key = Secret("hunter2hunter2")
    >>> f"{key}", repr(key), key.reveal()
    ('***', "Secret('***')", 'hunter2hunter2')
    >>> mask("the key hunter2hunter2 was refused")
    'the key *** was refused'
    """

    __slots__ = ("__weakref__", "_text", "parts")

    def __init__(self, text: str, hides: Hides = Hides.ALL) -> None:
        self._text = text
        self.parts = sorted(_find_parts(text, hides), key=len, reverse=True)
        """The texts by which it can be recognized, the longest first."""
        if self.parts:
            _living[id(self)] = self

    def reveal(self) -> str:
        """The text itself: for who connects with it."""
        return self._text

    @property
    def masked(self) -> str:
        """An address without its secrets, for who wants to see where it leads.

        >>> Secret("https://ana:hunter2@mlflow.example/team?token=abc", Hides.LOGIN).masked
        'https://***@mlflow.example/team?token=***'
        """
        return mask(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __str__(self) -> str:
        return MASK if self._text else ""

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is not pickled or copied: reveal it to who connects with it.")


_living: "WeakValueDictionary[int, Secret]" = WeakValueDictionary()


def mask(text: str) -> str:
    """A text as it may leave the process: the user part of every address in it, the parameters of
    addresses that are named like secrets, a caller's key, and every living `Secret` are masked.

    >>> mask("no answer from postgresql://ana:hunter2@db.example/plumbline?sslmode=require")
    'no answer from postgresql://***@db.example/plumbline?sslmode=require'
    """
    for reference in _living.valuerefs():
        secret = reference()
        for part in () if secret is None else secret.parts:
            text = text.replace(part, MASK)
    if "://" in text:
        text = _USER.sub(rf"\1{MASK}@", text)
    if "=" in text:
        text = _PARAMETER.sub(rf"\1{MASK}", text)
    return _CALLER.sub(rf"\1{MASK}", text)


def write_out(text: str) -> str:
    r"""A text whose control characters (but tab and new line), marks of writing direction and line
    separators are written as JSON writes them, so that no terminal obeys them. JSON stays the same
    JSON.

    >>> write_out("red \x1b[31m")
    'red \\u001b[31m'
    """
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _find_parts(text: str, hides: Hides) -> set[str]:
    """The parts of a secret that must not be seen, as each may be written somewhere else."""
    found = set()
    for part in [text] if hides is Hides.ALL else _split_address(text, hides):
        for written in (part, unquote(part)):
            found |= {
                written,
                quote(written, safe=""),
                repr(written)[1:-1],
                json.dumps(written)[1:-1],
            }
    return {part for part in found if len(part) >= _SHORTEST_SECRET}


def _split_address(text: str, hides: Hides) -> Iterator[str]:
    scheme, _, rest = text.partition("://")
    user, _, place = rest.rpartition("@")
    name, _, password = user.partition(":")
    yield password
    for parameter in _PARAMETER.finditer(place):
        yield parameter[0].removeprefix(parameter[1])
    if user:  # as a header has it
        yield base64.b64encode(unquote(user).encode()).decode()
    if not password and not scheme.startswith(_STORES):
        yield name
    if hides is Hides.WORDS:
        yield from (
            word
            for word in re.split(r"[/?&=:@#,;]", rest)
            if len(word) >= _SHORTEST_TOKEN and "." not in word
        )
