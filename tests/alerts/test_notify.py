"""Messages reach real receivers in the shape that each kind of channel asks for."""

import socket
from email import message_from_bytes
from email.message import Message as Mail

import pytest
from aiosmtpd.controller import Controller

from core.alerts.notify import open_channels, send
from core.domain.notification import Message
from tests.alerts.receiver import Receiver

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
