"""The settings: one field each with its default, help and parser; everything else derives from
it."""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from core import setting_values as read
from core.errors import InvalidInput
from core.safety.masking import Hides, Secret, mask
from plumbline.program import name_command

PREFIX = "PLUMBLINE_"


@dataclass(frozen=True, slots=True)
class Scale:
    """The lowest and the highest possible score."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as it is documented, parsed and changed. `parse` raises `ValueError` with the
    accepted values."""

    name: str
    default: str
    help: str
    parse: Callable[[str], object]
    secret: Hides | None = None  # the part of the value that is never shown
    runtime: bool = False  # may be changed while everything runs, with a reason
    at_most: str = ""  # the setting that this one may not be above

    @property
    def variable(self) -> str:
        """Return the environment variable, `PLUMBLINE_` and the name in capitals."""
        return PREFIX + self.name.upper()

    def read(self, text: str) -> object:
        """Return the value of a text, a secret masked; raises `ValueError`."""
        value = self.parse(text)
        if self.secret is None:
            return value
        if isinstance(value, tuple):
            return tuple(Secret(str(part), self.secret) for part in value)
        return Secret(str(value), self.secret)


APPROVABLE = ("deploy", "override", "trial", "setting", "keys", "erase", "sign")
"""The acts that can be made to wait for a second person."""


def _setting(
    default: str,
    parse: Callable[[str], object],
    help: str,
    *,
    secret: Hides | None = None,
    runtime: bool = False,
    at_most: str = "",
) -> Any:
    """Return a dataclass field that is parsed from a text; `SETTINGS` adds its name."""
    row = Setting("", default, help, parse, secret, runtime, at_most)
    return field(default_factory=lambda: row.read(default), metadata={"setting": row})


_live = partial(_setting, runtime=True)


def _scale(value: str) -> Scale:
    low, separator, high = value.partition(":")
    try:
        scale = Scale(float(low), float(high))
    except ValueError:
        raise ValueError("two numbers LOW:HIGH, such as 0:100") from None
    if not separator or not scale.low < scale.high or scale.high - scale.low == float("inf"):
        raise ValueError("two finite numbers LOW:HIGH with LOW below HIGH, such as 0:100")
    return scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The thresholds at which a figure of health warns or is critical."""

    accuracy_warning: float = _live("0.80", read.share, "Accuracy below this warns (share).")
    accuracy_critical: float = _live(
        "0.75", read.share, "Accuracy below this is critical (share).", at_most="accuracy_warning"
    )
    error_growth_warning: float = _live(
        "1.2",
        read.growth,
        "Live error, in multiples of the holdout's, that warns and opens an incident.",
        at_most="error_growth_critical",
    )
    error_growth_critical: float = _live(
        "1.5", read.growth, "Live error, in multiples of the holdout's, that is critical."
    )
    accuracy_days: float = _live(
        "7",
        read.number(0.01, 10_000.0, "days, a number from 0.01"),
        "Days of labelled predictions whose error is compared with the holdout's.",
    )
    latency_warning_ms: float = _live(
        "100", read.milliseconds, "p95 latency above this warns.", at_most="latency_critical_ms"
    )
    latency_critical_ms: float = _live(
        "200", read.milliseconds, "p95 latency above this is critical."
    )
    batch_latency_warning_ms: float = _live(
        "2000",
        read.milliseconds,
        "p95 latency of batches above this warns.",
        at_most="batch_latency_critical_ms",
    )
    batch_latency_critical_ms: float = _live(
        "5000", read.milliseconds, "p95 latency of batches above this is critical."
    )
    refused_warning: float = _live(
        "0.10", read.share, "Share of requests refused for a mistake of their callers that warns."
    )
    error_rate_warning: float = _live(
        "0.01", read.share, "Share of failed requests that warns.", at_most="error_rate_critical"
    )
    error_rate_critical: float = _live(
        "0.05", read.share, "Share of failed requests that is critical."
    )
    fallback_warning: float = _live(
        "0.05",
        read.share,
        "Share answered by the heuristic that warns.",
        at_most="fallback_critical",
    )
    fallback_critical: float = _live(
        "0.50", read.share, "Share answered by the heuristic that is critical."
    )
    stale_after_minutes: float = _live(
        "60", read.positive, "Minutes without a prediction after which the status is stale."
    )
    min_labels: int = _live(
        "30",
        read.integer(2, 1_000_000, "a whole number from 2"),
        "Labels below which no accuracy is shown.",
    )

    @property
    def accuracy_span(self) -> timedelta:
        """Return the span of labelled predictions whose error is compared with that of the
        holdout."""
        return timedelta(days=self.accuracy_days)

    @property
    def stale_after(self) -> timedelta:
        """Return the time without a prediction after which the status is stale."""
        return timedelta(minutes=self.stale_after_minutes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Thresholds):
    """The parsed values. Each field has its default, help and parser; the reference, the `settings`
    verb and the page are derived from these fields."""

    home: Path = _setting(
        "var", read.path, "Folder of the database, the MLflow store and the artifacts."
    )
    database_url: Secret = _setting(
        "",
        read.text,
        "Database; empty for SQLite in the home folder, or postgresql://user:password@host/name.",
        secret=Hides.LOGIN,
    )
    mlflow_uri: Secret = _setting(
        "", read.text, "MLflow tracking; empty for SQLite in home, or a server.", secret=Hides.LOGIN
    )
    signing_key: Secret = _setting(
        "",
        read.signing_key,
        "Key that signs artifacts, the same on every machine that trains or serves; "
        "empty for the one in signing.key in home.",
        secret=Hides.ALL,
    )
    scale: Scale = _setting("0:100", _scale, "Lowest and highest score, LOW:HIGH.")
    tolerance: float = _setting(
        "5", read.positive, "Points within which a score counts as accurate."
    )
    host: str = _setting(
        "127.0.0.1", read.address, "Address to listen on; others need login and API keys."
    )
    dashboard_port: int = _setting("8501", read.port, "The dashboard's port.")
    api_port: int = _setting("8000", read.port, "The prediction API's port.")
    api_workers: int = _setting(
        "1", read.integer(1, 64, "1 to 64"), "Processes that answer predictions."
    )
    durability: str = _setting(
        "process",
        read.choice("process", "power"),
        "An acknowledged prediction survives: `process`, a crash of the program; `power`, a power "
        "cut too, at a fraction of the speed.",
    )
    supabase_url: str = _setting(
        "", read.plain_address, "Address of the Supabase project to collect from."
    )
    supabase_key: Secret = _setting("", read.text, "Key of the Supabase project.", secret=Hides.ALL)
    supabase_tables: str = _setting(
        "",
        read.json_list,
        "Mappings of tables other than the origin's, as a JSON list; the data page "
        "writes them too.",
    )
    supabase_timeout_seconds: float = _setting(
        "10",
        read.number(0.1, 600.0, "seconds between 0.1 and 600"),
        "Seconds after which a request to Supabase is tried again, three times in all.",
    )
    rules: Path | None = _setting(
        "", read.optional_path, "A team's own data checks: the path of a pandera schema in YAML."
    )
    notify: tuple[Secret, ...] = _setting(
        "", read.names, "Channels of alerts: Apprise URLs, comma-separated.", secret=Hides.WORDS
    )
    public_url: str = _setting(
        "",
        read.plain_address,
        "Address of the dashboard as people reach it, for the links in messages, with the path "
        "below which a proxy shows dashboard and API; empty for this machine's.",
    )
    heartbeat_url: Secret = _setting(
        "",
        read.web_address,
        "Address called every minute while monitoring works: a dead man's switch.",
        secret=Hides.WORDS,
    )
    proxy: tuple[str, ...] = _setting(
        "off",
        read.proxies,
        "`on` if a reverse proxy on this machine forwards requests, or the addresses of proxies: "
        "login and API keys are then required, and what proxies say of a caller is believed.",
    )
    allowed_hosts: tuple[str, ...] = _setting(
        "",
        read.names,
        "Host names of the servers, comma-separated, in addition to localhost, "
        "PLUMBLINE_HOST and the one in PLUMBLINE_PUBLIC_URL.",
    )
    tls_certificate: Path | None = _setting(
        "", read.optional_path, "Certificate chain in PEM, for HTTPS on both ports; empty for HTTP."
    )
    tls_key: Path | None = _setting(
        "", read.optional_path, "Private key of the certificate, in PEM."
    )
    allowed_emails: tuple[str, ...] = _setting(
        "",
        read.names,
        "E-mails and @domains that may log in, comma-separated; with [auth] in "
        ".streamlit/secrets.toml, login is on.",
    )
    roles: tuple[tuple[str, str], ...] = _setting(
        "",
        read.roles,
        "Who has which role (viewer, labeller, operator, admin): e-mail=role, @domain=role, "
        "group:NAME=role, *=role, comma-separated; empty: whoever may log in is admin.",
    )
    approvals: tuple[str, ...] = _setting(
        "",
        read.words(*APPROVABLE),
        "Acts that a second person has to approve, comma-separated: " + ", ".join(APPROVABLE) + ".",
    )
    trust_unverified_email: bool = _setting(
        "off",
        read.switch,
        "`on` for a login provider that never says whether an e-mail is verified; an e-mail that "
        "it calls unverified stays refused.",
    )
    session_idle_minutes: int = _setting(
        "120",
        read.integer(1, 100_000, "minutes, a whole number from 1"),
        "Minutes without a click after which a login ends.",
    )
    session_hours: int = _setting(
        "12",
        read.integer(1, 10_000, "hours, a whole number from 1"),
        "Hours after which every login ends.",
    )
    user: str = _setting(
        "", read.text, "Name of the person in local actions; empty for the OS user."
    )
    drift_threshold: float = _live(
        "0.1", read.share, "Smallest drift that counts (standard deviations)."
    )
    quiet_hours: tuple[time, time] | None = _live(
        "",
        read.hours,
        "Hours of the day, UTC, in which only critical messages are sent, such as 22:00-07:00.",
    )
    silent_causes: tuple[str, ...] = _live(
        "",
        read.names,
        "Muted causes of incidents, comma-separated: recorded without messages.",
    )
    auto_rollback: str = _live(
        "on",
        read.choice("on", "off"),
        "`on`: a release that turns critical within its baking time is rolled back automatically, "
        "once; or `off`.",
    )
    baking_hours: float = _live(
        "24",
        read.positive,
        "Baking time: hours after a release in which it can be rolled back automatically.",
    )
    retrain_every_days: float = _live("7", read.positive, "Days after which retraining is due.")
    retrain_new_rows: int = _live(
        "100",
        read.integer(1, 1_000_000_000, "a whole number from 1"),
        "New labelled rows after which retraining is due.",
    )
    retrain: str = _live(
        "propose",
        read.choice("off", "propose", "auto"),
        "Retraining: `off`, `propose` (the page says when it is due) or `auto`.",
    )
    label_delay_days: float | None = _live(
        "measured",
        read.days_or_measured,
        "Days until a label is known; rows younger than that at the split are not trained on. "
        "`measured`: the delay of the newest labels.",
    )
    retrain_per_week: int = _live(
        "1",
        read.integer(1, 10_000, "a whole number from 1"),
        "Comparisons with the champion in seven days after which automatic retraining rests.",
    )
    retrain_recipe: str = _live("advanced", read.name, "Recipe of automatic retraining.")
    device: str = _setting(
        "cpu",
        read.choice("cpu", "cuda"),
        "Device of XGBoost: `cpu`, or `cuda` for a GPU if there is one.",
    )
    text_model: Path | None = _setting(
        "",
        read.optional_path,
        "Model of the recipe `text`: the folder of a transformer, on every machine that "
        "trains or serves; empty for hashed tokens, which need none.",
    )
    collect_every_minutes: float = _live(
        "60", read.positive, "Minutes between two collections of all configured sources."
    )
    collect_overlap_hours: float = _live(
        "24",
        read.number(0.0, 100_000.0, "hours, a number from 0"),
        "Hours by which a row may appear late at its source and still be collected.",
    )
    files_root: Path | None = _setting(
        "",
        read.optional_path,
        "Folder that holds every watched folder chosen on a page; empty for `inbox` in home.",
    )
    watch_folder: Path | None = _live(
        "",
        read.optional_path,
        "Folder whose files are imported, each once, by the scheduled collection; empty for none.",
    )
    keep_predictions_days: int = _setting(
        "90",
        read.days_kept,
        "Days for which single predictions are kept, with their features and labels; "
        "figures stay. 0 keeps all.",
    )
    upload_limit_mb: int = _setting(
        "200",
        read.integer(1, 100_000, "megabytes, a whole number from 1"),
        "Largest file to import, in megabytes.",
    )
    body_limit_kb: int = _setting(
        "8192",
        read.integer(1, 1_000_000, "kilobytes, a whole number from 1"),
        "Largest request body at the API, in kilobytes; one row alone has at most 1,024.",
    )
    rate_limit: float = _setting(
        "10000",  # three times what one process answers on the machine of docs/benchmarks.md
        read.number(0.0, 1e9, "requests a second, a number from 0"),
        "Most requests a second of one key (without keys, of this machine) at each API process; "
        "0 for no limit: keys always share a process fairly.",
    )
    text_timeout_ms: int = _setting(
        "1000",
        read.integer(1, 60_000, "milliseconds, a whole number from 1"),
        "Milliseconds for the text and history of a request; if they take "
        "longer, the heuristic answers.",
    )
    watch_below: Path | None = None
    """The folder that limits a watched folder changed at run time."""

    @property
    def artifacts(self) -> Path:
        """Return the folder of the artifacts, each in a folder named by its hash."""
        return self.home / "artifacts"

    @property
    def snapshots(self) -> Path:
        """Return the folder of the snapshots' Parquet files."""
        return self.home / "snapshots"

    @property
    def uploads(self) -> Path:
        """Return the folder in which uploaded files wait for their import."""
        return self.home / "uploads"

    @property
    def baking(self) -> timedelta:
        """The time after a release in which it may be rolled back automatically; zero for never."""
        return timedelta(hours=self.baking_hours if self.auto_rollback == "on" else 0)

    @property
    def inbox(self) -> Path:
        """Return the folder that limits a watched folder chosen on a page."""
        return self.files_root or self.home / "inbox"


SETTINGS = tuple(
    replace(one.metadata["setting"], name=one.name)
    for one in sorted(fields(Settings), key=lambda one: one in fields(Thresholds))
    if one.metadata
)
"""Every setting, in the order of the documentation."""

_VARIABLES = tuple(setting.variable for setting in SETTINGS)
_FILE = "_FILE"


def read_environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the raw `PLUMBLINE_*` values: from the environment, else `.env` in `folder`, else
    `.streamlit/secrets.toml` there; in each of them `NAME_FILE` may name a file with the value.
    Raises `InvalidInput` for an unknown name and a file that cannot be read."""
    values: dict[str, str] = {}
    for source in (_read_secrets(folder), _read_dotenv(folder), environ):
        _check_names(source)
        for name in _VARIABLES:
            if name in source:
                values[name] = source[name]
            elif name + _FILE in source:
                values[name] = _read_text(Path(source[name + _FILE]), name + _FILE).strip()
    return values


def parse_settings(values: Mapping[str, str]) -> Settings:
    """Return the settings of raw values by variable name, defaults for the others. Raises
    `InvalidInput` with the name, the value and the accepted values."""
    parsed: dict[str, Any] = {}
    for setting in SETTINGS:
        text = values.get(setting.variable, setting.default)
        try:
            parsed[setting.name] = setting.read(text)
        except ValueError as error:
            shown = "its value" if setting.secret else f"'{mask(text)}'"
            raise InvalidInput(f"{setting.variable}: {shown} is not {error}.") from None
    settings = Settings(**parsed)
    _check_order(settings)
    _check_tolerance(settings)
    _check_tls(settings)
    return settings


def load_settings(folder: Path | None = None) -> Settings:
    """Return the settings of this process."""
    return parse_settings(read_environment(os.environ, folder or Path.cwd()))


def read_login(folder: Path) -> Mapping[str, object] | None:
    """Return the section `[auth]` of `.streamlit/secrets.toml` in `folder`, or None without a
    login."""
    section = _read_toml(folder).get("auth")
    if section is not None and not isinstance(section, dict):
        raise InvalidInput("auth in .streamlit/secrets.toml is not a section: write [auth].")
    return section


def has_login(folder: Path) -> bool:
    """Return whether a login provider is set up in `.streamlit/secrets.toml` of `folder`."""
    return read_login(folder) is not None


def _check_order(settings: Settings) -> None:
    for low in SETTINGS:
        if not low.at_most:
            continue
        at_low, at_high = getattr(settings, low.name), getattr(settings, low.at_most)
        if at_low > at_high:
            raise InvalidInput(
                f"{low.variable} ({at_low:g}) is above {PREFIX}{low.at_most.upper()} "
                f"({at_high:g}): a warning has to come before critical."
            )


def _check_tolerance(settings: Settings) -> None:
    """Refuse a tolerance of half the scale: the middle of the scale would always be accurate."""
    scale, tolerance = settings.scale, settings.tolerance
    if 2 * tolerance >= scale.high - scale.low:
        raise InvalidInput(
            f"PLUMBLINE_TOLERANCE ({tolerance:g}) is half of PLUMBLINE_SCALE ({scale.low:g}:"
            f"{scale.high:g}) or more, so that every score could count as accurate: set it to a "
            f"small part of the scale, such as {(scale.high - scale.low) / 20:g}."
        )


def _check_tls(settings: Settings) -> None:
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise InvalidInput(
            "PLUMBLINE_TLS_CERTIFICATE and PLUMBLINE_TLS_KEY belong together: set both for HTTPS, "
            "or neither."
        )


def _check_names(source: Mapping[str, str]) -> None:
    known = {*_VARIABLES, *(name + _FILE for name in _VARIABLES)}
    for name in sorted(source):
        if name.startswith(PREFIX) and name not in known:
            meant = name.removeprefix(PREFIX).removesuffix(_FILE)
            near = difflib.get_close_matches(meant, (v.removeprefix(PREFIX) for v in _VARIABLES), 1)
            hint = f" (perhaps {PREFIX}{near[0]})" if near else ""
            raise InvalidInput(
                f"{name} is not a setting{hint}; `{name_command('settings')}` lists all that exist."
            )


def _read_text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"{name}: '{path}' cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{name}: '{path}' is not text in UTF-8.") from None


def _read_dotenv(folder: Path) -> dict[str, str]:
    path = folder / ".env"
    if not path.exists():
        return {}
    lines = _read_text(path, ".env").splitlines()
    found = (re.match(rf"\s*(?:export\s+)?({PREFIX}\w+)\s*=\s*(.*?)\s*$", line) for line in lines)
    return {match[1]: _unquote(match[2]) for match in found if match}


def _unquote(text: str) -> str:
    """Return a value of `.env` without its quotes, or a bare one without the comment after it."""
    quote = text[:1]
    if quote in ("'", '"') and quote in text[1:]:
        return text[1 : text.index(quote, 1)]
    return re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()


def _read_secrets(folder: Path) -> dict[str, str]:
    found = {}
    for name, value in _read_toml(folder).items():
        if name.startswith(PREFIX):
            if isinstance(value, dict):
                raise InvalidInput(f"{name} in .streamlit/secrets.toml is a table, not a value.")
            parts = value if isinstance(value, list) else [value]
            found[name] = ",".join(str(part) for part in parts)
    return found


def _read_toml(folder: Path) -> dict[str, object]:
    path = folder / ".streamlit" / "secrets.toml"
    if not path.exists():
        return {}
    try:
        return tomllib.loads(_read_text(path, ".streamlit/secrets.toml"))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f".streamlit/secrets.toml is not TOML: {error}.") from None
