"""The settings: one table of name, default, help and meaning that everything else reads."""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time
from pathlib import Path

from core import setting_values as read
from core.errors import InvalidInput
from core.safety.masking import Hides, Secret, mask

PREFIX = "PLUMBLINE_"


@dataclass(frozen=True, slots=True)
class Scale:
    """The lowest and the highest score that exist."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table. `parse` raises `ValueError` with what would be right."""

    name: str
    default: str
    help: str
    parse: Callable[[str], object]
    secret: Hides | None = None  # shown nowhere; what of it is secret
    runtime: bool = False  # may be changed while everything runs, with a reason

    @property
    def variable(self) -> str:
        """The environment variable, `PLUMBLINE_` and the name in capitals."""
        return PREFIX + self.name.upper()


def _scale(value: str) -> Scale:
    low, separator, high = value.partition(":")
    try:
        scale = Scale(float(low), float(high))
    except ValueError:
        raise ValueError("two numbers LOW:HIGH, such as 0:100") from None
    if not separator or not scale.low < scale.high or scale.high - scale.low == float("inf"):
        raise ValueError("two finite numbers LOW:HIGH with LOW below HIGH, such as 0:100")
    return scale


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "home", "var", "Folder of the database, the MLflow store and the artifacts.", read.path
    ),
    Setting(
        "database_url",
        "",
        "Database; empty for SQLite in the home folder, or postgresql://user:password@host/name.",
        read.text,
        secret=Hides.LOGIN,
    ),
    Setting(
        "mlflow_uri",
        "",
        "MLflow tracking; empty for SQLite in home, or a server.",
        read.text,
        secret=Hides.LOGIN,
    ),
    Setting(
        "signing_key",
        "",
        "Key that artifacts are signed with, the same on every machine that trains or serves; "
        "empty for the one in signing.key in home.",
        read.signing_key,
        secret=Hides.ALL,
    ),
    Setting("scale", "0:100", "Lowest and highest score, LOW:HIGH.", _scale),
    Setting("tolerance", "5", "Points within which a score counts as accurate.", read.positive),
    Setting(
        "host", "127.0.0.1", "Address to listen on; others need login and API keys.", read.address
    ),
    Setting("dashboard_port", "8501", "The dashboard's port.", read.port),
    Setting("api_port", "8000", "The prediction API's port.", read.port),
    Setting(
        "api_workers", "1", "Processes that answer predictions.", read.integer(1, 64, "1 to 64")
    ),
    Setting(
        "durability",
        "process",
        "What an acknowledged prediction survives: `process`, any crash of ours; `power`, a power "
        "cut as well, at a fraction of the speed.",
        read.choice("process", "power"),
    ),
    Setting(
        "supabase_url", "", "Address of the Supabase project to collect from.", read.plain_address
    ),
    Setting("supabase_key", "", "Key of the Supabase project.", read.text, secret=Hides.ALL),
    Setting(
        "supabase_tables",
        "",
        "How tables other than the origin's are read: a JSON list of mappings; the data page "
        "writes them too.",
        read.json_list,
    ),
    Setting(
        "supabase_timeout_seconds",
        "10",
        "Seconds after which a request to Supabase is tried again, three times in all.",
        read.number(0.1, 600.0, "seconds between 0.1 and 600"),
    ),
    Setting(
        "rules",
        "",
        "A team's own data checks: the path of a pandera schema in YAML.",
        read.optional_path,
    ),
    Setting(
        "notify",
        "",
        "Where alerts go: Apprise URLs, comma-separated.",
        read.names,
        secret=Hides.WORDS,
    ),
    Setting(
        "public_url",
        "",
        "Address of the dashboard as people reach it, for the links in messages; empty for this "
        "machine's.",
        read.plain_address,
    ),
    Setting(
        "heartbeat_url",
        "",
        "Address that is called every minute while watching works: a dead man's switch.",
        read.web_address,
        secret=Hides.WORDS,
    ),
    Setting(
        "proxy",
        "off",
        "`on` where a reverse proxy on this machine passes requests on: login and API keys are "
        "needed then, and its X-Forwarded-For is believed.",
        read.switch,
    ),
    Setting(
        "allowed_hosts",
        "",
        "Names by which callers may address the servers, comma-separated, beyond localhost, "
        "PLUMBLINE_HOST and the one in PLUMBLINE_PUBLIC_URL.",
        read.names,
    ),
    Setting(
        "tls_certificate",
        "",
        "Certificate chain in PEM, for HTTPS on both ports; empty for HTTP.",
        read.optional_path,
    ),
    Setting("tls_key", "", "Private key of the certificate, in PEM.", read.optional_path),
    Setting(
        "allowed_emails",
        "",
        "Who may log in, comma-separated; with [auth] in .streamlit/secrets.toml, login is on.",
        read.names,
    ),
    Setting(
        "trust_unverified_email",
        "off",
        "`on` for a login provider that never says whether an e-mail is verified; one that says it "
        "is not stays refused.",
        read.switch,
    ),
    Setting(
        "session_idle_minutes",
        "120",
        "Minutes without a click after which a login ends.",
        read.integer(1, 100_000, "minutes, a whole number from 1"),
    ),
    Setting(
        "session_hours",
        "12",
        "Hours after which a login ends in any case.",
        read.integer(1, 10_000, "hours, a whole number from 1"),
    ),
    Setting(
        "user", "", "Name written beside every local action; empty for the OS user.", read.text
    ),
    Setting(
        "accuracy_warning", "0.80", "Accuracy below this warns (share).", read.share, runtime=True
    ),
    Setting(
        "accuracy_critical",
        "0.75",
        "Accuracy below this is critical (share).",
        read.share,
        runtime=True,
    ),
    Setting(
        "error_growth_warning",
        "1.2",
        "Live error, in multiples of what training promised, that warns and opens an incident.",
        read.growth,
        runtime=True,
    ),
    Setting(
        "error_growth_critical", "1.5", "The multiple that is critical.", read.growth, runtime=True
    ),
    Setting(
        "accuracy_days",
        "7",
        "Days of labelled predictions whose error is compared with what training promised.",
        read.number(0.01, 10_000.0, "days, a number from 0.01"),
        runtime=True,
    ),
    Setting(
        "latency_warning_ms",
        "100",
        "p95 latency above this warns.",
        read.milliseconds,
        runtime=True,
    ),
    Setting(
        "latency_critical_ms",
        "200",
        "p95 latency above this is critical.",
        read.milliseconds,
        runtime=True,
    ),
    Setting(
        "error_rate_warning",
        "0.01",
        "Share of failed requests that warns.",
        read.share,
        runtime=True,
    ),
    Setting(
        "error_rate_critical",
        "0.05",
        "Share of failed requests that is critical.",
        read.share,
        runtime=True,
    ),
    Setting(
        "fallback_warning",
        "0.05",
        "Share answered by the heuristic that warns.",
        read.share,
        runtime=True,
    ),
    Setting(
        "fallback_critical",
        "0.50",
        "The share of these that is critical.",
        read.share,
        runtime=True,
    ),
    Setting(
        "drift_threshold",
        "0.1",
        "Smallest drift that counts (standard deviations).",
        read.share,
        runtime=True,
    ),
    Setting(
        "stale_after_minutes",
        "60",
        "Minutes without a prediction after which the status is stale.",
        read.positive,
        runtime=True,
    ),
    Setting(
        "min_labels",
        "30",
        "Labels below which no accuracy is shown.",
        read.integer(2, 1_000_000, "a whole number from 2"),
        runtime=True,
    ),
    Setting(
        "quiet_hours",
        "",
        "Hours of the day, UTC, in which only critical messages are sent, such as 22:00-07:00.",
        read.hours,
        runtime=True,
    ),
    Setting(
        "silent_causes",
        "",
        "Muted causes of incidents, comma-separated: recorded, but nobody is called.",
        read.names,
        runtime=True,
    ),
    Setting(
        "auto_rollback",
        "on",
        "`on`: a release that turns critical within its baking time is rolled back by itself, "
        "once; or `off`.",
        read.choice("on", "off"),
        runtime=True,
    ),
    Setting(
        "baking_hours", "24", "Hours for which a release is fresh.", read.positive, runtime=True
    ),
    Setting(
        "retrain_every_days", "7", "Days after which to train again.", read.positive, runtime=True
    ),
    Setting(
        "retrain_new_rows",
        "100",
        "New labelled rows after which to train again.",
        read.integer(1, 1_000_000_000, "a whole number from 1"),
        runtime=True,
    ),
    Setting(
        "retrain",
        "propose",
        "Retraining: `off`, `propose` (the page says when it is due) or `auto`.",
        read.choice("off", "propose", "auto"),
        runtime=True,
    ),
    Setting(
        "label_delay_days",
        "measured",
        "Days until a label is known; rows younger than that at the split are not trained on. "
        "`measured`: as the newest labels took.",
        read.days_or_measured,
        runtime=True,
    ),
    Setting(
        "retrain_per_week",
        "1",
        "Trainings in seven days after which automatic retraining rests.",
        read.integer(1, 10_000, "a whole number from 1"),
        runtime=True,
    ),
    Setting(
        "retrain_recipe", "advanced", "Recipe of automatic retraining.", read.name, runtime=True
    ),
    Setting(
        "device",
        "cpu",
        "Where XGBoost trains: `cpu`, or `cuda` for a GPU where it finds one.",
        read.choice("cpu", "cuda"),
    ),
    Setting(
        "text_model",
        "",
        "What the recipe `text` reads texts by: the folder of a transformer, on every machine that "
        "trains or serves; empty for hashed tokens, which need none.",
        read.optional_path,
    ),
    Setting(
        "collect_every_minutes",
        "60",
        "Minutes between two collections of all configured sources.",
        read.positive,
        runtime=True,
    ),
    Setting(
        "collect_overlap_hours",
        "24",
        "How late a row may become visible at its source and still be collected.",
        read.number(0.0, 100_000.0, "hours, a number from 0"),
        runtime=True,
    ),
    Setting(
        "files_root",
        "",
        "Folder that a watched folder chosen on a page may not leave; empty for `inbox` in home.",
        read.optional_path,
    ),
    Setting(
        "watch_folder",
        "",
        "Folder whose files are imported, each once, by the scheduled collection; empty for none.",
        read.optional_path,
        runtime=True,
    ),
    Setting(
        "keep_predictions_days",
        "90",
        "Days for which predictions are kept one by one, with what was asked and their labels; "
        "figures stay. 0 keeps all.",
        read.days_kept,
    ),
    Setting(
        "upload_limit_mb",
        "200",
        "Largest file to import, in megabytes.",
        read.integer(1, 100_000, "megabytes, a whole number from 1"),
    ),
    Setting(
        "body_limit_kb",
        "8192",
        "Largest request body at the API, in kilobytes; one row alone has at most 1,024.",
        read.integer(1, 1_000_000, "kilobytes, a whole number from 1"),
    ),
    Setting(
        "rate_limit",
        "0",
        "Most requests a second of one key (without keys, of this machine) at each API process; "
        "0 for any number: keys share a process fairly in any case.",
        read.number(0.0, 1e9, "requests a second, a number from 0"),
    ),
    Setting(
        "text_timeout_ms",
        "1000",
        "Milliseconds for what one request's version reads of its text and history; what takes "
        "longer is answered by the heuristic.",
        read.integer(1, 60_000, "milliseconds, a whole number from 1"),
    ),
)

_VARIABLES = tuple(setting.variable for setting in SETTINGS)
_FILE = "_FILE"
_ORDERED = (  # the first may not be above the second
    ("accuracy_critical", "accuracy_warning"),
    ("error_growth_warning", "error_growth_critical"),
    ("latency_warning_ms", "latency_critical_ms"),
    ("error_rate_warning", "error_rate_critical"),
    ("fallback_warning", "fallback_critical"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The parsed values; a field for each row of `SETTINGS`."""

    home: Path
    database_url: Secret
    mlflow_uri: Secret
    signing_key: Secret
    scale: Scale
    tolerance: float
    host: str
    dashboard_port: int
    api_port: int
    api_workers: int
    durability: str
    supabase_url: str
    supabase_key: Secret
    supabase_tables: str
    supabase_timeout_seconds: float
    rules: Path | None
    notify: tuple[Secret, ...]
    public_url: str
    heartbeat_url: Secret
    proxy: bool
    allowed_hosts: tuple[str, ...]
    tls_certificate: Path | None
    tls_key: Path | None
    allowed_emails: tuple[str, ...]
    trust_unverified_email: bool
    session_idle_minutes: int
    session_hours: int
    user: str
    accuracy_warning: float
    accuracy_critical: float
    error_growth_warning: float
    error_growth_critical: float
    accuracy_days: float
    latency_warning_ms: float
    latency_critical_ms: float
    error_rate_warning: float
    error_rate_critical: float
    fallback_warning: float
    fallback_critical: float
    drift_threshold: float
    stale_after_minutes: float
    min_labels: int
    quiet_hours: tuple[time, time] | None
    silent_causes: tuple[str, ...]
    auto_rollback: str
    baking_hours: float
    retrain_every_days: float
    retrain_new_rows: int
    retrain: str
    label_delay_days: float | None
    retrain_per_week: int
    retrain_recipe: str
    device: str
    text_model: Path | None
    collect_every_minutes: float
    collect_overlap_hours: float
    files_root: Path | None
    watch_folder: Path | None
    keep_predictions_days: int
    upload_limit_mb: int
    body_limit_kb: int
    rate_limit: float
    text_timeout_ms: int
    watch_below: Path | None = None
    """What the watched folder may not leave, where it was chosen while everything ran."""

    @property
    def artifacts(self) -> Path:
        """The folder of the trained pipelines, each in a folder named by its hash."""
        return self.home / "artifacts"

    @property
    def snapshots(self) -> Path:
        """The folder of the snapshots' Parquet files."""
        return self.home / "snapshots"

    @property
    def uploads(self) -> Path:
        """The folder where a copy of each file waits for its import."""
        return self.home / "uploads"

    @property
    def inbox(self) -> Path:
        """The folder that a watched folder chosen on a page may not leave."""
        return self.files_root or self.home / "inbox"


def read_environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The raw `PLUMBLINE_*` values: the environment, else `.env` in `folder`, else
    `.streamlit/secrets.toml` there; in each of them `NAME_FILE` may name a file with the value.
    Raises `InvalidInput` for a name that does not exist and a file that cannot be read."""
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
    """The settings of raw values by variable name, defaults for the rest; raises `InvalidInput`
    with the name, the value and what would be right."""
    parsed: dict[str, object] = {}
    for setting in SETTINGS:
        text = values.get(setting.variable, setting.default)
        try:
            value = setting.parse(text)
        except ValueError as error:
            shown = "its value" if setting.secret else f"'{mask(text)}'"
            raise InvalidInput(f"{setting.variable}: {shown} is not {error}.") from None
        parsed[setting.name] = _hide(value, setting.secret) if setting.secret else value
    settings = Settings(**parsed)  # type: ignore[arg-type]  # a test holds that the names agree
    _check_order(settings)
    _check_tolerance(settings)
    _check_tls(settings)
    return settings


def load_settings(folder: Path | None = None) -> Settings:
    """The settings of this process."""
    return parse_settings(read_environment(os.environ, folder or Path.cwd()))


def read_login(folder: Path) -> Mapping[str, object] | None:
    """The section `[auth]` of `.streamlit/secrets.toml` in `folder`, or None where no login is set
    up."""
    section = _read_toml(folder).get("auth")
    if section is not None and not isinstance(section, dict):
        raise InvalidInput("auth in .streamlit/secrets.toml is not a section: write [auth].")
    return section


def has_login(folder: Path) -> bool:
    """Whether a login provider is set up in `.streamlit/secrets.toml` of `folder`."""
    return read_login(folder) is not None


def _hide(value: object, hides: Hides) -> Secret | tuple[Secret, ...]:
    if isinstance(value, tuple):
        return tuple(Secret(str(part), hides) for part in value)
    return Secret(str(value), hides)


def _check_order(settings: Settings) -> None:
    for low, high in _ORDERED:
        at_low, at_high = getattr(settings, low), getattr(settings, high)
        if at_low > at_high:
            raise InvalidInput(
                f"{PREFIX}{low.upper()} ({at_low:g}) is above {PREFIX}{high.upper()} "
                f"({at_high:g}): a warning has to come before critical."
            )


def _check_tolerance(settings: Settings) -> None:
    """With a tolerance of half the scale, the constant in the middle is always accurate."""
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
                f"{name} is not a setting{hint}; `python -m core settings` lists those that exist."
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
    """A value of `.env` without its quotes, or a bare one without the comment behind it."""
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
