"""The verb that scores a file."""

from pathlib import Path
from typing import Annotated

import typer

from core.bootstrap import build_app
from core.cli import texts
from core.cli.output import AsJson, emit, say_progress
from core.domain.version import parse_version, version_name
from core.jobs.runner import do_job


def add_verbs(cli: typer.Typer) -> None:
    """Add predict."""
    cli.command()(predict)


def predict(
    path: Path,
    out: Annotated[Path, typer.Option(help="A new file: .csv, .parquet or .jsonl.")],
    version: Annotated[
        str | None, typer.Option(help="v3, 3 or heuristic; by default the version that serves.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="The column with the scored text.")] = None,
    timestamp: Annotated[
        str | None, typer.Option(help="The column with the time of the work.")
    ] = None,
    prefix: Annotated[str, typer.Option(help="Prefix of the added columns.")] = "",
    as_json: AsJson = False,
) -> None:
    """Score every row of a CSV, JSON, JSONL or Parquet file; write its columns, then score, low,
    high, source, reason and version.

    After an interruption, the same command continues; the output gets its name when it is complete.
    The scores are not logged as predictions. To learn from the rows once they are labelled, import
    them with `collect file`."""
    named = None if version is None else version_name(parse_version(version))
    args: dict[str, object] = {
        "path": str(path.resolve()),
        "out": str(out.resolve()),
        "version": named,
        "options": {"text": text, "timestamp": timestamp, "prefix": prefix},
    }
    job = do_job(build_app(), "predict", args, f"scores for {path.name}", on_progress=say_progress)
    result = dict(job.result or {})
    emit(result, lambda: texts.of_file_scores(result), as_json)
