"""Structured logs on stderr: an event name and fields, never a formatted sentence; no secret, and
nothing that would drive a terminal or look like another line."""

import io
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from numbers import Number
from types import TracebackType
from typing import Any, TextIO

import structlog

from core.safety.masking import mask, write_out

_NOT_IN_A_KEY = re.compile(r"[\x00-\x20\s\"=]")


def configure(
    stream: TextIO | None = None, level: int = logging.INFO, *, json: bool = False
) -> None:
    """Send events to `stream` (unless given, whatever stderr is then), as key=value lines or as
    JSON. What libraries log goes where they send it, and is cleaned as events are."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "event"], bool_as_flag=False
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _clean_fields,
            renderer,
            _write_out_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _StreamLogger(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.setLogRecordFactory(_CleanRecord)
    sys.excepthook = _print_bug


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of one module; use it as `log.info("job_started", job_id=3)`. It follows
    `configure`, and writes to stderr where that is never called."""
    if not structlog.is_configured():
        configure()
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=name)
    return logger


class _StreamLogger(structlog.PrintLogger):
    """Writes lines to a stream. A full disk takes no line, and that fails nothing else: who logs is
    just answering somebody."""

    def msg(self, message: str) -> None:
        with suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


class _CleanRecord(logging.LogRecord):
    """A log record of a library, cleaned before any handler sees it."""

    def __init__(
        self,
        name: str,
        level: int,
        pathname: str,
        lineno: int,
        msg: object,
        args: Any,
        exc_info: Any,
        func: str | None = None,
        sinfo: str | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(
            name, level, pathname, lineno, write_out(mask(str(msg))), args, exc_info, func, sinfo
        )
        if isinstance(self.args, Mapping):
            self.args = {key: _clean_argument(value) for key, value in self.args.items()}
        elif self.args:
            self.args = tuple(_clean_argument(value) for value in self.args)
        if exc_info and exc_info[0] is not None:
            self.exc_text = _format_bug(*exc_info)


def _clean_argument(value: object) -> object:
    """An argument of a library's message; none begins a line."""
    if value is None or isinstance(value, Number):
        return value
    return write_out(mask(str(value))).replace("\n", "\\n")


def _clean_fields(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return {_NOT_IN_A_KEY.sub("_", mask(key)): _clean(value) for key, value in event.items()}


def _clean(value: object) -> Any:
    """A field as it is, but every text in it masked."""
    if value is None or isinstance(value, Number):
        return value
    if isinstance(value, Mapping):
        return {mask(str(key)): _clean(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(part) for part in value]
    return mask(str(value))


def _write_out_line(_logger: object, _method: str, line: Any) -> str:
    return write_out(line)


def _format_bug(
    kind: type[BaseException], error: BaseException | None, where: TracebackType | None
) -> str:
    into = io.StringIO()
    traceback.print_exception(kind, error, where, file=into)
    return write_out(mask(into.getvalue().rstrip("\n")))


def _print_bug(
    kind: type[BaseException], error: BaseException, where: TracebackType | None
) -> None:
    sys.stderr.write(_format_bug(kind, error, where) + "\n")
