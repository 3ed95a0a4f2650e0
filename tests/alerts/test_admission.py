"""A rule that a new version brings runs dry for a week; those of a new installation never do."""

from datetime import timedelta

import pytest

from core.alerts.admission import DRY_RUN, admit_rules, list_dry, make_live
from core.alerts.rules import CALLING_CAUSES
from core.bootstrap import build_app
from core.domain.monitoring import Health, HealthReport, Reason
from core.errors import Conflict, InvalidInput, NotFound
from core.store.engine.database import Database
from core.store.monitoring import alert_rules, deliveries
from core.watching import deliver_app, watch_app
from tests.alerts.receiver import Receiver
from tests.alerts.seeing import see
from tests.streams import HOUR, NOON

OLD = ("latency", "drift")


def list_silent(db: Database, hours: float = 0) -> list[str]:
    with db.read() as conn:
        return [rule.cause for rule in list_dry(conn, NOON + hours * HOUR)]


def upgrade(db: Database) -> None:
    """A version that knew two causes, and an hour later one that knows a third."""
    admit_rules(db, OLD, NOON)
    admit_rules(db, (*OLD, "tilt"), NOON + HOUR)


def test_in_a_new_installation_every_rule_is_live_at_once(db: Database) -> None:
    assert len(admit_rules(db, CALLING_CAUSES, NOON)) == len(CALLING_CAUSES)
    assert list_silent(db) == []


def test_what_is_known_already_is_not_admitted_again(db: Database) -> None:
    upgrade(db)
    assert admit_rules(db, (*OLD, "tilt"), NOON + 2 * HOUR) == []
    with db.read() as conn:
        assert [rule.cause for rule in alert_rules.load_rules(conn)] == ["drift", "latency", "tilt"]


def test_a_new_rule_runs_dry_for_a_week_and_is_then_live_by_itself(db: Database) -> None:
    upgrade(db)
    week = DRY_RUN / timedelta(hours=1)
    assert [list_silent(db, hours) for hours in (1, week, week + 1)] == [["tilt"], ["tilt"], []]


def test_a_person_makes_it_live_with_a_reason(db: Database) -> None:
    upgrade(db)
    with pytest.raises(InvalidInput, match="needs a reason"):
        make_live(db, "tilt", by="ada", reason=" ", now=NOON + 2 * HOUR)
    with pytest.raises(NotFound, match="There is no rule 'skew': the rules are drift, latency"):
        make_live(db, "skew", by="ada", reason="r", now=NOON + 2 * HOUR)
    make_live(db, "tilt", by="ada", reason="it was right twice", now=NOON + 2 * HOUR)
    assert list_silent(db, 2) == []
    with db.read() as conn:
        rule = alert_rules.load_rules(conn)[-1]
    assert (rule.by, rule.reason) == ("ada", "it was right twice")
    with pytest.raises(Conflict, match="'tilt' is live already"):
        make_live(db, "tilt", by="ada", reason="again", now=NOON + 3 * HOUR)


def test_what_a_new_rule_finds_is_recorded_and_calls_from_its_release_on(
    receiver: Receiver, tmp_path: object
) -> None:
    values = {
        "PLUMBLINE_HOME": str(tmp_path),
        "PLUMBLINE_NOTIFY": f"json://{receiver.host}/page",
    }
    app = build_app(values, lambda: NOON)
    admit_rules(app.db, [cause for cause in CALLING_CAUSES if cause != "latency"], NOON - HOUR)
    watch_app(app, worker_lease=None)
    see(app.db, make_slow(Health.WARNING), NOON)
    deliver_app(app)
    assert receiver.bodies == []
    with app.db.read() as conn:
        (delivery,) = deliveries.load_newest(conn, 10)
    assert delivery.error == "'latency' runs dry: it is recorded only"
    make_live(app.db, "latency", by="ada", reason="it was right", now=NOON)
    see(app.db, make_slow(Health.CRITICAL), NOON + HOUR)
    deliver_app(app)
    assert len(receiver.bodies) == 1
    app.close()


def make_slow(health: Health) -> HealthReport:
    return HealthReport(health, (Reason("latency", health, "slow", ""),), NOON)
