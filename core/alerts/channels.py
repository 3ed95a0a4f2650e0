"""The channels of messages and the heartbeat; a failure is a receipt, never an exception."""

import hashlib
import logging
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import httpx

from core.domain.incident import DeliveryReceipt, Message
from core.errors import Unavailable
from core.safety.masking import mask
from core.safety.plain_text import show_hidden

SEND_SECONDS = 20.0
"""The time within which a channel has to take a message."""


_MENTION = re.compile(r"(?<![\w.+-])@|@(?=(?:all|channel|everyone|here|room)\b)", re.IGNORECASE)
_TAG = re.compile(r"<(?=[^\s\d=])")
_MARKS = re.compile(r"([\\`*_{}\[\]()#!|~])")
_BUSY = frozenset({429, 503})
_READ_ANYWAY = frozenset({"discord", "mmosts", "zulip"})
"""The protocols that read Markdown in Apprise's plain text."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel; `key` is a short hash of the address, `label` its service and its place in the
    setting, since any part of an address may be a secret. A wrong address has no plugin."""

    key: str
    label: str
    plugin: Any


def open_channels(addresses: Sequence[str]) -> list[Channel]:
    """Return the channels of `PLUMBLINE_NOTIFY` without contacting any.

    >>> open_channels(["json://127.0.0.1:9/hook", "nonsense"])[1].label
    'entry 2 of PLUMBLINE_NOTIFY'
    """
    if not addresses:
        return []
    # 1.2 s that a page and a start without channels do not pay
    from apprise import Apprise, AppriseAsset

    _hear_answers()
    asset = AppriseAsset(http_redirects=False)  # what is sent holds tokens: to nobody else
    channels = []
    for i, address in enumerate(addresses, start=1):
        plugin = Apprise.instantiate(address, asset=asset)
        label = f"entry {i} of PLUMBLINE_NOTIFY"
        if plugin is not None:
            label = f"{plugin.service_name} ({label})"
        key = hashlib.sha256(address.encode()).hexdigest()[:12]
        channels.append(Channel(key, label, plugin))
    return channels


def send(channels: Sequence[Channel], messages: Sequence[Message]) -> list[DeliveryReceipt]:
    """Send each channel its message, all at once; return a receipt each, in their order. A channel
    that hangs is not waited for."""
    found: dict[str, DeliveryReceipt] = {}
    threads = [
        threading.Thread(
            target=_send_one, args=(channel, message, found), name="notify", daemon=True
        )
        for channel, message in zip(channels, messages, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SEND_SECONDS)
    late = f"no answer within {SEND_SECONDS:g} s"
    return [
        found.get(channel.key, DeliveryReceipt(channel.key, channel.label, late))
        for channel in channels
    ]


def _send_one(channel: Channel, message: Message, found: dict[str, DeliveryReceipt]) -> None:
    if channel.plugin is None:
        error: str | None = "it is not an Apprise URL: see https://github.com/caronc/apprise/wiki"
        retry_after = None
    else:
        error, retry_after = _notify(channel.plugin, message)
    found[channel.key] = DeliveryReceipt(channel.key, channel.label, error, retry_after)


def _notify(plugin: Any, message: Message) -> tuple[str | None, str | None]:
    """Send a message; return why it was not taken, None if it was, and the `Retry-After` of the
    answer."""
    from apprise import NotifyFormat, NotifyType  # see `open_channels`

    target = plugin.resolve_format(NotifyFormat.TEXT)
    reads_markdown = target == NotifyFormat.MARKDOWN or plugin.secure_protocol in _READ_ANYWAY
    write = escape_markdown if reads_markdown else disarm
    body = "\n".join(map(write, message.body.split("\n")))
    with _Overheard() as overheard:
        taken = plugin.notify(
            title=write(show_hidden(message.title)),
            body=body if message.link is None else f"{body}\n\nLook after it: {message.link}",
            notify_type=NotifyType.FAILURE if message.critical else NotifyType.INFO,
            body_format=target if reads_markdown else NotifyFormat.TEXT,
        )
    if taken:
        return None, None
    why = overheard.text or "the channel did not take it and did not say why"
    return why, overheard.retry_after


def disarm(text: str) -> str:
    """Return plain text without anything that a channel reads as a mention, a link or a tag
    although it is told that the text is plain: Slack reads `<!channel>`, Mattermost `@all`,
    Telegram drops `<x>`.

    >>> disarm("ask @here or <!channel> or a@b.example at https://example.org; p <0.05")
    'ask ＠here or ‹!channel> or a@b.example at https[:]//example.org; p <0.05'
    """
    shown = _MENTION.sub("＠", _TAG.sub("‹", text))
    return shown.replace("://", "[:]//").replace("](", "] (")


def escape_markdown(text: str) -> str:
    r"""Return the same text for a channel that reads Markdown.

    >>> print(escape_markdown("![x](y) of a_b"))
    \!\[x\] \(y\) of a\_b
    """
    return _MARKS.sub(r"\\\1", disarm(text))


_thread = threading.local()


def _hear_answers() -> None:
    """Let the thread that sends a message hear the answers to its requests: Apprise tells a
    refusal's status in its log, and none of the answer's headers."""
    import requests  # with Apprise, whose plugins send by it

    send = requests.Session.send
    if hasattr(send, "__wrapped__"):
        return

    @wraps(send)
    def send_and_tell(*args: Any, **options: Any) -> requests.Response:
        response = send(*args, **options)
        overheard: _Overheard | None = getattr(_thread, "overheard", None)
        if overheard is not None and response.status_code in _BUSY:
            overheard.retry_after = response.headers.get("Retry-After")
        return response

    requests.Session.send = send_and_tell  # type: ignore[method-assign]


class _Overheard(logging.Handler):
    """Collects the log of Apprise in this thread, which holds the reasons of refusals, and the
    `Retry-After` of an answer that refuses for now."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: list[str] = []
        self._thread = threading.get_ident()
        self.retry_after: str | None = None

    def __enter__(self) -> "_Overheard":
        logging.getLogger("apprise").addHandler(self)
        _thread.overheard = self
        return self

    def __exit__(self, *raised: object) -> None:
        _thread.overheard = None
        logging.getLogger("apprise").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._lines.append(record.getMessage().strip())

    @property
    def text(self) -> str:
        return mask(" ".join(self._lines))[:500]


_SECONDS = 10.0


def send_heartbeat(address: str) -> None:
    """Send the heartbeat; raises `Unavailable` if the address does not take it."""
    try:
        httpx.get(address, timeout=_SECONDS, follow_redirects=False).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(
            "The address of PLUMBLINE_HEARTBEAT_URL did not take the heartbeat "
            f"({_describe(error)}): check it, or it will call somebody although all is well."
        ) from None  # httpx quotes the address, whose path is its secret


def _describe(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"it answered {error.response.status_code}"
    return type(error).__name__
