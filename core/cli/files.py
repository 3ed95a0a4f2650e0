"""The verbs that take a file through a version: score its rows, or replay them as live traffic."""

import logging
import os
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from core import log as logs
from core.bootstrap import build_app
from core.cli import texts
from core.cli.output import AsJson, emit, parse_time, say_progress
from core.domain.decisions.policy import PolicyKind, parse_policy
from core.domain.version import parse_version, version_name
from core.errors import InvalidInput
from core.jobs.runner import do_job
from core.settings import read_environment
from core.store.models import policies


def add_verbs(cli: typer.Typer) -> None:
    """Add predict, rank and stream."""
    cli.command()(predict)
    cli.command()(rank)
    cli.command()(stream)


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
    """Score every row of a CSV, JSON, JSONL, Parquet or spreadsheet file; write its columns, then
    score, low, high, source, reason and version.

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


def rank(
    path: Path,
    group: Annotated[str, typer.Option(help="The column whose rows are for the same request.")],
    out: Annotated[Path, typer.Option(help="A new file: .csv, .parquet or .jsonl.")],
    policy: Annotated[
        str | None, typer.Option(help="p3 or 3; by default the pick policy in force.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="v3, 3 or heuristic; by default the version that serves.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="The column with the scored text.")] = None,
    prefix: Annotated[str, typer.Option(help="Prefix of the added columns.")] = "",
    as_json: AsJson = False,
) -> None:
    """Score the rows of a file as `predict` does, and pick the best of each group; write rank,
    picked and probability too.

    Neither scores nor picks are logged."""
    # Not at the top: pyarrow takes a while that other verbs would wait for.
    from core.serving.decisions.rank_file import rank_file

    app = build_app()
    with app.db.read() as conn:
        chosen = policies.load_in_force(conn).get(PolicyKind.PICK)
        if policy is not None:
            chosen = policies.get_policy(conn, parse_policy(policy))
    if chosen is not None and chosen.terms.kind is not PolicyKind.PICK:
        raise InvalidInput(f"{chosen.name} is no pick policy: name one that is.")
    with tempfile.TemporaryDirectory(prefix="plumbline-rank-") as folder:
        scored = Path(folder) / out.name
        args: dict[str, object] = {
            "path": str(path.resolve()),
            "out": str(scored),
            "version": None if version is None else version_name(parse_version(version)),
            "options": {"text": text, "timestamp": None, "prefix": prefix},
        }
        job = do_job(app, "predict", args, f"ranks for {path.name}", on_progress=say_progress)
        found = rank_file(scored, out, group, chosen, prefix)
    result = {**(job.result or {}), **msgspec.to_builtins(found), "out": str(out.resolve())}
    result["policy"] = None if chosen is None else chosen.name
    emit(result, lambda: texts.of_file_ranking(result), as_json)


class WindowName(StrEnum):
    """The length of a window of the answer."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class RetrainMode(StrEnum):
    """Run the retraining policy, or do not."""

    OFF = "off"
    AUTO = "auto"


def stream(
    path: Path,
    timestamp: Annotated[str, typer.Option(help="The column with the time.")],
    target: Annotated[str, typer.Option(help="The column to predict.")],
    train_until: Annotated[str, typer.Option(help="Train on the rows labelled by then.")],
    recipe: Annotated[str | None, typer.Option(help="By default that of retraining.")] = None,
    label_delay: Annotated[str, typer.Option(help="7d, 12h, 30m, 2w or 0.")] = "0",
    retrain: Annotated[
        RetrainMode, typer.Option(help="Run the retraining policy.")
    ] = RetrainMode.OFF,
    window: Annotated[
        WindowName, typer.Option(help="The length of a row of the report.")
    ] = WindowName.WEEK,
    ignore: Annotated[list[str] | None, typer.Option(help="A column to leave out.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep the store in this empty folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Replay a file as live traffic with late labels, in a store of its own; report what would have
    happened."""
    # Not at the top: pyarrow, scipy and the service take a second that other verbs would wait for.
    from core.stream.flow import StreamRequest, run_stream
    from core.stream.plan import WindowKind, parse_delay
    from core.stream.report import build_json, build_text

    request = StreamRequest(
        path=path,
        timestamp=timestamp,
        target=target,
        train_until=parse_time(train_until),
        recipe=recipe,
        label_delay=parse_delay(label_delay),
        retrain=retrain.value,
        window=WindowKind(window.value),
        ignored=tuple(ignore or ()),
    )
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise InvalidInput(f"'{keep}' is not empty: --keep needs a new folder for the store.")
    logs.configure(level=logging.ERROR)  # years of events in a minute are no news
    with tempfile.TemporaryDirectory(prefix="plumbline-stream-") as folder:
        values = read_environment(os.environ, Path.cwd())
        report = run_stream(request, values, keep or Path(folder), say_progress)
    emit(build_json(report), lambda: build_text(report), as_json)
