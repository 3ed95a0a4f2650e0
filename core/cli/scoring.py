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
    out: Annotated[Path, typer.Option(help="Where to: .csv, .parquet or .jsonl; a new file.")],
    version: Annotated[
        str | None, typer.Option(help="v3, 3 or heuristic; what serves, unless named.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="The column with the scored text.")] = None,
    timestamp: Annotated[
        str | None, typer.Option(help="The column with the time of the work.")
    ] = None,
    prefix: Annotated[str, typer.Option(help="Of the names of the columns that are added.")] = "",
    as_json: AsJson = False,
) -> None:
    """Score every row of a CSV, JSON, JSONL or Parquet file, in pieces: its columns, then score,
    low, high, source, reason and version.

    Interrupted, the same command goes on where it was; the output has its name when it is whole.
    These are not logged as predictions: monitoring, drift and trials are about live requests. To
    learn from the rows once their truth is known, import them with `collect file`."""
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
