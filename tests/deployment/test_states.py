"""Random sequences of operators and automation: the plan is always one that somebody chose."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.deployment.release import deploy, describe_plan, rollback
from core.deployment.trials import (
    TrialStart,
    promote,
    start_trial,
    stop_trial,
    watch_trial,
    widen_trial,
)
from core.domain.deployment import Action, Deployment, Plan
from core.domain.trial import TrialSettings
from core.errors import OpsError
from core.store.engine.database import Database, open_database
from core.store.models import deployments
from tests.fakes import FakeArtifact, FakeRegistry, add_version
from tests.people import person

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
VERSIONS = st.integers(0, 5)  # 0 is the heuristic, 5 does not exist
SHARES = st.sampled_from([0.1, 0.2, 0.5, 1.0])
NAMES = st.sampled_from(["one", "two"])


@cache
def make_store() -> tuple[Database, Path, bytes]:
    """A store of four versions, its file and what that holds: each sequence begins there, with the
    statements that the ones before have compiled."""
    home = Path(tempfile.mkdtemp())
    db, registry = open_database("", home, "process", NOON), FakeRegistry()
    for _ in range(4):
        add_version(db, registry)
    db.close()  # the last connection writes the log into the file
    file = home / "plumbline.db"
    return db, file, file.read_bytes()


class Crash(BaseException):
    """The process is gone between the append and the commit."""


class Releases(RuleBasedStateMachine):
    """A model of the plan beside the real one: what every accepted step has to leave behind."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = FakeRegistry()
        self.db, file, content = make_store()
        file.write_bytes(content)
        self.registry.artifacts = {f"hash-{number}": FakeArtifact() for number in range(1, 5)}
        self.now = NOON
        self.plan: Plan | None = None
        self.seen: list[Deployment] = []

    @rule(number=VERSIONS)
    def deploy(self, number: int) -> None:
        self.attempt(
            lambda: deploy(self.db, self.registry, number, override=False, **self.who()),  # type: ignore[arg-type]
            lambda row: row.plan == Plan(number),
        )

    @rule(number=st.none() | VERSIONS)
    def roll_back(self, number: int | None) -> None:
        before = [row.plan.champion for row in self.seen]
        self.attempt(
            lambda: rollback(self.db, self.registry, number, **self.who()),  # type: ignore[arg-type]
            lambda row: (
                row.plan == Plan(row.plan.champion)
                and row.plan.champion in before
                and number in (None, row.plan.champion)
            ),
        )

    @rule(number=VERSIONS, traffic=SHARES, name=NAMES)
    def start(self, number: int, traffic: float, name: str) -> None:
        champion = self.plan.champion if self.plan else None
        self.attempt(
            lambda: start_trial(
                self.db,
                self.registry,  # type: ignore[arg-type]
                TrialStart(
                    number, name=name, traffic=traffic, settings=TrialSettings(), salt="salt"
                ),
                override=False,
                **self.who(),  # type: ignore[arg-type]
            ),
            lambda row: (
                row.plan == Plan(champion or 0, number, traffic, name, "salt")
                and number not in (0, champion)
            ),
        )

    @rule(name=NAMES, traffic=SHARES)
    def widen(self, name: str, traffic: float) -> None:
        plan = self.plan
        self.attempt(
            lambda: widen_trial(self.db, name, traffic=traffic, **self.who()),  # type: ignore[arg-type]
            lambda row: (
                plan is not None
                and plan.ab_test == name
                and row.plan == Plan(plan.champion, plan.challenger, traffic, name, plan.salt)
            ),
        )

    @rule(name=NAMES, override=st.booleans())
    def promote(self, name: str, override: bool) -> None:
        plan = self.plan
        self.attempt(
            lambda: promote(self.db, self.registry, name, override=override, **self.who()),  # type: ignore[arg-type]
            lambda row: (
                override
                and plan is not None
                and plan.ab_test == name
                and row.plan == Plan(plan.challenger or 0)
            ),
        )

    @rule(name=NAMES)
    def stop(self, name: str) -> None:
        plan = self.plan
        self.attempt(
            lambda: stop_trial(self.db, name, **self.who()),  # type: ignore[arg-type]
            lambda row: (
                plan is not None and plan.ab_test == name and row.plan == Plan(plan.champion)
            ),
        )

    @rule()
    def look(self) -> None:
        """Without a request, automation changes nothing, however long it waits."""
        watch_trial(self.db, self.registry, self.now)  # type: ignore[arg-type]

    @rule(number=VERSIONS)
    def operate_late(self, number: int) -> None:
        """An operator who looked at the plan of one step before."""
        stale = self.seen[-2].revision if len(self.seen) > 1 else 99
        self.refuse(
            lambda: deploy(
                self.db,
                self.registry,  # type: ignore[arg-type]
                number,
                override=True,
                expected_revision=stale,
                **self.who(),  # type: ignore[arg-type]
            )
        )

    @rule(number=st.integers(1, 4))
    def crash(self, number: int) -> None:
        """The process dies after it appended and before it committed."""
        original = deployments.append_deployment

        def die(*args: object, **values: object) -> None:
            original(*args, **values)  # type: ignore[arg-type]
            raise Crash

        deployments.append_deployment = die  # type: ignore[assignment]
        try:
            deploy(self.db, self.registry, number, override=False, **self.who())  # type: ignore[arg-type]
        except (Crash, OpsError):
            pass
        finally:
            deployments.append_deployment = original
        self.db.close()

    @rule(hours=st.integers(-5, 50))
    def wait(self, hours: int) -> None:
        """Clocks jump back as well."""
        self.now += timedelta(hours=hours)

    @invariant()
    def two_readers_see_what_was_chosen(self) -> None:
        with self.db.read() as one, self.db.read() as other:
            history = deployments.load_history(one)
            assert deployments.find_current(other) == (history[-1] if history else None)
        assert history == self.seen
        assert (history[-1].plan if history else None) == self.plan
        assert [row.revision for row in history] == sorted({row.revision for row in history})
        summary = describe_plan(self.db, self.now)
        assert (summary.champion.version if summary.champion else None) == (
            self.plan.champion if self.plan else None
        )
        assert (summary.challenger is not None) == bool(self.plan and self.plan.challenger)
        if self.plan is not None and self.plan.challenger is not None:
            assert self.plan.challenger not in (0, self.plan.champion)
            assert self.plan.traffic in (0.1, 0.2, 0.5, 1.0)
        for row in history:
            assert row.plan.champion in range(5)
            assert row.action in Action

    def teardown(self) -> None:
        self.db.close()

    def who(self) -> dict[str, object]:
        return {"reason": "because", "by": person("ada"), "now": self.now}

    def attempt(self, act: Callable[[], Deployment], right: Callable[[Deployment], bool]) -> None:
        try:
            row = act()
        except OpsError:
            return  # the invariant says that nothing was changed
        assert right(row), row
        self.seen.append(row)
        self.plan = row.plan

    def refuse(self, act: Callable[[], Deployment]) -> None:
        with pytest.raises(OpsError):
            act()


Releases.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


class TestReleases(Releases.TestCase):  # type: ignore[misc,name-defined]
    """A few sequences each time."""


@pytest.mark.slow
class TestManyReleases(Releases.TestCase):  # type: ignore[misc,name-defined]
    """Four hundred sequences."""

    settings = settings(Releases.TestCase.settings, max_examples=400)
