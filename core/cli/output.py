"""The shared options of verbs, and the output of answers and progress."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer

from core.errors import InvalidInput
from core.safety.masking import write_out
from core.safety.plain_text import show_hidden

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for whoever reads the history.")]


def emit(value: Any, text: Callable[[], str], as_json: bool) -> None:
    """Print the answer, `value` as one JSON object or the text for a person, without control
    characters."""
    answer = write_out(msgspec.json.encode(value).decode()) if as_json else write_plain(text())
    typer.echo(answer)


def say(line: str) -> None:
    """Print a line about the progress on stderr."""
    typer.echo(write_plain(line), err=True)


def write_plain(text: str) -> str:
    """Return lines for a terminal in which no name from outside moves the cursor or changes a
    colour.

    >>> write_plain("a\\nb \\x1b[31mred")
    'a\\nb ⟨U+001B⟩[31mred'
    """
    return "\n".join(map(show_hidden, text.split("\n")))


def say_progress(share: float, message: str) -> None:
    """Print the progress of a job."""
    say(f"{share:4.0%}  {message}")


def parse_time(text: str) -> datetime:
    """Return the time of an ISO 8601 text, in UTC if it names no zone; raises `InvalidInput`.

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
