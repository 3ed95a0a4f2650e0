"""The app: everything that the processes of one installation share, built from the settings."""

import getpass
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from core.audit.attempt import attempt
from core.clock import utc_now
from core.domain.actor import Act, Actor, Decider, Role
from core.domain.installation import SettingChange
from core.errors import InvalidInput, Unavailable
from core.file_access import resolve_below
from core.log import get_logger
from core.registry import Registry
from core.settings import SETTINGS, Settings, parse_settings, read_environment
from core.store.engine.database import Database, open_database
from core.store.installation import setting_changes
from core.store.models import versions

_FOLDER = "watch_folder"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class App:
    """One installation as a process sees it; the same in production and in tests."""

    values: Mapping[str, str] = field(repr=False)
    """The raw settings by variable, secrets too, for child processes and changes."""

    settings: Settings  # as they were at the start
    db: Database
    registry: Registry
    now: Callable[[], datetime]

    def close(self) -> None:
        """Let go of the database."""
        self.db.close()


def build_app(
    values: Mapping[str, str] | None = None, now: Callable[[], datetime] = utc_now
) -> App:
    """The app of raw settings by variable name; of this process's environment unless given.

    Raises `InvalidInput` for a bad setting, `Unavailable` for a store that cannot be used."""
    if values is None:
        values = read_environment(os.environ, Path.cwd())
    settings = parse_settings(values)
    registry = Registry(
        artifacts=settings.artifacts,
        tracking_uri=settings.mlflow_uri.reveal() or f"sqlite:///{settings.home / 'mlflow.db'}",
        signing_key=settings.signing_key.reveal(),
        scale=settings.scale,
    )
    url, seal = settings.database_url.reveal(), registry.signing_key.seal
    db = open_database(url, settings.home, settings.durability, now(), seal)
    _make_signing_key(db, registry)
    return App(values=dict(values), settings=settings, db=db, registry=registry, now=now)


def load_current_settings(app: App) -> Settings:
    """The settings with the operator's runtime changes on top."""
    with app.db.read() as conn:
        return _apply(app, setting_changes.load_values(conn))


def preview_setting(app: App, name: str, value: str | None) -> Settings:
    """The settings as they would be with a value in force, or with None with the environment's.
    Raises `InvalidInput` for a setting that cannot change while everything runs and for a value
    that is not allowed."""
    if name not in {setting.name for setting in SETTINGS if setting.runtime}:
        raise InvalidInput(
            f"'{name}' cannot be changed while everything runs: set it in the environment and "
            "start again."
        )
    with app.db.read() as conn:
        changed = setting_changes.load_values(conn)
    return _put(app, changed, name, value)


def change_setting(app: App, name: str, value: str | None, *, by: Actor, reason: str) -> Settings:
    """Put a value in force without a restart, or with None return to the environment's; the
    settings from then on. Raises as `preview_setting` does, and for a change without a reason."""
    preview_setting(app, name, value)
    if not reason.strip():
        raise InvalidInput("A change needs a reason: say why, for whoever reads the history.")
    reason, now = reason.strip(), app.now()
    with (
        attempt(
            app.db, by, Act.SETTING, name, now=now, reason=reason, details={"value": value}
        ) as act,
        act.write() as conn,
    ):
        values = setting_changes.load_values(conn)
        settings = _put(app, values, name, value)
        change = SettingChange(name, value, now, by.name, reason)
        act.seal(Decider.SETTING_CHANGES, setting_changes.append_change(conn, change))
        act.note(before=values.get(name), after=value)
    return settings


def local_actor(settings: Settings) -> Actor:
    """Return the person at this machine, who is admin: whoever reads and writes the home folder
    could change everything there. The name is that of the settings, else the system's."""
    try:
        name = settings.user or getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        name = f"uid-{os.getuid()}"
    return Actor(name, Role.ADMIN, second=frozenset(map(Act, settings.approvals)))


def _make_signing_key(db: Database, registry: Registry) -> None:
    """Make the signing key where there is none, and sign the versions that are older than
    signatures. The store's lock makes other processes wait until they are signed."""
    if registry.signing_key.exists():
        return
    try:
        with db.write() as conn:
            adopted = registry.adopt_artifacts(versions.load_hashes(conn))
    except Unavailable as error:  # a home that may only be read: loading a version says so
        log.warning("signing_key_not_made", error=str(error))
        return
    for artifact_hash in adopted:
        log.warning("artifact_signed_once", artifact_hash=artifact_hash)


def _put(app: App, changed: Mapping[str, str], name: str, value: str | None) -> Settings:
    kept = {other: text for other, text in changed.items() if other != name}
    settings = _apply(app, kept if value is None else {**kept, name: value})
    if name == _FOLDER and settings.watch_folder and settings.watch_below:
        resolve_below(settings.watch_below, settings.watch_folder)
    return settings


def _apply(app: App, changes: Mapping[str, str]) -> Settings:
    """Return the settings with changes on top. The folder that a change names is relative to the
    one it may not leave; who reads it sees to that, since links may change at any time."""
    folder = changes.get(_FOLDER, "").strip()
    if not folder:
        return parse_settings(_overlay(app.values, changes))
    root = app.settings.inbox
    settings = parse_settings(_overlay(app.values, {**changes, _FOLDER: str(root / folder)}))
    return replace(settings, watch_below=root)


def _overlay(values: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    variables = {setting.name: setting.variable for setting in SETTINGS if setting.runtime}
    known = {variables[name]: text for name, text in changes.items() if name in variables}
    return {**values, **known}
