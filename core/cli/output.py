"""The common options of the verbs, running a job in the foreground, and printing the answer."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer

from core.bootstrap import App, local_user
from core.domain.job import Job
from core.errors import InvalidInput
from core.jobs import runner
from core.safety.masking import write_out
from core.safety.plain_text import show_hidden

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for whoever reads the history.")]


def emit(value: Any, text: Callable[[], str], as_json: bool) -> None:
    """Print the answer: `value` as one JSON object, or the text for a person. No character of it
    can drive the terminal."""
    answer = write_out(msgspec.json.encode(value).decode()) if as_json else write_plain(text())
    typer.echo(answer)


def say(line: str) -> None:
    """Tell the person what goes on, beside the answer."""
    typer.echo(write_plain(line), err=True)


def write_plain(text: str) -> str:
    """Lines for a terminal, in which no name from outside moves the cursor or changes a colour.

    >>> write_plain("a\\nb \\x1b[31mred")
    'a\\nb ⟨U+001B⟩[31mred'
    """
    return "\n".join(map(show_hidden, text.split("\n")))


def do_job(app: App, kind: str, args: dict[str, object], reason: str) -> Job:
    """Do a job here and now in this person's name, saying how far it is; raises `Refused` with its
    sentence where it did not end well."""
    by = local_user(app.settings)
    return runner.do_job(app, kind, args, by=by, reason=reason, on_progress=say_progress)


def finish_job(app: App, job: Job) -> Job:
    """Do a claimed job, saying how far it is; raises `Refused` where it did not end well,
    and `Incomplete` where some of it did."""
    return runner.finish_job(app, job, say_progress)


def say_progress(share: float, message: str) -> None:
    """Tell the person how far a job is."""
    say(f"{share:4.0%}  {message}")


def parse_time(text: str) -> datetime:
    """An ISO 8601 time, UTC where it names no zone; raises `InvalidInput`.

    >>> parse_time("2026-05-03T14:10").isoformat()
    '2026-05-03T14:10:00+00:00'
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            f"'{text}' is not a time: write it as 2026-05-03T14:10, with a zone or in UTC."
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
