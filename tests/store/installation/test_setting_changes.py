"""Setting changes: the newest is in force, and all of them are kept."""

from collections.abc import Callable
from datetime import datetime, timedelta

from core.domain.installation import SettingChange
from core.store.engine.database import Database
from core.store.installation.setting_changes import append_change, load_changes, load_values

Clock = Callable[[], datetime]


def test_without_a_change_nothing_overrides_the_environment(db: Database) -> None:
    with db.read() as conn:
        assert load_values(conn) == {}
        assert load_changes(conn, limit=10) == []


def test_the_newest_change_of_each_setting_is_in_force(db: Database, now: Clock) -> None:
    with db.write() as conn:
        append_change(conn, SettingChange("min_labels", "50", now(), "ada", "few labels"))
        append_change(conn, SettingChange("retrain", "auto", now(), "ada", "trusted"))
        append_change(conn, SettingChange("min_labels", "80", now(), "ben", "more by now"))
        assert load_values(conn) == {"min_labels": "80", "retrain": "auto"}


def test_a_change_to_nothing_returns_to_the_environment(db: Database, now: Clock) -> None:
    with db.write() as conn:
        append_change(conn, SettingChange("retrain", "auto", now(), "ada", "trusted"))
        append_change(conn, SettingChange("retrain", None, now(), "ben", "back to what was set"))
        assert load_values(conn) == {}


def test_an_empty_value_is_a_value(db: Database, now: Clock) -> None:
    with db.write() as conn:
        append_change(conn, SettingChange("notify", "", now(), "ada", "quiet for the move"))
        assert load_values(conn) == {"notify": ""}


def test_the_order_of_writing_counts_and_not_the_clock(db: Database, now: Clock) -> None:
    earlier = now() - timedelta(hours=1)
    with db.write() as conn:
        append_change(conn, SettingChange("retrain", "auto", now(), "ada", "trusted"))
        append_change(conn, SettingChange("retrain", "off", earlier, "ben", "a clock set back"))
        assert load_values(conn) == {"retrain": "off"}


def test_every_change_is_kept_with_who_and_why(db: Database, now: Clock) -> None:
    changes = [
        SettingChange("retrain", "auto", now(), "ada", "trusted"),
        SettingChange("retrain", None, now() + timedelta(days=1), "ben", "no longer"),
        SettingChange("tolerance", "3", now() + timedelta(days=2), "ada", "a stricter team"),
    ]
    with db.write() as conn:
        for change in changes:
            append_change(conn, change)
    with db.read() as conn:
        assert load_changes(conn, limit=10) == changes[::-1]
        assert load_changes(conn, limit=1) == changes[-1:]
