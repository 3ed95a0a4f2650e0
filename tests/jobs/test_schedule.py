"""The scheduled tasks: what each does when there is nothing, something, and when it cannot."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.bootstrap import App, build_app
from core.data.collect import add_rows
from core.domain.deployment import Action, Plan
from core.errors import Unavailable
from core.jobs.schedule import TASKS
from core.login.sessions import LoginSessions
from core.registry import Registry
from core.store.data import quality
from core.store.models import deployments
from core.store.monitoring import health
from tests.conftest import NOON


class Tracking(Registry):
    """A registry that only remembers what it was asked to mirror."""

    def __init__(self, home: Path) -> None:
        super().__init__(home / "artifacts", "sqlite://")
        self.champions: list[int] = []
        self.down = False

    def prepare(self) -> None:
        if self.down:
            raise Unavailable("MLflow does not answer.")

    def mirror_alias(self, version_number: int) -> None:
        self.champions.append(version_number)


@pytest.fixture
def tracking(home: Path) -> Tracking:
    return Tracking(home)


@pytest.fixture
def app(home: Path, now: Callable[[], datetime], tracking: Tracking) -> Iterator[App]:
    built = build_app({"PLUMBLINE_HOME": str(home)}, now)
    yield replace(built, registry=tracking)
    built.close()


def run(app: App, name: str) -> str:
    return next(task for task in TASKS if task.name == name).run(app)


def push_rows(app: App, n: int) -> None:
    rows = [{"features": {"a": float(i)}, "target": float(i % 50)} for i in range(n)]
    add_rows(app.db, rows, source="api", by="ci", now=app.now(), scale=app.settings.scale)


def test_watching_an_empty_store_keeps_that_nothing_is_known(app: App) -> None:
    assert run(app, "watch") == "measured; no incident changed"
    with app.db.read() as conn:
        last = health.find_last_change(conn)
    assert last is not None
    assert last.health == "unknown"


def test_the_retraining_check_keeps_its_reasons(app: App) -> None:
    assert run(app, "retraining check").startswith("retraining is not due: Nothing is deployed")
    with app.db.read() as conn:
        assert [d.retrain for d in deployments.load_decisions(conn, 10)] == [False]


def test_old_predictions_are_removed_unless_all_are_kept(app: App) -> None:
    assert run(app, "retention") == "no prediction is older than 90 days"
    keeping = replace(app, settings=replace(app.settings, keep_predictions_days=0))
    assert run(keeping, "retention") == "all predictions are kept"


def test_rows_that_services_pushed_are_checked_once(app: App) -> None:
    assert run(app, "data check") == "nothing new to check"
    push_rows(app, 60)
    assert run(app, "data check").startswith("60 rows checked")
    assert run(app, "data check") == "nothing new to check"
    with app.db.read() as conn:
        report = quality.find_last_report(conn)
    assert report is not None
    assert report.n_rows == 60


def test_the_alias_follows_what_serves(app: App, tracking: Tracking) -> None:
    assert run(app, "MLflow") == "0 versions recorded"
    assert tracking.champions == []
    with app.db.write() as conn:
        deployments.append_deployment(
            conn,
            action=Action.DEPLOY,
            plan=Plan(champion=3),
            reason="test",
            by="ada",
            override=False,
            evidence={},
            now=app.now(),
        )
    run(app, "MLflow")
    assert tracking.champions == [3]


def test_tracking_that_is_down_is_the_tasks_error(app: App, tracking: Tracking) -> None:
    tracking.down = True
    with pytest.raises(Unavailable, match="MLflow does not answer"):
        run(app, "MLflow")


def test_retention_removes_logins_that_ended_long_ago(app: App) -> None:
    found = LoginSessions(app.db, app.settings, app.now)
    for _ in range(2):
        found.start("ada@a.org", authenticated_at=NOON, place="127.0.0.1")
    assert "login" not in run(app, "retention")
    much_later = replace(app, now=lambda: NOON + timedelta(days=100))
    assert run(much_later, "retention").endswith("; 2 old logins removed")
