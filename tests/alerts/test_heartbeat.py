"""The sign of life goes out while watching works, and stays away when it does not."""

from datetime import timedelta

import pytest

from core.alerts.channels import send_heartbeat
from core.bootstrap import build_app
from core.errors import Unavailable
from core.store.jobs import schedule
from core.watching import WATCH_TASK, send_app_heartbeat
from tests.alerts.receiver import Receiver
from tests.conftest import NOON


def test_a_heartbeat_that_is_not_taken_says_so(receiver: Receiver) -> None:
    receiver.status = 500
    with pytest.raises(Unavailable, match="PLUMBLINE_HEARTBEAT_URL did not take the heartbeat"):
        send_heartbeat(f"http://{receiver.host}/alive")


@pytest.mark.parametrize(
    ("error", "age_seconds", "sent"),
    [(None, 10, True), ("the disk is full", 10, False), (None, 600, False)],
    ids=["watching works", "watching fails", "watching stands still"],
)
def test_the_heartbeat_stops_when_watching_does(
    receiver: Receiver, tmp_path: object, error: str | None, age_seconds: int, sent: bool
) -> None:
    values = {
        "PLUMBLINE_HOME": str(tmp_path),
        "PLUMBLINE_HEARTBEAT_URL": f"http://{receiver.host}/alive",
    }
    app = build_app(values, lambda: NOON)
    with app.db.write() as conn:
        at = NOON - timedelta(seconds=age_seconds)
        schedule.save_started(conn, WATCH_TASK, 15.0, at)
        schedule.save_finished(conn, WATCH_TASK, 15.0, None if error else "measured", error, at)
    outcome = send_app_heartbeat(app)
    assert receiver.paths == (["/alive"] if sent else [])
    assert outcome == ("sent" if sent else "withheld: watching does not work")
    app.close()
