"""Building the app, and changing a setting while everything runs."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from core.artifacts.folder import SIGNATURE_FILE
from core.artifacts.signing import KEY_FILE, compute_signature
from core.bootstrap import App, build_app, change_setting, load_current_settings, local_actor
from core.data import watched_folder as folder
from core.data.sources.contract import CollectionRequest
from core.data.tables.sync_cursor import Request
from core.domain.installation import SettingChange
from core.domain.source import CollectionOutcome
from core.errors import InvalidInput, OpsError, Refused
from core.registry import Registry
from core.settings import parse_settings
from core.store.engine.database import Database
from core.store.installation import setting_changes
from tests.artifacts.crafted import fit, make_card
from tests.fakes import FakeRegistry, add_version
from tests.people import person


@pytest.fixture
def app(home: Path, now: Callable[[], datetime]) -> Iterator[App]:
    built = build_app({"PLUMBLINE_HOME": str(home), "PLUMBLINE_ACCURACY_WARNING": "0.9"}, now)
    yield built
    built.close()


def test_state_lives_in_the_home_folder(app: App, home: Path) -> None:
    assert (home / "plumbline.db").is_file()
    assert app.registry.tracking_uri.reveal() == f"sqlite:///{home / 'mlflow.db'}"


def test_a_new_installation_has_a_key_from_the_start(app: App, home: Path) -> None:
    assert app.registry.signing_key.exists()
    assert (home / KEY_FILE).is_file()


def test_the_key_of_the_settings_is_used_and_none_is_made(home: Path) -> None:
    app = build_app({"PLUMBLINE_HOME": str(home), "PLUMBLINE_SIGNING_KEY": "k" * 32})
    app.close()
    assert app.registry.signing_key.sign("0" * 64) == compute_signature(b"k" * 32, "0" * 64)
    assert not (home / KEY_FILE).exists()


@pytest.fixture
def old_home(home: Path, db: Database) -> str:
    """A home of the program before there were signatures, with v1; the hash of its artifact."""
    registry, pipeline = Registry(home / "artifacts", ""), fit()
    artifact_hash = registry.save_artifact(pipeline, make_card(pipeline))
    add_version(db, FakeRegistry(), artifact_hash=artifact_hash)
    (registry.artifact_folder(artifact_hash) / SIGNATURE_FILE).unlink()
    (home / KEY_FILE).unlink()
    return artifact_hash


def test_an_upgrade_signs_the_versions_once_and_says_so(
    old_home: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = build_app({"PLUMBLINE_HOME": str(home)})
    app.close()
    app.registry.load_artifact(old_home).verify_golden()
    [line] = [line for line in capsys.readouterr().err.splitlines() if "signed_once" in line]
    assert old_home in line
    (app.registry.artifact_folder(old_home) / SIGNATURE_FILE).unlink()
    build_app({"PLUMBLINE_HOME": str(home)}).close()
    with pytest.raises(Refused, match="not signed"):
        app.registry.load_artifact(old_home)


def test_processes_that_start_at_once_after_an_upgrade_all_load_the_versions(
    old_home: str, home: Path
) -> None:
    gate, failed = threading.Barrier(4), list[Exception]()

    def start() -> None:
        gate.wait()
        try:
            app = build_app({"PLUMBLINE_HOME": str(home)})
            app.close()
            app.registry.load_card(old_home)
        except OpsError as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_home_that_may_only_be_read_starts_without_a_key(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.link", refuse)
    app = build_app({"PLUMBLINE_HOME": str(home)})
    app.close()
    assert not app.registry.signing_key.exists()


def test_a_change_is_in_force_at_once_and_stays_in_the_history(app: App) -> None:
    change_setting(app, "accuracy_warning", "0.85", by=person("ada"), reason="calmer nights")
    assert load_current_settings(app).accuracy_warning == 0.85
    with app.db.read() as conn:
        changes = setting_changes.load_changes(conn, 10)
    assert [(c.name, c.value, c.by, c.reason) for c in changes] == [
        ("accuracy_warning", "0.85", "ada", "calmer nights")
    ]


def test_taking_a_change_back_returns_to_the_environments_value(app: App) -> None:
    change_setting(app, "accuracy_warning", "0.85", by=person("ada"), reason="calmer nights")
    change_setting(app, "accuracy_warning", None, by=person("ada"), reason="too calm")
    assert load_current_settings(app).accuracy_warning == 0.9


@pytest.mark.parametrize(
    ("name", "value", "reason", "message"),
    [
        ("accuracy_warning", "1.2", "why not", "PLUMBLINE_ACCURACY_WARNING: '1.2' is not a share"),
        ("accuracy_warning", "0.5", "why not", "a warning has to come before critical"),
        ("accuracy_warning", "0.85", "  ", "A change needs a reason"),
        ("home", "/elsewhere", "why not", "'home' cannot be changed while everything runs"),
        ("nonsense", "1", "why not", "'nonsense' cannot be changed"),
    ],
)
def test_a_bad_change_is_refused_and_nothing_is_written(
    app: App, name: str, value: str, reason: str, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        change_setting(app, name, value, by=person("ada"), reason=reason)
    with app.db.read() as conn:
        assert setting_changes.load_changes(conn, 10) == []


def test_the_name_in_the_settings_is_who_acts() -> None:
    assert local_actor(parse_settings({"PLUMBLINE_USER": "ada"})).name == "ada"


def test_without_a_name_the_systems_user_acts() -> None:
    assert local_actor(parse_settings({})).name != ""


# --- The watched folder -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "chosen", ["/", "/etc", "..", "../private", "team/../../private", "by-link", "team\0"]
)
def test_a_page_cannot_choose_a_folder_outside_of_the_inbox(
    app: App, home: Path, chosen: str
) -> None:
    (home / "private").mkdir()
    (home / "inbox").mkdir()
    (home / "inbox" / "by-link").symlink_to(home / "private")
    with pytest.raises(InvalidInput, match=r"leads out of|is not a path"):
        change_setting(app, "watch_folder", chosen, by=person("eve"), reason="files come there")
    with app.db.read() as conn:
        assert setting_changes.load_changes(conn, 10) == []


@pytest.mark.parametrize("written", ["team", "./team", "{inbox}/team", "~root/../team"])
def test_a_page_may_choose_a_folder_in_the_inbox(app: App, home: Path, written: str) -> None:
    chosen = written.format(inbox=home / "inbox")
    change_setting(app, "watch_folder", chosen, by=person("ada"), reason="files come there")
    settings = load_current_settings(app)
    assert settings.watch_folder == home.resolve() / "inbox" / "team"
    assert settings.watch_below == settings.inbox == home.resolve() / "inbox"
    change_setting(app, "watch_folder", None, by=person("ada"), reason="no files come")
    assert load_current_settings(app).watch_folder is None


def test_a_page_can_stop_watching(home: Path, now: Callable[[], datetime]) -> None:
    app = build_app({"PLUMBLINE_HOME": str(home), "PLUMBLINE_WATCH_FOLDER": "/srv/in"}, now)
    change_setting(app, "watch_folder", "", by=person("ada"), reason="no files come")
    assert load_current_settings(app).watch_folder is None
    app.close()


def test_the_environment_may_name_any_folder(
    home: Path, tmp_path: Path, now: Callable[[], datetime]
) -> None:
    values = {
        "PLUMBLINE_HOME": str(home),
        "PLUMBLINE_WATCH_FOLDER": str(tmp_path / "in"),
        "PLUMBLINE_FILES_ROOT": str(tmp_path / "root"),
    }
    app = build_app(values, now)
    settings = load_current_settings(app)
    assert (settings.watch_folder, settings.watch_below) == (tmp_path.resolve() / "in", None)
    with pytest.raises(InvalidInput, match="leads out of"):
        change_setting(
            app, "watch_folder", str(tmp_path / "in"), by=person("eve"), reason="as before"
        )
    change_setting(app, "watch_folder", "team", by=person("ada"), reason="files come there")
    assert load_current_settings(app).watch_folder == tmp_path.resolve() / "root" / "team"
    app.close()


def test_a_change_that_was_written_past_the_check_is_not_collected(
    app: App, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "a.csv").write_text("a,score\n1,2\n2,3\n")
    change = SettingChange("watch_folder", str(tmp_path / "private"), app.now(), "eve", "no check")
    with app.db.write() as conn:
        setting_changes.append_change(conn, change)
    asked = CollectionRequest(
        app.db, load_current_settings(app), Request(None, None), "eve", app.now
    )
    (source,) = folder.KIND.collect(asked, lambda share, text: None)
    assert source.outcome is CollectionOutcome.FAILED
    assert source.message is not None
    inbox = home.resolve() / "inbox"
    assert source.message.endswith(f"leads out of {inbox}: choose a path below it.")
