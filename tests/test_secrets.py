"""No secret leaves the process: an installation whose every secret is a canary is used in every
way, and none of them is found in what it says, writes or starts."""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import sqlalchemy as sa
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.alerts.channels import send_heartbeat
from core.api import create
from core.bootstrap import App, build_app
from core.cli.main import main
from core.clock import utc_now
from core.domain.installation import Scope
from core.errors import OpsError
from core.registry import Registry
from core.settings import SETTINGS
from core.store.data import snapshots
from core.store.engine import database
from core.store.engine.database import Database
from core.store.models import versions
from core.up import Component, build_command, build_mlflow_url, environment
from core.watching import try_app_channels
from tests.conftest import PATIENCE_SECONDS
from tests.markup import undo_escapes
from tests.people import person
from tests.test_api import run_server
from ui.common import context
from ui.common.pages import PAGES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),  # MLflow's
]

ROOT = Path(__file__).resolve().parents[1]
AWAY = "127.0.0.1:1"  # where nothing listens
CANARIES = {
    name: f"canary{name}4711q{name[::-1]}"
    for name in (
        *("database", "mlflow", "tracking", "supabase", "notify", "hook", "header"),
        *("heartbeat", "client", "cookie", "signaturekey"),
    )
}
VALUES = {
    "PLUMBLINE_MLFLOW_URI": f"http://ana:{CANARIES['mlflow']}@{AWAY}/ml?token={CANARIES['tracking']}",
    "PLUMBLINE_SIGNING_KEY": CANARIES["signaturekey"],
    "PLUMBLINE_SUPABASE_URL": f"http://{AWAY}",
    "PLUMBLINE_SUPABASE_KEY": CANARIES["supabase"],
    "PLUMBLINE_NOTIFY": f"json://ana:{CANARIES['notify']}@{AWAY}/{CANARIES['hook']}"
    f"?+X-Token={CANARIES['header']}",
    "PLUMBLINE_HEARTBEAT_URL": f"http://{AWAY}/{CANARIES['heartbeat']}",
    "PLUMBLINE_ALLOWED_EMAILS": "ada@example.com",
    "PLUMBLINE_USER": "ada",
}  # fmt: skip
DATABASE = f"postgresql://plumb:{CANARIES['database']}@{AWAY}/p?sslpassword={CANARIES['tracking']}"
LOGIN = {
    "redirect_uri": "http://localhost:8501/oauth2callback",
    "cookie_secret": CANARIES["cookie"],
    "client_id": "id",
    "client_secret": CANARIES["client"],
    "server_metadata_url": f"http://{AWAY}/.well-known/openid-configuration",
}
VERBS = (
    "data", "versions", "runs", "train baseline", "versions", "deploy v1 --reason first --override",
    "deploy --status", "history", "replay v1", "monitor", "status", "settings", "jobs", "keys list",
    "incidents", "incidents test", "retrain --check", "collect", "collect supabase", "rollback "
    "--reason back", "history", "audit list --json", "audit verify", "approvals list",
    "sessions list",
)  # fmt: skip


@dataclass
class Used:
    """An installation, what each way to use it said, and the texts that it must not say."""

    app: App
    said: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=lambda: dict(CANARIES))

    def find(self, text: str) -> list[str]:
        """The names of the secrets that are in a text, as it is or as a header has it."""
        return [
            name
            for name, secret in self.secrets.items()
            if secret in text or b64encode(f"ana:{secret}".encode()).decode() in text
        ]


@contextlib.contextmanager
def overheard() -> Iterator[io.StringIO]:
    """All that goes to standard output and error."""
    both = io.StringIO()  # never closed: a library may keep it as its standard error
    with contextlib.redirect_stdout(both), contextlib.redirect_stderr(both):
        yield both


def run_verb(line: str) -> str:
    with overheard() as both, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["plumbline", *line.split()])
        with contextlib.suppress(SystemExit):
            main()
        return both.getvalue()


def draw(name: str) -> str:
    """Everything that a page gives the browser, tooltips and tables too."""
    page = AppTest.from_file(str(ROOT / "ui" / "navigation.py"), default_timeout=PATIENCE_SECONDS)
    page.run()
    if name != "overview":
        page.switch_page(f"../pages/{name}.py").run()
    return "\n".join(str(getattr(node, "proto", "")) for node in page._tree)


def ask_api(api: httpx.Client, key: str) -> str:
    """The answers of all routes, right and wrong, with their headers."""
    row = {"features": {"codeQuality": 80.0}}
    bodies = {
        "/v1/predict": row,
        "/v1/predict/batch": {"rows": [row]},
        "/v1/feedback": {"prediction_id": "0" * 32, "actual": 70},
        "/v1/samples": {"rows": [{**row, "target": 70}]},
    }
    answers = []
    for given in (key, "plk_" + "x" * 40, "no key"):
        headers = {"authorization": f"Bearer {given}"}
        for path, body in bodies.items():
            answers += [
                api.post(path, json=body, headers=headers),
                api.post(path, json={"wrong": 1}, headers=headers),
                api.post(path, content=b"{", headers=headers),
            ]
        for path in ("/v1/status", "/metrics", "/healthz", "/readyz", "/openapi.json", "/gone"):
            answers.append(api.get(path, headers=headers))
    return "\n".join(f"{answer.status_code} {answer.headers} {answer.text}" for answer in answers)


def read_files(folder: Path) -> str:
    return "\n".join(
        path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()
    )


@contextlib.contextmanager
def _fail(db: Database) -> Iterator[None]:
    with database._as_unavailable(db):
        raise sa.exc.OperationalError("INSERT", {}, Exception(f"no answer from {DATABASE}"))
    yield


@pytest.fixture(scope="module")
def used(quick_pages: None) -> Iterator[Used]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        home = Path(folder) / "home"
        for name in [name for name in os.environ if name.startswith(("PLUMBLINE_", "MLFLOW_"))]:
            patch.delenv(name)
        for name, value in {**VALUES, "PLUMBLINE_HOME": str(home)}.items():
            patch.setenv(name, value)
        (Path(folder) / ".streamlit").mkdir()
        lines = [f'{name} = "{value}"' for name, value in LOGIN.items()]
        (Path(folder) / ".streamlit" / "secrets.toml").write_text("\n".join(["[auth]", *lines]))
        patch.chdir(folder)
        used = Used(build_app())
        context.load_rules.cache_clear()
        st.cache_resource.clear()
        token = context.load_login_sessions().start(
            "ada@example.com", authenticated_at=utc_now(), place="127.0.0.1"
        )
        patch.setattr(context, "_read_token", lambda: token)
        try:
            use(used, patch)
            yield used
        finally:
            used.app.close()
            st.cache_resource.clear()


def use(used: Used, patch: pytest.MonkeyPatch) -> None:
    """Every way to use an installation."""
    app = used.app
    run_verb("demo --rows 300")
    scopes = "".join(f" --scope {scope}" for scope in Scope)
    key = next(
        word for word in run_verb(f"keys create ci{scopes}").split() if word.startswith("plk_")
    )
    used.secrets["API key"] = key
    for number, line in enumerate(VERBS):
        used.said[f"verb {number}: {line}"] = run_verb(line)
        if not line.startswith(("train", "deploy v1", "rollback")):
            used.said[f"verb {number}: {line} --json"] = run_verb(f"{line} --json")
    st.cache_resource.clear()
    for page in PAGES:
        with overheard() as both:
            used.said[f"page {page.name}"] = draw(page.name) + both.getvalue()
    with overheard() as both:
        with run_server(create()) as url, httpx.Client(base_url=url, timeout=60) as api:
            answers = ask_api(api, key)
            with pytest.MonkeyPatch.context() as broken:
                broken.setattr(Database, "write", _fail)
                broken.setattr("core.store.predictions.direct.DirectLog.append", lambda *_: False)
                answers += ask_api(api, key)
        used.said["API"], used.said["log of the API"] = answers, both.getvalue()
    used.said["repr"] = f"{app!r} {app.settings!r} {app.registry!r} {vars(app.registry)!r}"
    used.said["receipts"] = repr(try_app_channels(app, person("ada")))
    used.said["commands"] = repr([build_command(app, part) for part in Component])
    used.said["link to MLflow"] = build_mlflow_url(app)
    used.said["heartbeat"] = fail(lambda: send_heartbeat(VALUES["PLUMBLINE_HEARTBEAT_URL"]))
    used.said["tracking"] = fail(app.registry.list_runs)
    record_run(app)
    used.said["files"] = read_files(app.settings.home)
    patch.setenv("PLUMBLINE_DATABASE_URL", DATABASE)
    st.cache_resource.clear()
    used.said["store away: verb"] = run_verb("status --json") + run_verb("settings")
    used.said["store away: API"] = fail(create)
    used.said["store away: page"] = draw("system")


def fail(ask: Callable[[], object]) -> str:
    """The sentence of what cannot be reached, with all that was said beside it."""
    with overheard() as both, pytest.raises((OpsError, SystemExit)) as caught:
        ask()
    return f"{caught.value} {caught.value!r} {both.getvalue()}"


def record_run(app: App) -> None:
    """A run with its parameters, tags and artifacts, in a store of MLflow that does answer."""
    with app.db.read() as conn:
        version = versions.get_version(conn, 1)
        snapshot = snapshots.get_snapshot(conn, version.snapshot_id)
    address = f"sqlite:///{app.settings.home / 'mlflow.db'}"
    Registry(app.settings.artifacts, address).log_run(version, snapshot)


def test_every_secret_setting_has_a_canary(used: Used) -> None:
    given = "\n".join([*VALUES.values(), DATABASE])
    for setting in SETTINGS:
        if setting.secret:
            assert setting.variable in VALUES or setting.name == "database_url"
    assert {name for name, canary in CANARIES.items() if canary not in given} == {
        "client",
        "cookie",
    }
    assert set(used.find(given)) == set(CANARIES) - {"client", "cookie"}  # they would be found


def test_each_way_of_use_said_something(used: Used) -> None:
    assert [way for way, said in used.said.items() if not said] == []
    assert "***@" + AWAY in used.said["verb 10: status"] + used.said["verb 10: status --json"]
    assert "***@" + AWAY in undo_escapes(used.said["page system"].replace("\\\\", "\\"))
    assert "***@" + AWAY in used.said["API"]
    for way in ("tracking", "heartbeat", "store away: API", "store away: verb"):
        assert "check" in used.said[way], way
    assert "cannot be reached" in used.said["verb 17: collect --json"]


def test_no_secret_is_in_anything_that_was_said(used: Used) -> None:
    found = {way: names for way, said in used.said.items() if (names := used.find(said))}
    assert found == {}


def test_the_processes_of_up_get_their_secrets_by_the_environment(used: Used) -> None:
    given = environment(used.app)
    assert CANARIES["mlflow"] in given["PLUMBLINE_MLFLOW_URI"]
    assert quote(str(used.app.settings.home)) in quote(given["PLUMBLINE_HOME"])


def test_nobody_reads_the_address_of_mlflows_store_in_the_list_of_processes(
    tmp_path: Path,
) -> None:
    address = f"sqlite:///{tmp_path / 'mlflow.db'}?password={CANARIES['mlflow']}"
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PLUMBLINE_")},
        "PLUMBLINE_HOME": str(tmp_path / "home"),
        "PLUMBLINE_MLFLOW_URI": address,
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "core", "mlflow"],
        env=env,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        line = b""
        while b"mlflow\0ui" not in line:
            assert process.poll() is None
            line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert CANARIES["mlflow"].encode() not in line
        given = Path(f"/proc/{process.pid}/environ").read_bytes()
        assert f"MLFLOW_BACKEND_STORE_URI={address}".encode() in given
    finally:
        process.kill()
        process.wait()
