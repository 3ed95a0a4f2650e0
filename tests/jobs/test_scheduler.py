"""The scheduler thread: one of all works, the next takes over, and it ends when told to."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.bootstrap import App, build_app
from core.clock import utc_now
from core.domain.job import SCHEDULER, Lease, ScheduledTask
from core.errors import Refused, Unavailable
from core.jobs import scheduler as module
from core.jobs.children import Children
from core.jobs.schedule import Task
from core.jobs.scheduler import Scheduler
from core.store.installation import clock_jumps
from core.store.jobs import schedule
from tests.conftest import NOON

PATIENCE_SECONDS = 30.0


@pytest.fixture
def app(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.setattr(module, "_STEP_SECONDS", 0.01)
    monkeypatch.setattr(module, "_RENEW_SECONDS", 0.05)
    built = build_app({"PLUMBLINE_HOME": str(home)})
    yield built
    built.close()


def make(app: App, work: Callable[[App], str], role: str = "worker") -> Scheduler:
    return Scheduler(app, role, tasks=(Task("sample", 0.05, work),))


def find_lease(app: App) -> Lease | None:
    with app.db.read() as conn:
        return schedule.find_lease(conn, SCHEDULER)


def load_task(app: App) -> ScheduledTask:
    with app.db.read() as conn:
        return schedule.load_tasks(conn)[0]


def test_a_task_runs_again_and_again_and_its_outcome_is_kept(app: App) -> None:
    ran, done = [], threading.Event()

    def work(_: App) -> str:
        ran.append(1)
        if len(ran) == 3:
            done.set()
        return f"run {len(ran)}"

    scheduler = make(app, work)
    scheduler.start()
    assert done.wait(PATIENCE_SECONDS)
    scheduler.stop()
    task = load_task(app)
    assert task.last_outcome == f"run {len(ran)}"
    assert task.last_error is None
    assert task.next_run_at is not None
    assert task.last_started_at is not None
    assert task.next_run_at >= task.last_started_at


def test_it_ends_while_a_task_is_under_way(app: App) -> None:
    started, go_on = threading.Event(), threading.Event()

    def work(_: App) -> str:
        started.set()
        go_on.wait(PATIENCE_SECONDS)
        return "done"

    scheduler = make(app, work)
    scheduler.start()
    assert started.wait(PATIENCE_SECONDS)
    stopping = threading.Thread(target=scheduler.stop, daemon=True)
    stopping.start()
    go_on.set()
    stopping.join(PATIENCE_SECONDS)
    assert not stopping.is_alive()
    assert find_lease(app) is None
    assert load_task(app).last_outcome == "done"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (Refused("The disk is full."), "The disk is full."),
        (KeyError("x"), "A bug: KeyError: 'x'. The log has more."),
    ],
)
def test_a_task_that_fails_says_so_and_runs_again(app: App, error: Exception, shown: str) -> None:
    twice, ran = threading.Event(), []

    def work(_: App) -> str:
        ran.append(1)
        if len(ran) == 2:
            twice.set()
        raise error

    scheduler = make(app, work)
    scheduler.start()
    assert twice.wait(PATIENCE_SECONDS)
    scheduler.stop()
    assert load_task(app).last_error == shown


def test_only_the_holder_of_the_lease_works_until_it_stops(app: App) -> None:
    first_ran, second_ran = threading.Event(), threading.Event()
    first = make(app, _noting(first_ran))
    second = make(app, _noting(second_ran), role="dashboard")
    first.start()
    assert first_ran.wait(PATIENCE_SECONDS)
    second.start()
    assert not second_ran.wait(0.5)
    first.stop()
    assert second_ran.wait(PATIENCE_SECONDS)
    lease = find_lease(app)
    assert lease is not None
    assert lease.holder == second.holder
    second.stop()


def test_who_is_patient_leaves_the_lease_to_others(app: App) -> None:
    patient = Scheduler(app, "dashboard", patience_seconds=PATIENCE_SECONDS, tasks=())
    patient.start()
    assert find_lease(app) is None
    patient.stop()
    assert find_lease(app) is None


@pytest.mark.parametrize("hours", [-3, 3, 120 * 24])
def test_a_task_runs_now_after_somebody_set_the_clock(app: App, hours: int) -> None:
    turned, ran, again = threading.Event(), threading.Event(), threading.Event()

    def now() -> datetime:
        return utc_now() + timedelta(hours=hours if turned.is_set() else 0)

    def work(_: App) -> str:
        (again if ran.is_set() else ran).set()
        return "ran"

    scheduler = Scheduler(replace(app, now=now), "worker", tasks=(Task("sample", 3_600.0, work),))
    scheduler.start()
    assert ran.wait(PATIENCE_SECONDS)
    turned.set()
    assert again.wait(PATIENCE_SECONDS)
    scheduler.stop()
    with app.db.read() as conn:
        jump = clock_jumps.find_recent(conn, now())
    assert jump is not None
    assert jump.seconds == pytest.approx(3_600 * hours, abs=PATIENCE_SECONDS)


def test_a_clock_that_was_set_back_while_no_worker_ran_is_seen_at_the_start(app: App) -> None:
    ran, done = [], threading.Event()
    with app.db.write() as conn:
        ended_at = app.now() + timedelta(days=2)
        schedule.save_finished(conn, "sample", 60.0, "ran", None, ended_at)

    def work(_: App) -> str:
        ran.append(1)
        if len(ran) == 3:  # by then it has looked at what it found
            done.set()
        return "ran"

    scheduler = make(app, work)
    scheduler.start()
    assert done.wait(PATIENCE_SECONDS)
    scheduler.stop()
    with app.db.read() as conn:
        jump = clock_jumps.find_recent(conn, app.now())
    assert jump is not None
    assert jump.seconds == pytest.approx(-2 * 86_400, abs=PATIENCE_SECONDS)


def take_over(app: App) -> None:
    """Let another process take the lease as it does once it saw it unchanged for long enough."""
    with app.db.write() as conn:
        stale = schedule.find_lease(conn, SCHEDULER)
        schedule.claim_lease(conn, SCHEDULER, "other", app.now(), stale=stale)


def test_a_lease_that_was_taken_over_ends_the_work(app: App) -> None:
    ran = threading.Event()
    scheduler = make(app, _noting(ran))
    scheduler.start()
    assert ran.wait(PATIENCE_SECONDS)
    take_over(app)
    scheduler.stop()
    lease = find_lease(app)
    assert lease is not None
    assert lease.holder == "other"


def test_two_processes_of_one_name_and_number_are_two_holders(app: App) -> None:
    assert make(app, lambda _: "").holder != make(app, lambda _: "").holder


@pytest.mark.parametrize("wall", [timedelta(0), timedelta(days=120), timedelta(hours=-3)])
def test_a_lease_that_nobody_renews_is_taken_over_whatever_the_wall_clock_says(
    app: App, wall: timedelta
) -> None:
    with app.db.write() as conn:
        schedule.claim_lease(conn, SCHEDULER, "dead", NOON)
    seconds = iter((0.0, 5.0, 10.0, 15.0))
    waiting = Scheduler(replace(app, now=lambda: NOON + wall), "worker", steady=seconds.__next__)
    holders = [waiting._claim() for _ in range(4)]
    assert [lease and lease.holder for lease in holders] == ["dead"] * 3 + [waiting.holder]


def test_a_lease_that_is_renewed_is_left_alone_by_a_clock_far_ahead(app: App) -> None:
    holder = Scheduler(app, "worker")
    ahead = replace(app, now=lambda: app.now() + timedelta(days=120))
    waiting = Scheduler(ahead, "dashboard", steady=iter(range(0, 200, 5)).__next__)
    for _ in range(20):
        lease = holder._claim()
        assert waiting._claim() == lease


def test_who_slept_beside_the_holder_looks_anew_before_it_takes_over(app: App) -> None:
    holder = Scheduler(app, "worker")
    holder._claim()
    seconds = iter((0.0, 5.0, 3_600.0, 3_605.0))
    waiting = Scheduler(app, "dashboard", steady=seconds.__next__)
    holders = {lease.holder for lease in (waiting._claim() for _ in range(4)) if lease}
    assert holders == {holder.holder}


def test_a_store_that_is_away_ends_no_work(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    ran, missed, again = threading.Event(), threading.Event(), threading.Event()
    ended: list[object] = []
    claim = Scheduler._claim
    monkeypatch.setattr(Children, "stop", lambda *_: ended.append(1))
    scheduler = make(app, _noting(ran))
    scheduler.start()
    assert ran.wait(PATIENCE_SECONDS)

    def find_no_store(one: Scheduler) -> None:
        with monkeypatch.context() as away:
            away.setattr(app.db, "write", _refuse)
            assert claim(one) is None
        (again if missed.is_set() else missed).set()

    with monkeypatch.context() as away:
        away.setattr(Scheduler, "_claim", find_no_store)
        assert missed.wait(PATIENCE_SECONDS)
        assert again.wait(PATIENCE_SECONDS)
    assert not ended
    scheduler.stop()
    assert ended == [1]


def _refuse() -> None:
    raise Unavailable("The store is away.")


def _noting(ran: threading.Event) -> Callable[[App], str]:
    def work(_: App) -> str:
        ran.set()
        return "ran"

    return work
