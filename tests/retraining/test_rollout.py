"""A retrained version is tried where a trial can decide in time, and serves only past its gate."""

from dataclasses import replace

import pytest

from core.domain.version import Version
from core.retraining.rollout import choose_rollout, roll_out
from core.settings import parse_settings
from core.store.engine.database import Database
from core.store.models import deployments
from tests.fakes import FakeRegistry, add_version
from tests.people import person
from tests.streams import NOON, deploy

SETTINGS = parse_settings({})


@pytest.fixture
def version(db: Database) -> Version:
    return add_version(db, FakeRegistry())


def test_a_version_that_its_gate_refused_stays_out_of_service(version: Version) -> None:
    gate = replace(version.report.gate, passed=False, reasons=("Failed: no skill.", "Passed: x."))
    refused = replace(version, report=replace(version.report, gate=gate))
    chosen = choose_rollout(refused, 3, 1_000.0, 2_000, 7.0)
    assert chosen.how == "refused"
    assert chosen.why == "v1 stays out of service, its gate refused it. Failed: no skill."


@pytest.mark.parametrize(("per_day", "how"), [(6.0, "direct"), (285.0, "direct"), (286.0, "trial")])
def test_a_trial_begins_where_its_pairs_come_before_the_next_retraining(
    version: Version, per_day: float, how: str
) -> None:
    assert choose_rollout(version, 3, per_day, 2_000, 7.0).how == how


def test_where_no_model_serves_there_is_nothing_to_try_against(version: Version) -> None:
    assert choose_rollout(version, 0, 1e6, 2_000, 7.0).how == "direct"


def test_a_direct_rollout_is_a_row_with_its_reason(db: Database) -> None:
    registry = FakeRegistry()
    first, second = add_version(db, registry), add_version(db, registry)
    deploy(db, first.number)
    done = roll_out(db, registry, second, SETTINGS, by=person("plumbline"), now=NOON)  # type: ignore[arg-type]
    with db.read() as conn:
        current = deployments.find_current(conn)
    assert current is not None
    assert (current.plan.champion, current.reason) == (second.number, done.why)
    assert "about 0 labelled pairs come before the next retraining" in done.why
