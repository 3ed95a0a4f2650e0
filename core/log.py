"""Structured logs on stderr: an event name and fields, never a formatted sentence."""

import logging
import sys
from typing import TextIO

import structlog


def configure(
    stream: TextIO | None = None, level: int = logging.INFO, *, json: bool = False
) -> None:
    """Send events to `stream` (unless given, whatever stderr is then), as key=value lines or as
    JSON."""
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
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of one module; use it as `log.info("job_started", job_id=3)`. It follows
    `configure`, and writes to stderr where that is never called."""
    if not structlog.is_configured():
        configure()
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=name)
    return logger
