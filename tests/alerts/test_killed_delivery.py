"""A process that is killed between deciding and sending loses no message."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.alerts.channels import open_channels
from core.alerts.delivery import CLAIM_PATIENCE, Manners, deliver
from core.domain.incident import DeliveryState
from core.domain.monitoring import Health
from core.store.engine.database import open_database
from core.store.monitoring import deliveries, incidents
from tests.alerts.receiver import Receiver

ROOT = Path(__file__).parents[2]
N_KILLS = 12
N_INCIDENTS = 3


@pytest.mark.slow
def test_every_incident_is_told_however_often_the_sender_is_killed(
    home: Path, receiver: Receiver
) -> None:
    chance, address = random.Random(5), f"json://{receiver.host}/hook"
    now = datetime.now(UTC)
    db = open_database("", home, "process", now)
    told: set[str] = set()
    for kill in range(N_KILLS):
        causes = [f"kill {kill} cause {number}" for number in range(N_INCIDENTS)]
        with db.write() as conn:
            for cause in causes:
                incidents.open_incident(conn, cause, Health.CRITICAL, cause, "plumbline", now)
        receiver.go.clear() if kill % 2 else receiver.go.set()
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.alerts.deliver_once", str(home), address], cwd=ROOT
        )
        time.sleep(chance.uniform(0.5, 3.5))
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        receiver.go.set()
        later = datetime.now(UTC) + CLAIM_PATIENCE + timedelta(minutes=kill)
        deliver(db, open_channels([address]), Manners((), None, ""), later)
        told |= {cause for cause in causes if cause in str(receiver.bodies)}
        assert told >= set(causes)
    with db.read() as conn:
        states = {delivery.state for delivery in deliveries.load_newest(conn, 1000)}
    assert states == {DeliveryState.SENT}
    assert len(receiver.bodies) <= 2 * N_KILLS
    db.close()
