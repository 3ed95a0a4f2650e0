"""Every call reaches every channel at least once, in one message however much there is to say."""

from contextlib import closing
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from core.alerts import delivery as delivering
from core.alerts.channels import Channel, open_channels
from core.alerts.delivery import CLAIM_PATIENCE, GIVE_UP_AFTER, Manners, deliver, send_test
from core.alerts.incidents import acknowledge, record, resolve
from core.alerts.maintenance import announce, end_maintenance
from core.alerts.notification_policy import QuietHours
from core.alerts.rules import Finding
from core.bootstrap import build_app
from core.domain.incident import Delivery, DeliveryState
from core.domain.monitoring import Health
from core.errors import Conflict, InvalidInput
from core.store.engine import schema
from core.store.engine.database import Database
from core.store.monitoring import deliveries, incidents
from core.watching import deliver_app
from tests.alerts.receiver import Receiver, run_receiver
from tests.alerts.seeing import see
from tests.alerts.test_incidents import report
from tests.people import person
from tests.streams import HOUR, MINUTE, NOON

MANNERS = Manners(silent=(), quiet=None, address="http://127.0.0.1:8501")
NIGHT = Manners(silent=(), quiet=QuietHours(time(11), time(14)), address="http://127.0.0.1:8501")


@pytest.fixture
def channels(receiver: Receiver) -> list[Channel]:
    return open_channels([f"json://{receiver.host}/hook"])


def titles(receiver: Receiver) -> list[str]:
    return [body["title"] for body in receiver.bodies]


def load(db: Database) -> list[Delivery]:
    with db.read() as conn:
        return deliveries.load_newest(conn, 100)[::-1]


def states(db: Database) -> list[DeliveryState]:
    return [delivery.state for delivery in load(db)]


def causes(db: Database) -> list[str]:
    with db.read() as conn:
        return [incident.cause for incident in incidents.load_unresolved(conn)]


def test_an_incident_is_one_message_that_says_what_and_where_to_look(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    see(db, report(Health.CRITICAL), NOON)
    assert [receipt.error for receipt in deliver(db, channels, MANNERS, NOON)] == [None]
    (body,) = receiver.bodies
    assert body["title"] == "Plumbline: critical incident 1 (latency) began"
    assert "latency critical" in body["message"]
    assert "Next: look at the machine's load" in body["message"]
    assert "http://127.0.0.1:8501/monitoring?incident=1" in body["message"]
    assert states(db) == [DeliveryState.SENT]


def test_what_was_sent_is_not_sent_again(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    see(db, report(Health.CRITICAL), NOON)
    for minute in range(3):
        deliver(db, channels, MANNERS, NOON + minute * MINUTE)
    assert len(receiver.bodies) == 1


def test_getting_worse_and_ending_call_and_what_people_do_does_not(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    see(db, report(Health.WARNING), NOON)
    deliver(db, channels, MANNERS, NOON)
    acknowledge(db, 1, by=person("ada"), reason="mine", now=NOON + MINUTE)
    deliver(db, channels, MANNERS, NOON + MINUTE)
    see(db, report(Health.CRITICAL), NOON + 2 * MINUTE)
    deliver(db, channels, MANNERS, NOON + 2 * MINUTE)
    resolve(db, 1, by=person("ada"), reason="fixed", now=NOON + 30 * MINUTE)
    deliver(db, channels, MANNERS, NOON + 30 * MINUTE)
    assert titles(receiver) == [
        "Plumbline: warning incident 1 (latency) began",
        "Plumbline: critical incident 1 (latency) is getting worse",
        "Plumbline: incident 1 (latency) is over after 30 minutes",
    ]


@pytest.mark.slow  # four seconds of writing them
def test_ten_thousand_incidents_at_once_are_one_message(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    with db.write() as conn:
        rows = [{"id": n + 1, "cause": f"c{n}", "opened_at": NOON} for n in range(10_000)]
        conn.execute(schema.incidents.insert(), rows)
        event = {"at": NOON, "kind": "opened", "severity": "warning", "message": "m", "by": "p"}
        conn.execute(
            schema.incident_events.insert(), [{"incident_id": row["id"], **event} for row in rows]
        )
    deliver(db, channels, MANNERS, NOON)
    assert titles(receiver) == ["Plumbline: 10,000 incidents changed"]
    assert "and 9,990 more" in receiver.bodies[0]["message"]
    deliver(db, channels, MANNERS, NOON + MINUTE)
    assert len(receiver.bodies) == 1


def test_a_crash_between_claim_and_receipt_sends_again(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    see(db, report(Health.CRITICAL), NOON)
    delivering._plan(db, channels, MANNERS, NOON)
    with db.write() as conn:
        assert len(deliveries.claim_due(conn, [channels[0].key], NOON, CLAIM_PATIENCE)) == 1
    deliver(db, channels, MANNERS, NOON + MINUTE)
    assert receiver.bodies == []
    deliver(db, channels, MANNERS, NOON + CLAIM_PATIENCE)
    assert len(receiver.bodies) == 1


def test_a_channel_that_fails_is_tried_again_later_and_later(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    receiver.status = 500
    see(db, report(Health.CRITICAL), NOON)
    (receipt,) = deliver(db, channels, MANNERS, NOON)
    assert receipt.error is not None
    assert "500" in receipt.error
    assert deliver(db, channels, MANNERS, NOON + timedelta(seconds=29)) == []
    assert len(deliver(db, channels, MANNERS, NOON + timedelta(seconds=30))) == 1
    assert deliver(db, channels, MANNERS, NOON + timedelta(seconds=89)) == []
    receiver.status = 200
    deliver(db, channels, MANNERS, NOON + timedelta(seconds=90))
    assert len(receiver.bodies) == 1
    (delivery,) = load(db)
    assert (delivery.state, delivery.n_attempts) == (DeliveryState.SENT, 3)


def test_a_channel_that_keeps_failing_is_an_incident_that_the_other_channel_tells(
    db: Database, receiver: Receiver
) -> None:
    two = open_channels([f"json://{receiver.host}/hook", "json://127.0.0.1:1/closed"])
    see(db, report(Health.WARNING), NOON)
    for minute in (0, 1, 3, 6, 7):
        deliver(db, two, MANNERS, NOON + minute * MINUTE)
    assert causes(db) == ["latency", "notifications"]
    assert titles(receiver)[-1] == "Plumbline: warning incident 2 (a channel fails) began"
    assert "JSON (entry 2 of PLUMBLINE_NOTIFY) has not taken" in receiver.bodies[-1]["message"]


def test_a_channel_that_works_again_ends_its_incident(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    receiver.status = 500
    see(db, report(Health.WARNING), NOON)
    for minute in (0, 1, 3, 6):
        deliver(db, channels, MANNERS, NOON + minute * MINUTE)
    assert "notifications" in causes(db)
    receiver.status = 200
    for minute in (30, 41, 52):
        deliver(db, channels, MANNERS, NOON + minute * MINUTE)
    assert causes(db) == ["latency"]


def test_a_channel_is_given_up_after_a_day_and_the_receipt_says_why(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    receiver.status = 500
    see(db, report(Health.CRITICAL), NOON)
    deliver(db, channels, MANNERS, NOON)
    deliver(db, channels, MANNERS, NOON + GIVE_UP_AFTER)
    given_up = load(db)[0]
    assert given_up.state is DeliveryState.FAILED
    assert "500" in str(given_up.error)


def test_an_address_that_is_none_says_so_and_keeps_no_other_from_its_message(
    db: Database, receiver: Receiver
) -> None:
    two = open_channels(["nonsense", f"json://{receiver.host}/hook"])
    see(db, report(Health.CRITICAL), NOON)
    bad, good = deliver(db, two, MANNERS, NOON)
    assert bad.label == "entry 1 of PLUMBLINE_NOTIFY"
    assert "not an Apprise URL" in str(bad.error)
    assert good.error is None


def test_a_warning_waits_for_the_end_of_the_quiet_hours_and_a_critical_one_does_not(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    see(db, report(Health.WARNING), NOON)
    deliver(db, channels, NIGHT, NOON)
    assert receiver.bodies == []
    see(db, report(Health.CRITICAL, "error_rate"), NOON + MINUTE)
    deliver(db, channels, NIGHT, NOON + MINUTE)
    assert titles(receiver) == ["Plumbline: critical incident 2 (requests fail) began"]
    deliver(db, channels, NIGHT, NOON + 2 * HOUR)
    assert titles(receiver)[1:] == ["Plumbline: warning incident 1 (latency) began"]


def test_maintenance_holds_everything_back_until_it_ends(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    announce(db, duration=2 * HOUR, by=person("ada"), reason="new disks", now=NOON)
    see(db, report(Health.CRITICAL), NOON + MINUTE)
    deliver(db, channels, MANNERS, NOON + MINUTE)
    assert receiver.bodies == []
    end_maintenance(db, by=person("ada"), reason="", now=NOON + HOUR)
    deliver(db, channels, MANNERS, NOON + HOUR)
    assert titles(receiver) == ["Plumbline: critical incident 1 (latency) began"]


def test_maintenance_needs_a_reason_and_a_length_and_ends_once(db: Database) -> None:
    with pytest.raises(InvalidInput, match="needs a reason"):
        announce(db, duration=HOUR, by=person("ada"), reason=" ", now=NOON)
    for duration in (timedelta(0), timedelta(days=8)):
        with pytest.raises(InvalidInput, match="up to 7 days"):
            announce(db, duration=duration, by=person("ada"), reason="r", now=NOON)
    with pytest.raises(Conflict, match="No maintenance is under way"):
        end_maintenance(db, by=person("ada"), reason="", now=NOON)


def test_a_muted_cause_is_recorded_and_calls_nobody(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    muted = Manners(silent=("latency",), quiet=None, address="")
    see(db, report(Health.CRITICAL), NOON)
    deliver(db, channels, muted, NOON)
    assert receiver.bodies == []
    (delivery,) = load(db)
    assert delivery.state is DeliveryState.DROPPED
    assert "is muted" in str(delivery.error)


def test_a_cause_that_is_muted_by_its_old_name_calls_nobody(
    receiver: Receiver, tmp_path: Path
) -> None:
    values = {
        "PLUMBLINE_HOME": str(tmp_path),
        "PLUMBLINE_NOTIFY": f"json://{receiver.host}/page",
        "PLUMBLINE_SILENT_CAUSES": "accuracy_level",
    }
    with closing(build_app(values, lambda: NOON)) as app:
        see(app.db, [Finding("accuracy", Health.CRITICAL, "70 %")], NOON)
        deliver_app(app)
        assert receiver.bodies == []
        (delivery,) = load(app.db)
    assert delivery.error == "'accuracy' is muted: it is recorded only"


def test_what_is_pending_and_what_joins_call_nobody(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    collapsed = [Finding("collapsed", Health.CRITICAL, "one score for all")]
    record(db, collapsed, NOON)
    deliver(db, channels, MANNERS, NOON)
    assert receiver.bodies == []
    record(db, collapsed, NOON + MINUTE)
    deliver(db, channels, MANNERS, NOON + MINUTE)
    record(db, [*collapsed, Finding("error_growth", Health.CRITICAL, "MAE 9")], NOON + HOUR)
    deliver(db, channels, MANNERS, NOON + HOUR)
    assert titles(receiver) == ["Plumbline: critical incident 1 (scores collapsed) began"]


def test_what_was_withdrawn_or_resolved_before_it_opened_is_not_told(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    for cause in ("latency", "fallback"):
        record(db, [Finding(cause, Health.WARNING, "m")], NOON)
    record(db, [Finding("latency", Health.HEALTHY, "m")], NOON + MINUTE)
    resolve(db, 2, by=person("ada"), reason="a restart", now=NOON + MINUTE)
    deliver(db, channels, MANNERS, NOON + MINUTE)
    assert receiver.bodies == []
    assert causes(db) == []


def test_a_check_that_calls_is_not_silenced_by_a_muted_one(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    muted = Manners(silent=("drift",), quiet=None, address="")
    see(db, [Finding("drift", Health.WARNING, "'length' moved")], NOON)
    deliver(db, channels, muted, NOON)
    assert receiver.bodies == []
    see(db, [Finding("error_growth", Health.WARNING, "MAE 5")], NOON + HOUR)
    deliver(db, channels, muted, NOON + HOUR)
    (body,) = receiver.bodies
    assert body["title"] == "Plumbline: warning incident 1 (inputs drifted) began"
    assert body["message"].startswith("MAE 5")


def test_a_cause_that_flaps_stops_calling(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    for hour in range(5):
        at = NOON + hour * HOUR
        see(db, report(Health.WARNING), at)
        deliver(db, channels, MANNERS, at)
        for minute in (10, 20):
            see(db, report(Health.HEALTHY), at + minute * MINUTE)
        deliver(db, channels, MANNERS, at + 20 * MINUTE)
    began = [title for title in titles(receiver) if title.endswith("began")]
    assert len(began) == 3
    assert "flapping" in str(load(db)[-1].error)


def let_flap(db: Database, channels: list[Channel], manners: Manners = MANNERS) -> datetime:
    """Three warnings of a cause in an hour, each told and over; return when the next may begin."""
    for n in range(3):
        at = NOON + 20 * n * MINUTE
        see(db, report(Health.WARNING), at)
        deliver(db, channels, manners, at + MINUTE)
        for minute in (2, 13):
            see(db, report(Health.HEALTHY), at + minute * MINUTE)
        deliver(db, channels, manners, at + 14 * MINUTE)
    return NOON + HOUR


def end(db: Database, at: datetime) -> None:
    for minute in (0, 11):
        see(db, report(Health.HEALTHY), at + minute * MINUTE)


def test_the_end_of_a_critical_is_told_although_its_cause_flaps(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    at = let_flap(db, channels)
    n_before = len(receiver.bodies)
    see(db, report(Health.CRITICAL), at)
    deliver(db, channels, MANNERS, at + MINUTE)
    see(db, report(Health.WARNING), at + 5 * MINUTE)
    end(db, at + 10 * MINUTE)
    deliver(db, channels, MANNERS, at + 22 * MINUTE)
    assert titles(receiver)[n_before:] == [
        "Plumbline: critical incident 4 (latency) began",
        "Plumbline: incident 4 (latency) is over after 21 minutes",
    ]


def test_a_warning_of_a_flapping_cause_that_stays_is_told_after_an_hour_and_so_is_its_end(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    at = let_flap(db, channels)
    n_before = len(receiver.bodies)
    see(db, report(Health.WARNING), at)
    for minute in range(0, 12 * 60, 10):
        deliver(db, channels, MANNERS, at + minute * MINUTE)
        told = titles(receiver)[n_before:]
        assert len(told) == (minute > 60), minute
    end(db, at + 12 * HOUR)
    deliver(db, channels, MANNERS, at + 13 * HOUR)
    assert titles(receiver)[n_before:] == [
        "Plumbline: warning incident 4 (latency) began",
        "Plumbline: incident 4 (latency) is over after 12 h 11 min",
    ]


def test_a_warning_of_a_flapping_cause_that_ends_within_the_hour_is_never_told(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    at = let_flap(db, channels)
    n_before = len(receiver.bodies)
    see(db, report(Health.WARNING), at)
    deliver(db, channels, MANNERS, at + MINUTE)
    end(db, at + 20 * MINUTE)
    for hour in (1, 2, 12):
        deliver(db, channels, MANNERS, at + hour * HOUR)
    assert titles(receiver)[n_before:] == []
    assert [d.state for d in load(db)[-2:]] == [DeliveryState.DROPPED] * 2
    assert "flapping: opened 4 times in 6 h" in str(load(db)[-1].error)


def test_what_a_stopped_worker_finds_late_of_a_flapping_cause_is_not_told_either(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    at = let_flap(db, channels)
    n_before = len(receiver.bodies)
    see(db, report(Health.WARNING), at)
    end(db, at + 20 * MINUTE)
    deliver(db, channels, MANNERS, at + 5 * HOUR)
    assert titles(receiver)[n_before:] == []


def test_a_flapping_warning_that_turns_critical_is_told_once_and_not_again_as_a_warning(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    at = let_flap(db, channels)
    n_before = len(receiver.bodies)
    see(db, report(Health.WARNING), at)
    deliver(db, channels, MANNERS, at + MINUTE)
    see(db, report(Health.CRITICAL), at + 10 * MINUTE)
    for minute in (10, 65, 120):
        deliver(db, channels, MANNERS, at + minute * MINUTE)
    assert titles(receiver)[n_before:] == [
        "Plumbline: critical incident 4 (latency) is getting worse"
    ]


def test_a_cause_has_stopped_flapping_six_hours_later(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    at = let_flap(db, channels) + 7 * HOUR
    n_before = len(receiver.bodies)
    see(db, report(Health.WARNING), at)
    deliver(db, channels, MANNERS, at + MINUTE)
    assert titles(receiver)[n_before:] == ["Plumbline: warning incident 4 (latency) began"]


@pytest.mark.parametrize("how", ["itself", "a person", "after it eased"])
def test_the_end_of_a_critical_that_called_in_quiet_hours_is_told_in_them(
    db: Database, receiver: Receiver, channels: list[Channel], how: str
) -> None:
    see(db, report(Health.CRITICAL), NOON)
    deliver(db, channels, NIGHT, NOON + MINUTE)
    if how == "a person":
        resolve(db, 1, by=person("ada"), reason="fixed", now=NOON + 30 * MINUTE)
    else:
        if how == "after it eased":
            see(db, report(Health.WARNING), NOON + 10 * MINUTE)
        end(db, NOON + 19 * MINUTE)
    deliver(db, channels, NIGHT, NOON + 31 * MINUTE)
    assert titles(receiver) == [
        "Plumbline: critical incident 1 (latency) began",
        "Plumbline: incident 1 (latency) is over after 30 minutes",
    ]


def test_the_end_of_a_warning_waits_with_it_for_the_end_of_the_quiet_hours(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    see(db, report(Health.WARNING), NOON)
    end(db, NOON + 19 * MINUTE)
    deliver(db, channels, NIGHT, NOON + HOUR)
    assert receiver.bodies == []
    deliver(db, channels, NIGHT, NOON + 2 * HOUR)
    assert titles(receiver) == ["Plumbline: incident 1 (latency) is over after 30 minutes"]


def test_what_was_told_as_critical_is_not_told_as_a_warning_when_the_quiet_hours_end(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    see(db, report(Health.WARNING), NOON)
    deliver(db, channels, NIGHT, NOON + MINUTE)
    see(db, report(Health.CRITICAL), NOON + 30 * MINUTE)
    deliver(db, channels, NIGHT, NOON + 30 * MINUTE)
    deliver(db, channels, NIGHT, NOON + 3 * HOUR)
    assert titles(receiver) == ["Plumbline: critical incident 1 (latency) is getting worse"]


def test_a_warning_of_a_maintenance_that_ends_in_quiet_hours_waits_for_their_end(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    announce(db, duration=HOUR, by=person("ada"), reason="new disks", now=NOON)
    see(db, report(Health.WARNING), NOON)
    deliver(db, channels, NIGHT, NOON + MINUTE)
    end_maintenance(db, by=person("ada"), reason="", now=NOON + 30 * MINUTE)
    for minute in (31, 61, 119):
        deliver(db, channels, NIGHT, NOON + minute * MINUTE)
    assert receiver.bodies == []
    deliver(db, channels, NIGHT, NOON + 2 * HOUR)
    assert titles(receiver) == ["Plumbline: warning incident 1 (latency) began"]


# --- A channel that is busy ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, "600", 600),
        (503, "600", 600),
        (429, "Mon, 02 Mar 2026 12:10:00 GMT", 600),
        (429, " 90.5 ", 91),
        (429, "1", 30),  # the usual pause is longer
        (429, "-5", 30),
        (429, "soon", 30),
        (429, "Mon, 02 Mar 2026 11:00:00 GMT", 30),
        (429, "nan", 30),
        (429, "99999999999999999999", 86_400),
        (429, None, 30),
        (500, "600", 30),  # it says nothing of a pause there
    ],
)
def test_a_channel_is_not_tried_before_the_time_that_it_asks_for(
    db: Database,
    receiver: Receiver,
    channels: list[Channel],
    status: int,
    header: str | None,
    seconds: int,
) -> None:
    receiver.status = status
    receiver.headers = {} if header is None else {"Retry-After": header}
    see(db, report(Health.CRITICAL), NOON)
    deliver(db, channels, MANNERS, NOON)
    (delivery,) = load(db)
    early = NOON + timedelta(seconds=seconds) - delivery.due_at
    assert timedelta(0) <= early < timedelta(seconds=1)
    receiver.paths.clear()
    deliver(db, channels, MANNERS, delivery.due_at - timedelta(seconds=1))
    assert receiver.paths == []
    receiver.status = 200
    deliver(db, channels, MANNERS, delivery.due_at)
    assert len(receiver.bodies) == 1


def test_what_comes_while_a_channel_rests_waits_with_the_rest_and_is_one_message(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    with run_receiver() as other:
        two = [*channels, *open_channels([f"json://{other.host}/hook"])]
        receiver.status, receiver.headers = 429, {"Retry-After": "600"}
        see(db, report(Health.CRITICAL), NOON)
        deliver(db, two, MANNERS, NOON)
        receiver.status = 200
        for n, cause in enumerate(("error_rate", "drift", "labels"), start=1):
            see(db, [Finding(cause, Health.CRITICAL, "m")], NOON + n * MINUTE)
            deliver(db, two, MANNERS, NOON + n * MINUTE)
        assert receiver.bodies == []
        assert len(other.bodies) == 4
        deliver(db, two, MANNERS, NOON + 10 * MINUTE)
        assert titles(receiver) == ["Plumbline: 4 incidents changed, 4 of them critical"]


def test_a_new_message_does_not_shorten_the_pauses_of_a_channel_that_fails(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    receiver.status = 500
    see(db, report(Health.CRITICAL), NOON)
    tried = []
    for second in range(0, 1_200, 10):
        now = NOON + timedelta(seconds=second)
        if second % 60 == 50:
            see(db, [Finding(f"cause_{second}", Health.CRITICAL, "m")], now)
        if deliver(db, channels, MANNERS, now):
            tried.append(second)
    assert tried == [0, 30, 90, 210, 510]


def test_without_a_channel_nothing_waits_for_the_first_one(db: Database) -> None:
    see(db, report(Health.CRITICAL), NOON)
    assert deliver(db, [], MANNERS, NOON) == []
    assert load(db) == []


def test_a_test_reaches_every_channel_and_leaves_a_receipt(
    db: Database, receiver: Receiver, channels: list[Channel]
) -> None:
    (receipt,) = send_test(db, channels, by=person("ada"), now=NOON)
    assert receipt.error is None
    assert titles(receiver) == ["Plumbline: a test"]
    assert states(db) == [DeliveryState.SENT]
    receiver.status = 404
    (refused,) = send_test(db, channels, by=person("ada"), now=NOON)
    assert "404" in str(refused.error)
    assert states(db) == [DeliveryState.SENT, DeliveryState.FAILED]


def test_a_channel_that_hangs_keeps_no_other_from_its_message(
    db: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.alerts.channels.SEND_SECONDS", 0.3)
    with run_receiver() as hanging:
        hanging.go.clear()
        two = open_channels([f"json://{hanging.host}/hook?rto=20", f"json://{receiver.host}/hook"])
        see(db, report(Health.CRITICAL), NOON)
        hung, good = deliver(db, two, MANNERS, NOON)
    assert hung.error == "no answer within 0.3 s"
    assert good.error is None
    assert len(receiver.bodies) == 1


def test_no_secret_of_a_channel_is_stored(db: Database, receiver: Receiver) -> None:
    channel = open_channels([f"json://user:hunter2@{receiver.host}/p4th?+X-Token=s3cret"])
    see(db, [Finding("latency", Health.CRITICAL, "slow")], NOON)
    deliver(db, channel, MANNERS, NOON)
    (delivery,) = load(db)
    assert "hunter2" not in delivery.label
    assert "s3cret" not in delivery.label
    assert "p4th" not in delivery.label  # where a webhook has its token
