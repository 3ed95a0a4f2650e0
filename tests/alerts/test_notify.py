"""Messages reach real receivers in the shape that each kind of channel asks for."""

import json
import socket
from dataclasses import replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Mail

import pytest
import requests
from aiosmtpd.controller import Controller

from core.alerts.channels import open_channels, send
from core.alerts.notification_policy import IncidentSummary, build_message
from core.domain.incident import EventKind, Incident, IncidentEvent, IncidentStatus, Message
from core.domain.monitoring import Health
from tests.alerts.receiver import Receiver
from tests.conftest import NOON

BAD_NEWS = Message("Plumbline: critical incident 1 (latency) began", "p95 is 900 ms.", True)


class Mailbox:
    """Keeps what an SMTP server is given."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        self.mails.append(message_from_bytes(envelope.content))  # type: ignore[attr-defined]
        return "250 OK"


def find_free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_mail_arrives_at_a_real_server() -> None:
    mailbox = Mailbox()
    port = find_free_port()
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        address = f"mailto://127.0.0.1:{port}?from=plumbline@example.com&to=ops@example.com"
        (receipt,) = send(open_channels([f"{address}&mode=insecure"]), [BAD_NEWS])
    finally:
        server.stop()
    assert receipt.error is None
    (mail,) = mailbox.mails
    assert mail["Subject"] == BAD_NEWS.title
    assert "ops@example.com" in mail["To"]
    text = b"".join(part.get_payload(decode=True) or b"" for part in mail.walk())  # type: ignore[misc]
    assert b"p95 is 900 ms." in text


def test_slack_gets_an_attachment_with_title_and_text(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = open_channels(["slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops"])
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in channel[0].label
    monkeypatch.setattr(type(channel[0].plugin), "webhook_url", f"http://{receiver.host}/services")
    (receipt,) = send(channel, [BAD_NEWS])
    assert receipt.error is None
    assert receiver.paths == ["/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"]
    (body,) = receiver.bodies
    assert body["channel"] == "#ops"
    (attachment,) = body["attachments"]
    assert attachment["title"] == BAD_NEWS.title
    assert attachment["text"] == BAD_NEWS.body


def test_pagerduty_gets_a_trigger_with_a_severity(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise.plugins import pagerduty

    monkeypatch.setitem(
        pagerduty.PAGERDUTY_API_LOOKUP,
        pagerduty.PagerDutyRegion.US,
        f"http://{receiver.host}/v2/enqueue",
    )
    receiver.status = 200
    channel = open_channels([f"pagerduty://{'I' * 20}@{'K' * 20}"])
    (receipt,) = send(channel, [BAD_NEWS])
    (body,) = receiver.bodies
    assert receipt.error is None
    assert body["event_action"] == "trigger"
    assert body["routing_key"] == "I" * 20
    assert body["payload"]["severity"] == "critical"
    assert BAD_NEWS.title in str(body["payload"])


def test_one_that_refuses_says_why(receiver: Receiver) -> None:
    receiver.status = 403
    (receipt,) = send(open_channels([f"json://{receiver.host}/hook"]), [BAD_NEWS])
    assert "403" in str(receipt.error)


HOSTILE = (
    "category '<http://127.0.0.1:1/x|click> <!channel> <@U123> @everyone @here @all @**all** "
    "[l](http://127.0.0.1:1/l) ![x](http://127.0.0.1:1/i) <b>x</b> *b* `c` ||s|| a_b' errs most."
)
LINK = "http://127.0.0.1:8501/monitoring?incident=1"
ADDRESSES = {
    "json": "json://{host}/hook",
    "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops",
    "discord": f"discord://123456789012345678/{'a' * 68}",
    "mattermost": "mmost://{host}/3ccdd113474722377935511fc85d3dd4",
    "rocketchat": "rocket://webhook1234567890/abcdefgh@{host}/#ops",
    "telegram": "tgram://123456789:AABBCCDDEEFFaabbccddeeff_abcdefghij/12345",
    "zulip": f"zulip://bot@org/{'a' * 32}/stream",
    "google": "gchat://ws/key/token",
    "teams": "workflow://{host}/workflowid/signature?image=no",
}


def tell(
    channel: str, message: Message, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> str:
    """What a channel's server would get, as one text."""
    taken: list[str] = []

    def post(url: str, **sent: object) -> object:
        content = sent.get("json") or sent["data"]
        taken.append(content if isinstance(content, str) else json.dumps(content))
        answer = requests.Response()
        answer.status_code, answer._content = 200, b"ok"
        return answer

    monkeypatch.setattr(requests, "post", post)
    monkeypatch.setattr(requests, "request", lambda method, url, **sent: post(url, **sent))
    (receipt,) = send(open_channels([ADDRESSES[channel].format(host=receiver.host)]), [message])
    assert receipt.error is None
    (content,) = taken
    return content.encode().decode("unicode_escape") if "\\u" in content else content


@pytest.mark.parametrize("channel", ADDRESSES)
def test_no_channel_is_given_a_mention_a_link_or_a_tag_from_outside(
    channel: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = Message("Plumbline: @here <!channel>", HOSTILE, True, LINK)
    content = tell(channel, message, receiver, monkeypatch)
    for mention in ("@everyone", "@here", "@all", "@channel", "@U123", "@*", "<!", "<@", "&lt;!"):
        assert mention not in content, mention
    for markup in ("](", "<http", "<b>x", "://127.0.0.1:1"):
        assert markup not in content, markup
    assert LINK in content
    for word in ("click", "channel", "U123", "everyone", "errs most"):
        assert word in content, f"{word} has vanished"


@pytest.mark.parametrize("channel", ["discord", "mattermost", "zulip", "rocketchat", "teams"])
def test_a_channel_that_reads_markdown_shows_its_marks(
    channel: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = tell(channel, Message("t", HOSTILE, True, LINK), receiver, monkeypatch)
    for mark in (r"\*b\*", r"\`c\`", r"\|\|s\|\|", r"a\_b"):
        assert mark in content.replace("\\\\", "\\"), mark


def test_a_line_break_in_a_name_makes_no_header_of_a_mail_and_no_line_of_its_own() -> None:
    said = "began\nBcc: evil@example.com\n\nLook after it: http://127.0.0.1:1/x"
    event = IncidentEvent(1, NOON, EventKind.OPENED, Health.CRITICAL, said, "plumbline")
    incident = Incident(1, "latency", NOON, IncidentStatus.OPEN, Health.CRITICAL, said, (event,))
    story = IncidentSummary(incident, incident.events[0], ("by eve\r\nX: y",), LINK)
    message = build_message([story])
    assert message.body.splitlines() == [
        "began⟨U+000A⟩Bcc: evil@example.com⟨U+000A⟩⟨U+000A⟩Look after it: http://127.0.0.1:1/x",
        "by eve⟨U+000D⟩⟨U+000A⟩X: y",
    ]
    mailbox, port = Mailbox(), find_free_port()
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        address = f"mailto://127.0.0.1:{port}?from=plumbline@example.com&to=ops@example.com"
        forged = replace(message, title="a\r\nBcc: evil@example.com")
        (receipt,) = send(open_channels([f"{address}&mode=insecure"]), [forged])
    finally:
        server.stop()
    assert receipt.error is None
    (mail,) = mailbox.mails
    assert mail["Bcc"] is None
    assert "Bcc: evil@example.com" in str(make_header(decode_header(mail["Subject"])))


def test_a_mail_shows_a_tag_as_text() -> None:
    mailbox, port = Mailbox(), find_free_port()
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        address = f"mailto://127.0.0.1:{port}?from=plumbline@example.com&to=ops@example.com"
        channels = open_channels(
            [f"{address}&mode=insecure", f"{address}&mode=insecure&format=text"]
        )
        receipts = send(channels, [replace(BAD_NEWS, body=HOSTILE)] * 2)
    finally:
        server.stop()
    assert [receipt.error for receipt in receipts] == [None, None]
    for mail in mailbox.mails:
        for part in mail.walk():
            text = (part.get_payload(decode=True) or b"").decode()  # type: ignore[union-attr]
            assert "<b>x" not in text
            assert "<http" not in text
