"""Settings: each has a place, a default that works, and a sentence for every wrong value."""

import re
from dataclasses import fields
from datetime import time
from pathlib import Path

import msgspec
import pytest

from core import setting_values as read
from core.errors import InvalidInput
from core.safety.masking import Hides, Secret
from core.settings import (
    SETTINGS,
    Scale,
    Setting,
    Settings,
    has_login,
    load_settings,
    parse_settings,
    read_environment,
)

KEY = "PLUMBLINE_SUPABASE_KEY"
PORT = "PLUMBLINE_API_PORT"
SECRET = "geheim-4711"

# For each setting that can be wrong: values that are, and what the sentence says is right.
WRONG = {
    "home": (["", "  ", "~nobody-of-this-name/var"], "a path"),
    "signing_key": (["short", "0" * 31], "a random text of 32 characters or more"),
    "files_root": (["~nobody-of-this-name/in"], "a path"),
    "watch_folder": (["~nobody-of-this-name/in"], "a path"),
    "text_model": (["~nobody-of-this-name/model"], "a path"),
    "tls_certificate": (["~nobody-of-this-name/chain.pem"], "a path"),
    "tls_key": (["~nobody-of-this-name/key.pem"], "a path"),
    "proxy": (["maybe", "10.0.0.256", "10.0.0.1/33", "on, 10.0.0.1"], "on, off or addresses"),
    "roles": (["ana", "ana@a.org", "ana@a.org=boss", "=admin", "raters=labeller"], "pairs such as"),
    "approvals": (["rollback", "erase; keys"], "words of deploy, override"),
    "trust_unverified_email": (["maybe", "2"], "on or off"),
    "session_idle_minutes": (["", "0", "-1", "1.5", "8h"], "minutes, a whole number from 1"),
    "session_hours": (["", "0", "-1", "1.5", "8h"], "hours, a whole number from 1"),
    "scale": (
        ["", "100", "0:", ":100", "100:0", "5:5", "a:b", "nan:1", "0:inf", "-inf:0", "0:50:100"],
        "LOW:HIGH",
    ),
    "tolerance": (["", "0", "-1", "five", "nan", "inf", "5,0", "5 points"], "a number above 0"),
    "host": (["", " ", "http://localhost", "a b", "127.0.0.1/24"], "such as 127.0.0.1"),
    "dashboard_port": (["", "0", "65536", "80.5", "http"], "a port, 1 to 65535"),
    "api_port": (["", "0", "65536", "-1", "8000/tcp"], "a port, 1 to 65535"),
    "api_workers": (["", "0", "65", "two", "1.5"], "1 to 64"),
    "durability": (["", "disk", "Process"], "one of process, power"),
    "device": (["", "gpu", "CUDA"], "one of cpu, cuda"),
    "supabase_url": (["project", "ftp://project", "https://", "https:// a"], "a web address"),
    "accuracy_warning": (["", "80 %", "1.1", "-0.1", "nan", "80"], "between 0 and 1"),
    "accuracy_critical": (["", "75", "-0.1", "nan"], "between 0 and 1"),
    "error_growth_warning": (["", "0.9", "nan", "20 %"], "a number from 1"),
    "error_growth_critical": (["", "0", "x", "nan"], "a number from 1"),
    "accuracy_days": (["", "0", "a week", "-7"], "days"),
    "latency_warning_ms": (["", "0", "-5", "fast", "inf"], "milliseconds"),
    "latency_critical_ms": (["", "0", "200ms", "nan"], "milliseconds"),
    "batch_latency_warning_ms": (["", "0", "-5", "fast", "inf"], "milliseconds"),
    "batch_latency_critical_ms": (["", "0", "-5", "fast", "inf"], "milliseconds"),
    "refused_warning": (["", "1 %", "1.01"], "between 0 and 1"),
    "error_rate_warning": (["", "1 %", "1.01"], "between 0 and 1"),
    "error_rate_critical": (["", "5", "-0.05"], "between 0 and 1"),
    "fallback_warning": (["", "5", "few"], "between 0 and 1"),
    "fallback_critical": (["", "50", "nan"], "between 0 and 1"),
    "drift_threshold": (["", "-0.1", "2", "nan"], "between 0 and 1"),
    "stale_after_minutes": (["", "0", "hour", "inf"], "a number above 0"),
    "min_labels": (["", "1", "30.0", "many"], "a whole number from 2"),
    "retrain_every_days": (["", "0", "-7", "weekly"], "a number above 0"),
    "retrain_per_week": (["", "0", "1.5", "many"], "a whole number from 1"),
    "retrain_new_rows": (["", "0", "1e2", "-100"], "a whole number from 1"),
    "retrain": (["", "yes", "AUTO"], "one of off, propose, auto"),
    "keep_predictions_days": (["", "7", "29", "-1", "90.5", "all"], "0, which keeps all, or whole"),
    "label_delay_days": (["", "-1", "week", "inf"], "days, a number from 0, or `measured`"),
    "retrain_recipe": (["", " "], "a name"),
    "public_url": (["example.org", "ftp://example.org"], "a web address"),
    "heartbeat_url": (["example.org"], "a web address"),
    "quiet_hours": (["22", "22:00", "25:00-07:00", "07:00-07:00", "a-b"], "two different times"),
    "auto_rollback": (["yes", "ON"], "one of on, off"),
    "baking_hours": (["0", "-1", "x"], "a number above 0"),
    "supabase_tables": (["x", "{}", "[1]", '"t"', "[{]"], "a JSON list of mappings, such as"),
    "supabase_timeout_seconds": (["", "0", "601", "fast"], "seconds between 0.1 and 600"),
    "collect_every_minutes": (["", "0", "hourly"], "a number above 0"),
    "collect_overlap_hours": (["", "-1", "day"], "hours, a number from 0"),
    "upload_limit_mb": (["", "0", "1.5", "200MB"], "megabytes, a whole number from 1"),
    "rate_limit": (["-1", "many"], "a number from 0"),
    "body_limit_kb": (["", "0", "4k"], "kilobytes, a whole number from 1"),
    "text_timeout_ms": (["", "0", "1s", "60001"], "milliseconds, a whole number from 1"),
}
ANY_TEXT = {
    "silent_causes",
    "rules",
    "database_url",
    "mlflow_uri",
    "supabase_key",
    "notify",
    "allowed_emails",
    "allowed_hosts",
    "user",
}
WRONG_VALUES = [(name, value) for name, (values, _) in WRONG.items() for value in values]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the program was started."""
    (tmp_path / ".streamlit").mkdir()
    return tmp_path


def write_dotenv(folder: Path, *lines: str) -> None:
    (folder / ".env").write_text("\n".join(lines), encoding="utf-8")


def write_secrets(folder: Path, *lines: str) -> None:
    (folder / ".streamlit" / "secrets.toml").write_text("\n".join(lines), encoding="utf-8")


# --- The table ------------------------------------------------------------------------------


def test_every_setting_is_a_field_and_every_field_but_one_a_setting() -> None:
    """A folder is below another only where it was chosen while everything ran."""
    names = {field.name for field in fields(Settings)}
    assert names == {setting.name for setting in SETTINGS} | {"watch_below"}


def test_every_setting_is_explained_in_a_sentence() -> None:
    for setting in SETTINGS:
        assert setting.help.endswith("."), setting.name
        assert "\n" not in setting.help, setting.name


def test_without_any_value_the_defaults_hold() -> None:
    settings = parse_settings({})
    assert settings.home == Path("var").resolve()
    assert settings.scale == Scale(0.0, 100.0)
    assert settings.tolerance == 5.0
    assert settings.host == "127.0.0.1"
    assert (settings.dashboard_port, settings.api_port, settings.api_workers) == (8501, 8000, 1)
    assert (settings.accuracy_warning, settings.accuracy_critical) == (0.80, 0.75)
    assert (settings.latency_warning_ms, settings.latency_critical_ms) == (100.0, 200.0)
    assert (settings.error_rate_warning, settings.error_rate_critical) == (0.01, 0.05)
    assert settings.drift_threshold == 0.1
    assert (settings.retrain_every_days, settings.retrain_new_rows) == (7.0, 100)
    assert settings.retrain == "propose"
    assert not settings.database_url
    assert (settings.notify, settings.allowed_emails) == ((), ())
    assert settings == Settings()


def test_the_folders_lie_in_the_home(tmp_path: Path) -> None:
    settings = parse_settings({"PLUMBLINE_HOME": str(tmp_path)})
    assert settings.artifacts == tmp_path / "artifacts"
    assert settings.snapshots == tmp_path / "snapshots"
    assert settings.uploads == tmp_path / "uploads"


def test_no_secret_may_change_while_everything_runs() -> None:
    """What changes at run time is a row with its value, for everyone who reads the history."""
    assert [setting.name for setting in SETTINGS if setting.secret and setting.runtime] == []


# --- Values ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("scale", "-50:50", Scale(-50.0, 50.0)),
        ("scale", " 0 : 20.5 ", Scale(0.0, 20.5)),
        ("tolerance", "0.25", 0.25),
        ("host", "::1", "::1"),
        ("host", " example.org ", "example.org"),
        ("api_port", "65535", 65535),
        ("accuracy_warning", "1", 1.0),
        ("error_rate_warning", "0", 0.0),
        ("notify", " mailto://a , ,slack://b,", (Secret("mailto://a"), Secret("slack://b"))),
        ("allowed_emails", "ada@example.org", ("ada@example.org",)),
        ("retrain", " auto ", "auto"),
        ("quiet_hours", "22:00 - 07:30", (time(22), time(7, 30))),
        ("quiet_hours", "", None),
        ("supabase_url", "https://x.supabase.co", "https://x.supabase.co"),
    ],
)
def test_a_value_is_read_as_what_it_means(name: str, text: str, value: object) -> None:
    settings = parse_settings({f"PLUMBLINE_{name.upper()}": text})
    assert getattr(settings, name) == value


def test_a_folder_may_be_written_from_the_users_home() -> None:
    settings = parse_settings({"PLUMBLINE_HOME": "~/plumbline"})
    assert settings.home == Path.home() / "plumbline"


def test_every_setting_that_can_be_wrong_is_tried_with_wrong_values() -> None:
    assert set(WRONG) | ANY_TEXT == {setting.name for setting in SETTINGS}


@pytest.mark.parametrize(("name", "value"), WRONG_VALUES)
def test_a_wrong_value_is_refused_with_its_name_and_what_would_be_right(
    name: str, value: str
) -> None:
    variable, right = f"PLUMBLINE_{name.upper()}", WRONG[name][1]
    with pytest.raises(InvalidInput) as caught:
        parse_settings({variable: value})
    sentence = str(caught.value)
    secrets = {setting.name for setting in SETTINGS if setting.secret}
    shown = "its value" if name in secrets else f"'{value}'"  # a secret is not repeated
    assert sentence.startswith(f"{variable}: {shown} is not ")
    assert right in sentence


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("ACCURACY_CRITICAL", "ACCURACY_WARNING"),
        ("LATENCY_WARNING_MS", "LATENCY_CRITICAL_MS"),
        ("ERROR_RATE_WARNING", "ERROR_RATE_CRITICAL"),
        ("FALLBACK_WARNING", "FALLBACK_CRITICAL"),
    ],
)
def test_a_warning_that_comes_after_critical_is_refused_with_both(low: str, high: str) -> None:
    values = {f"PLUMBLINE_{low}": "0.9", f"PLUMBLINE_{high}": "0.2"}
    sentence = rf"PLUMBLINE_{low} \(0\.9\) is above PLUMBLINE_{high} \(0\.2\)"
    with pytest.raises(InvalidInput, match=sentence):
        parse_settings(values)
    equal = parse_settings(dict.fromkeys(values, "0.5"))
    assert getattr(equal, low.lower()) == 0.5


# --- Secrets --------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.secret], ids=lambda s: s.name)
def test_a_secret_is_never_shown(setting: Setting) -> None:
    settings = parse_settings({setting.variable: f"https://example.org/{SECRET}/0123456789"})
    value = getattr(settings, setting.name)
    [secret] = value if isinstance(value, tuple) else (value,)
    assert SECRET in secret.reveal()
    for shown in (repr(settings), str(value), f"{value}", f"{secret}", str(secret)):
        assert SECRET not in shown
    with pytest.raises(TypeError):
        msgspec.json.encode(value)


def test_what_may_hold_a_password_is_a_secret() -> None:
    """By its name, or because it takes an address with a password or a key in it."""
    for setting in SETTINGS:
        named = re.search(r"key|secret|password|token|credential|ur[il]$|notify", setting.name)
        if setting.secret or (named is None and setting.parse is not read.web_address):
            continue
        if setting.parse is read.optional_path:  # where a key lies
            continue
        for address in (f"https://ana:{SECRET}@example.org", f"https://example.org?token={SECRET}"):
            with pytest.raises(InvalidInput, match="without a user, a password or a key") as caught:
                parse_settings({setting.variable: address})
            assert SECRET not in str(caught.value)


def test_a_wrong_secret_is_refused_without_being_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> object:
        raise ValueError("a key")

    secret = Setting("supabase_key", "", "A key.", refuse, secret=Hides.ALL)
    monkeypatch.setattr("core.settings.SETTINGS", (secret,))
    with pytest.raises(InvalidInput, match=f"^{KEY}: its value is not a key\\.$"):
        parse_settings({KEY: SECRET})


# --- Where values come from -----------------------------------------------------------------


def test_an_empty_folder_and_environment_give_nothing(tmp_path: Path) -> None:
    assert read_environment({"PATH": "/bin"}, tmp_path) == {}


def test_each_source_yields_to_the_one_nearer_to_the_process(folder: Path) -> None:
    def key(environ: dict[str, str]) -> str:
        return read_environment(environ, folder)[KEY]

    in_file = folder / "key"
    in_file.write_text("from a file\n")
    write_secrets(folder, f'{KEY} = "from secrets.toml"')
    assert key({}) == "from secrets.toml"
    write_dotenv(folder, f"{KEY}=from .env")
    assert key({}) == "from .env"
    assert key({f"{KEY}_FILE": str(in_file)}) == "from a file"
    assert key({f"{KEY}_FILE": str(in_file), KEY: "from the environment"}) == "from the environment"
    assert key({KEY: ""}) == ""


@pytest.mark.parametrize("write", [write_dotenv, write_secrets])
def test_a_file_of_settings_may_name_a_file_with_the_value(folder: Path, write: object) -> None:
    (folder / "key").write_text(SECRET)
    assert callable(write)
    write(folder, f"{KEY}_FILE = '{folder / 'key'}'")
    assert read_environment({}, folder) == {KEY: SECRET}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (f"{PORT}=9000", "9000"),
        (f"  export {PORT} = 9000  ", "9000"),
        (f'{PORT}="9000"', "9000"),
        (f"{PORT}='9000' # why", "9000"),
        (f"{PORT}=9000 # why", "9000"),
        (f"{PORT}=a#b", "a#b"),
        (f'{PORT}="a # b"', "a # b"),
        (f"{PORT}=it's", "it's"),
        (f"{PORT}=", ""),
        (f"{PORT}= # nothing", ""),
        (f"{PORT}=a=b", "a=b"),
        (f"\ufeff{PORT}=9000", "9000"),
    ],
)
def test_a_line_of_dotenv_is_read_as_a_shell_would(folder: Path, line: str, value: str) -> None:
    write_dotenv(folder, line)
    assert read_environment({}, folder) == {PORT: value}


@pytest.mark.parametrize("line", [f"# {PORT}=9000", "OTHER=1", "", "text", f"MY_{PORT}=1"])
def test_other_lines_of_dotenv_are_not_ours(folder: Path, line: str) -> None:
    write_dotenv(folder, line)
    assert read_environment({}, folder) == {}


def test_other_entries_of_the_secrets_are_not_ours(folder: Path) -> None:
    write_secrets(folder, 'other = "x"', f"{PORT} = 9000", "[auth]", 'cookie_secret = "x"')
    assert read_environment({}, folder) == {PORT: "9000"}


def test_a_list_in_the_secrets_is_a_list(folder: Path) -> None:
    write_secrets(folder, 'PLUMBLINE_NOTIFY = ["mailto://a", "slack://b"]')
    settings = parse_settings(read_environment({}, folder))
    assert [address.reveal() for address in settings.notify] == ["mailto://a", "slack://b"]


def test_a_login_is_set_up_where_the_secrets_have_one(folder: Path) -> None:
    assert not has_login(folder)
    write_secrets(folder, f"{PORT} = 9000")
    assert not has_login(folder)
    write_secrets(folder, "[auth]", 'cookie_secret = "x"')
    assert has_login(folder)


def test_the_settings_of_this_process_come_from_its_environment_and_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PLUMBLINE_TOLERANCE", "3")
    write_dotenv(folder, f"{PORT}=9000")
    settings = load_settings()
    assert (settings.tolerance, settings.api_port) == (3.0, 9000)


# --- What is wrong with a source ------------------------------------------------------------


@pytest.mark.parametrize("name", ["PLUMBLINE_TOLERENCE", "PLUMBLINE_TOLERENCE_FILE"])
def test_a_name_that_does_not_exist_is_refused_with_the_one_that_was_meant(
    folder: Path, name: str
) -> None:
    sentence = (
        rf"{name} is not a setting \(perhaps PLUMBLINE_TOLERANCE\); `python -m core settings`"
    )
    with pytest.raises(InvalidInput, match=sentence):
        read_environment({name: "5"}, folder)
    write_dotenv(folder, f"{name}=5")
    with pytest.raises(InvalidInput, match=sentence):
        read_environment({}, folder)
    (folder / ".env").unlink()
    write_secrets(folder, f"{name} = 5")
    with pytest.raises(InvalidInput, match=sentence):
        read_environment({}, folder)


def test_a_name_like_no_other_is_refused_without_a_guess(folder: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^PLUMBLINE_COLOUR is not a setting; "):
        read_environment({"PLUMBLINE_COLOUR": "5"}, folder)


def test_a_value_file_that_is_not_there_is_a_sentence(folder: Path) -> None:
    missing = str(folder / "missing")
    with pytest.raises(InvalidInput, match=rf"{KEY}_FILE: '{missing}' cannot be read \(No such"):
        read_environment({f"{KEY}_FILE": missing}, folder)


@pytest.mark.parametrize("name", [".env", ".streamlit/secrets.toml", "key"])
def test_a_file_that_is_not_text_is_a_sentence(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\xff\xfe\x00\x01")
    environ = {f"{KEY}_FILE": str(folder / "key")} if name == "key" else {}
    with pytest.raises(InvalidInput, match="is not text in UTF-8"):
        read_environment(environ, folder)


def test_a_folder_in_the_place_of_a_file_is_a_sentence(folder: Path) -> None:
    (folder / ".env").mkdir()
    with pytest.raises(InvalidInput, match=r"\.env: '.*' cannot be read \(Is a directory\)"):
        read_environment({}, folder)


def test_secrets_that_are_no_toml_are_a_sentence_that_repeats_none(folder: Path) -> None:
    write_secrets(folder, f"{KEY} = {SECRET}")
    with pytest.raises(InvalidInput, match=r"^\.streamlit/secrets\.toml is not TOML: ") as caught:
        read_environment({}, folder)
    assert SECRET not in str(caught.value)


def test_a_table_in_the_place_of_a_value_is_a_sentence(folder: Path) -> None:
    write_secrets(folder, f"[{KEY}]", f'value = "{SECRET}"')
    with pytest.raises(InvalidInput, match=f"{KEY} in .* is a table") as caught:
        read_environment({}, folder)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("scale", "tolerance", "hint"), [("1:5", "5", "0.2"), ("1:5", "2", "0.2"), ("0:1", "1", "0.05")]
)
def test_a_tolerance_that_lets_every_score_be_accurate_is_refused(
    scale: str, tolerance: str, hint: str
) -> None:
    with pytest.raises(InvalidInput, match=f"every score could count as accurate.* such as {hint}"):
        parse_settings({"PLUMBLINE_SCALE": scale, "PLUMBLINE_TOLERANCE": tolerance})


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(InvalidInput, match="belong together"):
        parse_settings({"PLUMBLINE_TLS_CERTIFICATE": "/etc/chain.pem"})
