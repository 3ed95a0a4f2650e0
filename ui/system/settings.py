"""The settings on the screen, and the form that changes one at run time."""

from collections.abc import Sequence
from dataclasses import fields

from core.alerts.threshold_backtest import DAYS, REHEARSED, describe_rehearsal
from core.bootstrap import App, change_setting, load_current_settings
from core.domain.actor import Act
from core.domain.installation import SettingChange
from core.settings import SETTINGS, Setting, Thresholds
from core.watching import rehearse_app_setting
from ui import st
from ui.common import actions, context, tables
from ui.markup import Markdown

_THRESHOLDS = {field.name for field in fields(Thresholds)}
_CHANGEABLE = {  # the thresholds first
    setting.name: setting
    for setting in sorted(SETTINGS, key=lambda setting: setting.name not in _THRESHOLDS)
    if setting.runtime
}
_UNSET = "not set"


def show(app: App, changes: Sequence[SettingChange]) -> None:
    """Show a form to change a setting, and the past changes."""
    current = load_current_settings(app)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Setting",
            list(_CHANGEABLE),
            format_func=lambda name: f"{_title(name)}: {getattr(current, name)}",
            key="setting",
            width=340,
        )
        value = st.text_input(
            "New value",
            key=f"value_{name}",
            placeholder=f"{getattr(current, name)} now",
            width=200,
        )
        _offer_rehearsal(app, _CHANGEABLE[name], value.strip())
        _offer_change(app, _CHANGEABLE[name], str(getattr(current, name)), value.strip())
        _offer_return(app, _CHANGEABLE[name], str(getattr(current, name)))
    st.caption(f"{_CHANGEABLE[name].help} Write a share as 0 to 1.")
    if changes:
        tables.show(
            [
                {
                    "when (UTC)": change.at,
                    "setting": _title(change.name),
                    "value": "back to its start value" if change.value is None else change.value,
                    "by": change.by,
                    "reason": change.reason,
                }
                for change in changes
            ],
            key="setting_changes",
            alt="Changes of settings, newest first, with who made them and why",
            limit=5,
            columns={"when (UTC)": tables.time(), "reason": tables.wide()},
        )


def show_settings(app: App) -> None:
    """Show every setting with its value, origin and meaning; secrets are hidden."""
    current = load_current_settings(app)
    tables.show(
        [
            {
                "setting": setting.variable,
                "value": _shown(setting, getattr(current, setting.name)),
                "from": _origin(app, setting, getattr(current, setting.name)),
                "meaning": setting.help,
            }
            for setting in SETTINGS
        ],
        key="settings",
        alt="All settings with their values and meanings",
        limit=12,
        columns={"meaning": tables.wide()},
    )


def _offer_rehearsal(app: App, setting: Setting, value: str) -> None:
    if setting.name in REHEARSED:
        actions.button(
            f"Try on the last {DAYS} days",
            lambda: describe_rehearsal(rehearse_app_setting(app, setting.name, value), value),
            key="rehearse_setting",
            act=None,
            icon=":material/history:",
            disabled=not value,
            help="Lists the incidents it would have opened; changes nothing."
            if value
            else "Write the new value first.",
        )


def _offer_change(app: App, setting: Setting, before: str, value: str) -> None:
    def work(reason: str) -> str:
        change_setting(app, setting.name, value, by=context.get_actor(), reason=reason)
        return f"{_title(setting.name)} is {value} now; it was {before}."

    actions.ask_reason(
        "Change",
        Markdown(
            "Changes **{}** from {} to **{}** for every process, from the next check on."
        ).format(_title(setting.name), before, value),
        work,
        key="change_setting",
        act=Act.SETTING,
        confirm="Change it now",
        icon=":material/tune:",
        refusal=None if value else "Write the new value first.",
    )


def _offer_return(app: App, setting: Setting, before: str) -> None:
    started = str(getattr(app.settings, setting.name))
    if before == started:
        return

    def work(reason: str) -> str:
        change_setting(app, setting.name, None, by=context.get_actor(), reason=reason)
        return f"{_title(setting.name)} is {started} again; it was {before}."

    actions.ask_reason(
        f"Back to {started}",
        Markdown("Sets **{}** back to **{}**, its value at the start.").format(
            _title(setting.name), started
        ),
        work,
        key="return_setting",
        act=Act.SETTING,
        icon=":material/undo:",
    )


def _title(name: str) -> str:
    return name.replace("_", " ").replace(" ms", " (ms)")


def _shown(setting: Setting, value: object) -> str:
    if setting.secret:
        return "set, hidden" if value else _UNSET
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or _UNSET
    if setting.name == "scale":
        return f"{value.low:g} to {value.high:g}"  # type: ignore[attr-defined]
    return str(value) or _UNSET


def _origin(app: App, setting: Setting, value: object) -> str:
    if value != getattr(app.settings, setting.name):
        return "changed here"
    return "environment" if setting.variable in app.values else "default"
