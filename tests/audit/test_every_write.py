"""Every function that changes something for somebody, asked by every role: whoever may not is
refused with nothing changed, and whatever is done or refused stands in a chain that verifies."""

import ast
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.alerts.delivery import send_test
from core.alerts.incidents import acknowledge, judge, resolve, snooze
from core.alerts.maintenance import announce, end_maintenance
from core.audit.approvals import decide
from core.audit.attempt import Forbidden
from core.audit.verify import verify_audit
from core.bootstrap import App, build_app, change_setting
from core.data.erase import ErasureRequest, erase_rows
from core.data.tables.table_mappings import remove_mapping, save_mapping
from core.decisions.policies import put_in_force, roll_back_policy, set_policy
from core.deployment.release import deploy, rollback
from core.deployment.trials import TrialStart, promote, start_trial, stop_trial, widen_trial
from core.domain.actor import JOB_ACTS, LEAST_ROLE, Act, Actor, ApprovalState, AuditOutcome, Role
from core.domain.dataset import IdKind
from core.domain.decisions.policy import PolicyKind, PolicyTerms
from core.domain.installation import Scope
from core.domain.source import TableMapping
from core.domain.trial import TrialSettings
from core.domain.version import NoteKind
from core.errors import OpsError
from core.jobs.runner import do_job
from core.login.sessions import end_all_sessions, end_session
from core.retraining.flow import start_retraining
from core.retraining.policy import build_policy
from core.serving.keys import create_key, revoke_key, rotate_key
from core.settings import Scale
from core.store.engine import schema
from core.store.installation import audit, sessions
from core.system import cancel_job, request_job
from core.training.notes import add_note, sign_version
from tests.fakes import FakeRegistry, add_version
from tests.people import ask_approval

ROOT = Path(__file__).resolve().parents[2] / "core"
MAPPING = TableMapping("ratings", "rating")
START = TrialStart(2, "shorter", 0.1, TrialSettings(), "salt")
Write = Callable[[App, FakeRegistry, Actor], object]


def _erase(app: App, _: FakeRegistry, by: Actor) -> object:
    asked = ErasureRequest(IdKind.ID, "r1", by, "asked to", app.settings.uploads)
    return erase_rows(app.db, app.settings.snapshots, asked, now=app.now, scale=app.settings.scale)


def _on_db(function: Callable[..., object], *args: object, **more: object) -> Write:
    def write(app: App, _: FakeRegistry, by: Actor) -> object:
        return function(app.db, *args, by=by, now=app.now(), **more)

    return write


def _on_versions(function: Callable[..., object], *args: object, **more: object) -> Write:
    def write(app: App, registry: FakeRegistry, by: Actor) -> object:
        return function(app.db, registry, *args, by=by, now=app.now(), reason="why", **more)

    return write


def _retrain(app: App, _: FakeRegistry, by: Actor) -> object:
    policy = build_policy(app.settings)
    return start_retraining(app.db, policy, seed=1, by=by, reason="why", now=app.now())


WRITES: dict[str, tuple[Act, Write]] = {
    "announce": (
        Act.MAINTENANCE,
        _on_db(announce, duration=timedelta(hours=1), reason="a disk"),
    ),
    "end_maintenance": (Act.MAINTENANCE, _on_db(end_maintenance, reason="")),
    "acknowledge": (Act.INCIDENT, _on_db(acknowledge, 1, reason="")),
    "snooze": (Act.INCIDENT, _on_db(snooze, 1, duration=timedelta(hours=1), reason="")),
    "resolve": (Act.INCIDENT, _on_db(resolve, 1, reason="")),
    "judge": (Act.INCIDENT, _on_db(judge, 1, real=True, reason="")),
    "send_test": (Act.TRY_CHANNELS, _on_db(send_test, [])),
    "change_setting": (
        Act.SETTING,
        lambda app, _, by: change_setting(app, "retrain", "off", by=by, reason="why"),
    ),
    "erase_rows": (Act.ERASE, _erase),
    "save_mapping": (Act.MAP_TABLE, _on_db(save_mapping, MAPPING, reason="why")),
    "remove_mapping": (
        Act.MAP_TABLE,
        _on_db(remove_mapping, "ratings", [MAPPING], reason="why"),
    ),
    "deploy": (Act.DEPLOY, _on_versions(deploy, 2, override=False)),
    "rollback": (Act.ROLLBACK, _on_versions(rollback, None)),
    "start_trial": (Act.TRIAL, _on_versions(start_trial, START, override=False)),
    "widen_trial": (Act.TRIAL, _on_db(widen_trial, "shorter", traffic=0.2, reason="why")),
    "stop_trial": (Act.TRIAL, _on_db(stop_trial, "shorter", reason="why")),
    "promote": (Act.TRIAL, _on_versions(promote, "shorter", override=False)),
    "set_policy": (
        Act.POLICY,
        _on_db(
            set_policy,
            PolicyTerms(PolicyKind.PICK),
            scale=Scale(0.0, 100.0),
            expected=None,
            reason="why",
        ),
    ),
    "put_in_force": (Act.POLICY, _on_db(put_in_force, 1, expected=1, reason="why")),
    "roll_back_policy": (Act.POLICY, _on_db(roll_back_policy, PolicyKind.PICK, reason="why")),
    "start_retraining": (Act.RETRAIN, _retrain),
    "create_key": (Act.KEYS, _on_db(create_key, "app", frozenset({Scope.PREDICT}))),
    "rotate_key": (Act.KEYS, _on_db(rotate_key, 1, overlap=timedelta(hours=1))),
    "revoke_key": (Act.KEYS, _on_db(revoke_key, 1)),
    "end_session": (Act.SESSION, _on_db(end_session, 1)),
    "end_all_sessions": (Act.SESSION, _on_db(end_all_sessions, None)),
    "add_note": (Act.NOTE, _on_db(add_note, 1, NoteKind.NOTE, "good")),
    "sign_version": (Act.SIGN, _on_versions(sign_version, 1)),
    "cancel_job": (Act.CANCEL, lambda app, _, by: cancel_job(app, 1, by=by)),
    "decide": (
        Act.APPROVE,
        _on_db(decide, 1, ApprovalState.DECLINED),
    ),
    "do_job": (Act.COLLECT, lambda app, _, by: do_job(app, "demo", {}, "why", by=by)),
} | {
    f"request_job of {kind}": (
        act,
        lambda app, _, by, kind=kind: request_job(app, kind, {}, by=by, reason="why"),
    )
    for kind, act in JOB_ACTS.items()
}
PASSED_ON = {
    "_add": "the rows that a key sends: tests/web",
    "try_app_channels": "to send_test",
    "start_app_retraining": "to start_retraining",
    "roll_out": "to deploy and start_trial",
    "attempt": "what all of them go through",
    "describe_role": "a sentence",
    "_attempt": "what acknowledging and its like go through",
    "_append": "of mappings",
}


class SigningRegistry(FakeRegistry):
    """A registry that signs whatever it is told to."""

    def sign_artifact(self, artifact_hash: str) -> None:
        self.load_artifact(artifact_hash)


@pytest.fixture
def app(home: Path, now: Callable[[], datetime]) -> Iterator[App]:
    built = build_app({"PLUMBLINE_HOME": str(home), "PLUMBLINE_USER": "ada"}, now)
    yield built
    built.close()


@pytest.fixture
def registry(app: App) -> FakeRegistry:
    """Two versions are there, v1 serves, and somebody waits for a second person."""
    made = SigningRegistry()
    for _ in range(2):
        add_version(app.db, made)
    ada = Actor("ada", Role.ADMIN)
    deploy(app.db, made, 1, reason="first", by=ada, override=False, now=app.now())  # type: ignore[arg-type]
    create_key(app.db, "first", frozenset({Scope.STATUS}), by=ada, now=app.now())
    with app.db.write() as conn:
        sessions.append_session(
            conn,
            token_hash="h",
            email="eve@a.org",
            place="10.0.0.9",
            authenticated_at=app.now(),
            now=app.now(),
        )
        ask_approval(conn, app.now(), target="v2", by="cleo", reason="why")
    return made


def list_screens() -> list[Path]:
    return [path for name in ("ui", "pages") for path in (ROOT.parent / name).rglob("*.py")]


def read_store(app: App) -> dict[str, list[Any]]:
    """Everything but the audit."""
    with app.db.read() as conn:
        return {
            name: list(conn.execute(sa.select(table)))
            for name, table in schema.metadata.tables.items()
            if name != "audit"
        }


def read_last(app: App) -> tuple[Act, str, AuditOutcome]:
    with app.db.read() as conn:
        entry = audit.search_entries(conn, "", limit=1)[0]
    return entry.act, entry.by, entry.outcome


@pytest.mark.parametrize("name", WRITES)
def test_a_write_is_for_its_role_and_those_above(
    app: App, registry: FakeRegistry, name: str
) -> None:
    act, write = WRITES[name]
    before, needed = read_store(app), LEAST_ROLE[act]
    for role in Role:  # from the least
        by = Actor("ben", role, "login 1", "10.0.0.7")
        if not role.covers(needed):
            with pytest.raises(Forbidden, match=f"needs the role {needed}, and ben is {role}"):
                write(app, registry, by)
            assert read_last(app) == (act, "ben", AuditOutcome.REFUSED)
            assert read_store(app) == before
            continue
        try:
            write(app, registry, by)
        except Forbidden:
            raise
        except (
            OpsError
        ):  # there is no such incident, job or trial, which a permitted person is told
            return
        assert read_last(app) == (act, "ben", AuditOutcome.DONE)
        return


def test_what_every_write_leaves_verifies(app: App, registry: FakeRegistry) -> None:
    with app.db.write() as conn:  # rows that the fixtures put in past the program
        conn.execute(schema.approvals.delete())
    for _, write in WRITES.values():
        for role in (Role.VIEWER, Role.ADMIN):
            try:
                write(app, registry, Actor("ben", role))
            except OpsError:
                continue
    assert verify_audit(app.db).findings == ()
    assert verify_audit(app.db).n_entries > len(WRITES)


def test_every_function_that_takes_an_actor_is_tried() -> None:
    found = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            arguments = (*node.args.args, *node.args.kwonlyargs)
            kinds = {ast.unparse(a.annotation) for a in arguments if a.annotation is not None}
            if kinds & {"Actor", "Actor | None", "ErasureRequest"}:
                found.add(node.name)
    tried = {name.partition(" ")[0] for name in WRITES}
    assert found - PASSED_ON.keys() == tried


def test_who_may_look_may_change_nothing(app: App) -> None:
    viewer = Actor("eve", Role.VIEWER)
    assert [act for act in Act if viewer.may(act)] == [Act.LOGIN]


def test_a_person_is_not_built_from_a_name_beyond_the_ways_in() -> None:
    """A page, route or verb gets its actor from a login, a key or the machine's user."""
    allowed = {
        "bootstrap.py": "the user of this machine",
        "domain/actor.py": "the program itself",
        "login/roles.py": "a login",
        "login/sessions.py": "a login that begins",
        "serving/keys.py": "a key",
        "jobs/tasks.py": "whoever asked for a job, which was permitted",
        "training/flow.py": "whoever asked for the training, which was permitted",
        "stream/flow.py": "a replay, in a store of its own",
    }
    found = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Actor"
    }
    assert found == set(allowed)
    pages = [
        *ROOT.parent.joinpath("ui").rglob("*.py"),
        *ROOT.parent.joinpath("pages").rglob("*.py"),
    ]
    assert not [path for path in pages if "Actor(" in path.read_text(encoding="utf-8")]


def test_no_page_route_or_verb_writes_by_itself() -> None:
    ours = ("web/", "cli/", "api.py")
    core = [path for path in ROOT.rglob("*.py") if str(path.relative_to(ROOT)).startswith(ours)]
    found = {
        str(path.relative_to(ROOT.parent))
        for path in [*core, *list_screens()]
        if ".db.write(" in path.read_text(encoding="utf-8")
    }
    assert found == {"core/cli/watching.py"}, "only to claim a job that was permitted"
