"""Building the app, and changing a setting while everything runs."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from core.bootstrap import App, build_app, change_setting, load_current_settings, local_user
from core.errors import InvalidInput
from core.settings import parse_settings
from core.store import setting_changes


@pytest.fixture
def app(home: Path, now: Callable[[], datetime]) -> Iterator[App]:
    built = build_app({"PLUMBLINE_HOME": str(home), "PLUMBLINE_ACCURACY_WARNING": "0.9"}, now)
    yield built
    built.close()


def test_state_lives_in_the_home_folder(app: App, home: Path) -> None:
    assert (home / "plumbline.db").is_file()
    assert app.registry.tracking_uri.reveal() == f"sqlite:///{home / 'mlflow.db'}"


def test_a_change_is_in_force_at_once_and_stays_in_the_history(app: App) -> None:
    change_setting(app, "accuracy_warning", "0.85", by="ada", reason="calmer nights")
    assert load_current_settings(app).accuracy_warning == 0.85
    with app.db.read() as conn:
        changes = setting_changes.load_changes(conn, 10)
    assert [(c.name, c.value, c.by, c.reason) for c in changes] == [
        ("accuracy_warning", "0.85", "ada", "calmer nights")
    ]


def test_taking_a_change_back_returns_to_the_environments_value(app: App) -> None:
    change_setting(app, "accuracy_warning", "0.85", by="ada", reason="calmer nights")
    change_setting(app, "accuracy_warning", None, by="ada", reason="too calm")
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
        change_setting(app, name, value, by="ada", reason=reason)
    with app.db.read() as conn:
        assert setting_changes.load_changes(conn, 10) == []


def test_the_name_in_the_settings_is_who_acts() -> None:
    assert local_user(parse_settings({"PLUMBLINE_USER": "ada"})) == "ada"


def test_without_a_name_the_systems_user_acts() -> None:
    assert local_user(parse_settings({})) != ""
