"""The log: one line an event, on the stream it was given, with fields that can be found again."""

import errno
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from core.log import configure, get_logger
from core.safety.masking import Secret


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave the logging of the other tests alone."""
    before, factory, hook = structlog.get_config(), logging.getLogRecordFactory(), sys.excepthook
    yield
    structlog.configure(**before)
    logging.setLogRecordFactory(factory)
    sys.excepthook = hook


@pytest.fixture
def stream() -> io.StringIO:
    """Where the log goes."""
    return io.StringIO()


def fail() -> None:
    raise ValueError('a "quoted" word\nand a second line')


class FullDisk(io.StringIO):
    """Takes nothing."""

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("level", ["info", "warning", "error", "exception"])
def test_a_log_that_cannot_be_written_fails_nothing_else(level: str) -> None:
    configure(FullDisk())
    getattr(get_logger("core.api"), level)("request_failed", path="/v1/predict")


def test_an_event_is_one_line_of_fields(stream: io.StringIO) -> None:
    configure(stream)
    get_logger("core.jobs.runner").info("job_started", job_id=3, kind="train")
    line = stream.getvalue()
    assert line.startswith("timestamp=2")
    assert line.endswith(
        "Z level=info event=job_started module=core.jobs.runner job_id=3 kind=train\n"
    )


def test_an_event_is_one_json_object_where_that_is_asked_for(stream: io.StringIO) -> None:
    configure(stream, json=True)
    get_logger("core.api").warning("slow", latency_ms=210.5, version="v3")
    event = json.loads(stream.getvalue())
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "slow",
        "level": "warning",
        "module": "core.api",
        "latency_ms": 210.5,
        "version": "v3",
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_a_traceback_stays_on_the_line_of_its_event(stream: io.StringIO, as_json: bool) -> None:
    configure(stream, json=as_json)
    try:
        fail()
    except ValueError:
        get_logger("core.api").exception("request_failed", text="two\nlines")
    (line,) = stream.getvalue().splitlines()
    assert "Traceback (most recent call last)" in line
    assert "ValueError" in line


@pytest.mark.parametrize("value", ['a "b" c', "a=b", "two\nlines", "ünï 🙂", "", None, True, [1]])
def test_any_value_stays_on_the_line_of_its_event(stream: io.StringIO, value: object) -> None:
    configure(stream)
    get_logger("core.api").info("seen", value=value, after="here")
    (line,) = stream.getvalue().splitlines()
    assert line.endswith(" after=here")


def test_what_is_less_than_the_level_is_left_out(stream: io.StringIO) -> None:
    configure(stream, level=logging.WARNING)
    log = get_logger("core.api")
    log.info("too_much")
    log.warning("enough")
    assert "too_much" not in stream.getvalue()
    assert "enough" in stream.getvalue()


def test_a_logger_made_before_the_log_was_set_up_follows_it(stream: io.StringIO) -> None:
    log = get_logger("core.api")
    configure(stream)
    log.info("late")
    assert "event=late" in stream.getvalue()


def test_what_is_bound_around_a_request_is_in_its_events(stream: io.StringIO) -> None:
    configure(stream)
    with structlog.contextvars.bound_contextvars(job_id=7):
        get_logger("core.jobs").info("inside")
    get_logger("core.jobs").info("outside")
    inside, outside = stream.getvalue().splitlines()
    assert "job_id=7" in inside
    assert "job_id" not in outside


def test_the_log_goes_to_what_standard_error_is_at_that_moment(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO
) -> None:
    with io.StringIO() as closed_later, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", closed_later)
        configure()
    monkeypatch.setattr(sys, "stderr", stream)
    get_logger("core.api").info("later")
    assert "event=later" in stream.getvalue()


@pytest.mark.parametrize("set_up", ["configure()", "pass"])
def test_standard_output_is_left_to_answers(set_up: str) -> None:
    """A verb with --json prints one object; a log line between would break who reads it."""
    program = f"from core.log import configure, get_logger\n{set_up}\nget_logger('a').info('b')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b""
    assert b"b" in done.stderr


# --- Nothing secret, nothing that drives a terminal -------------------------------------------

KEY = "k-4711-0815-geheim"
HOSTILE = "red \x1b[31m\rtimestamp=1\x85a\u2028b\u202ec\x9b2J"


class Named:
    """Anything whose text holds a secret."""

    def __str__(self) -> str:
        return f"named {KEY}"


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        {"error": f"refused {KEY}"},
        {"error": "no answer from postgresql://ana:hunter2@db"},
        {KEY: 1},
        {"error": ValueError(KEY)},
        {"error": Named()},
        {"rows": [{KEY: [KEY]}, (KEY,)]},
    ],
    ids=["text", "address", "key", "error", "object", "nested"],
)
def test_no_field_shows_a_secret(
    stream: io.StringIO, as_json: bool, fields: dict[str, object]
) -> None:
    secret = Secret(KEY)
    configure(stream, json=as_json)
    get_logger("core.api").info("seen", **fields)  # type: ignore[arg-type]
    assert "***" in stream.getvalue()
    assert KEY not in stream.getvalue()
    assert "hunter2" not in stream.getvalue()
    assert secret


@pytest.mark.parametrize("as_json", [False, True])
def test_no_traceback_shows_a_secret(stream: io.StringIO, as_json: bool) -> None:
    secret = Secret(KEY)
    configure(stream, json=as_json)
    try:
        raise ValueError(f"wrong key {secret.reveal()}")
    except ValueError:
        get_logger("core.api").exception("request_failed")
    assert "wrong key ***" in stream.getvalue()
    assert KEY not in stream.getvalue()


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    "fields", [{"by": HOSTILE}, {HOSTILE: 1}, {"rows": [HOSTILE]}, {"at": {HOSTILE: HOSTILE}}]
)
def test_no_field_drives_a_terminal_or_begins_a_line(
    stream: io.StringIO, as_json: bool, fields: dict[str, object]
) -> None:
    configure(stream, json=as_json)
    get_logger("core.api").info(HOSTILE, **fields)  # type: ignore[arg-type]
    [line] = stream.getvalue().splitlines()
    assert not set("\x1b\r\x85\u2028\u202e\x9b") & set(line)
    assert "u001b[31m" in line


def test_a_hostile_value_can_be_read_back_from_json(stream: io.StringIO) -> None:
    configure(stream, json=True)
    get_logger("core.api").info("seen", by=HOSTILE)
    assert json.loads(stream.getvalue())["by"] == HOSTILE


@pytest.mark.parametrize("name", ["uvicorn.error", "apscheduler", "mlflow", "any"])
def test_what_a_library_logs_is_cleaned_too(stream: io.StringIO, name: str) -> None:
    secret = Secret(KEY)
    configure()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    try:
        logger.error("%s asked for %r with %d, %.1f", KEY, "/a\nlevel=info \x1b[2J", 7, 1.25)
        logger.error("wrong %(key)s", {"key": KEY})
        logger.error("wrong k-4711-0815-geheim \x1b[31m")
        try:
            raise ValueError(f"{KEY} \x1b[31m")
        except ValueError:
            logger.exception("failed")
    finally:
        logger.removeHandler(handler)
    said = stream.getvalue()
    assert said.startswith(
        "*** asked for '/a\\\\nlevel=info \\\\u001b[2J' with 7, 1.2\nwrong ***\n"
    )
    assert "ValueError: ***" in said
    assert KEY not in said
    assert "\x1b" not in said
    assert secret


def test_a_bug_that_ends_the_program_shows_no_secret() -> None:
    program = (
        "from core.log import configure; from core.safety.masking import Secret; configure(); "
        f"s = Secret('{KEY}'); raise ValueError(s.reveal())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.endswith("ValueError: ***\n")
