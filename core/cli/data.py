"""The verbs about data: collect, demo, data, trace and erase."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from core.bootstrap import build_app, load_current_settings, local_actor
from core.cli import texts
from core.cli.output import AsJson, Reason, emit, say_progress
from core.cli.views import add_choice, view_choice, view_data
from core.data.parsing.row_parser import check_mapping
from core.data.parsing.schema_inference import choose_columns
from core.data.quality.overview import describe_data
from core.data.sources.file_problems import find_problems, refuse_blocking
from core.data.sources.preview import preview_file
from core.domain.dataset import IdKind
from core.domain.version import version_name
from core.errors import Incomplete
from core.jobs.runner import do_job

IsGroup = Annotated[
    bool, typer.Option("--group", help="NAME is a group of rows, or the unit of predictions.")
]

collect_cli = typer.Typer(invoke_without_command=True, help="Collect labelled rows.")


def add_verbs(cli: typer.Typer) -> None:
    """Add collect, demo, data, trace and erase."""
    cli.add_typer(collect_cli, name="collect")
    cli.command()(demo)
    cli.command()(data)
    cli.command()(trace)
    cli.command()(erase)


@collect_cli.callback()
def collect(context: typer.Context, as_json: AsJson = False) -> None:
    """Collect labelled rows from feedback, the watched folder and all configured tables, or from
    one of these."""
    if context.invoked_subcommand is None:
        _collect_configured({}, "collection of all sources", as_json)


@collect_cli.command(name="supabase")
def collect_supabase(
    days: Annotated[
        float | None, typer.Option(min=0, help="Read the rows of this many days, known or new.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most this many rows a table.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Collect the new rows of the configured Supabase tables."""
    _collect_configured(
        {"only": "supabase", "days": days, "limit": limit}, "collection from Supabase", as_json
    )


@collect_cli.command(name="stop")
def collect_stop(table: str, reason: Reason, as_json: AsJson = False) -> None:
    """Stop collecting a Supabase table; its rows stay."""
    # Not at the top: the Supabase client takes a second that every other verb would wait for.
    from core.data.tables import table_mappings

    app = build_app()
    table_mappings.remove_mapping(
        app.db,
        table,
        table_mappings.parse_mappings(load_current_settings(app).supabase_tables),
        by=local_actor(app.settings),
        reason=reason,
        now=app.now(),
    )
    emit(
        {"table": table, "collected": False},
        lambda: f"'{table}' is no longer collected; its rows stay.",
        as_json,
    )


@collect_cli.command(name="file")
def collect_file(
    path: Path,
    target: Annotated[str | None, typer.Option(help="The column to predict.")] = None,
    timestamp: Annotated[str | None, typer.Option(help="The column with the time.")] = None,
    text: Annotated[str | None, typer.Option(help="The column with the scored text.")] = None,
    id: Annotated[str | None, typer.Option(help="The column with the row's id.")] = None,
    group: Annotated[str | None, typer.Option(help="The column with the row's group.")] = None,
    label_timestamp: Annotated[
        str | None, typer.Option(help="The column with the time of the label.")
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="A column to leave out.")] = None,
    accept_rejects: Annotated[
        bool, typer.Option(help="Import although more than a fifth of the rows cannot be taken.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import a CSV, JSON, JSONL, Parquet or spreadsheet file; guess the columns that are not
    named."""
    app = build_app()
    settings = load_current_settings(app)
    preview = preview_file(path, app.settings.upload_limit_mb * 1_000_000)
    mapping = choose_columns(
        preview.mapping,
        target=target,
        timestamp=timestamp,
        text=text,
        id=id,
        group=group,
        label_timestamp=label_timestamp,
        ignored=tuple(ignore or ()),
    )
    check_mapping(path.name, mapping, [column.name for column in preview.columns])
    problems = find_problems(preview, mapping, settings.scale, settings.tolerance)
    found = view_choice(preview, mapping, problems)
    refuse_blocking(problems, found)
    args = {"path": str(path.resolve()), "name": path.name, "accept_rejects": accept_rejects}
    try:
        job = do_job(
            app,
            "import",
            {**args, "mapping": msgspec.to_builtins(mapping)},
            f"import of {path.name}",
            on_progress=say_progress,
        )
    except Incomplete as error:
        said = [problem.sentence for problem in problems if problem.code == "out_of_scale"]
        joined = {**found, "problems": [*error.result["problems"], *found["problems"]]}
        raise Incomplete(" ".join([str(error), *said]), joined) from None
    result = add_choice(dict(job.result or {}), found)
    emit(result, lambda: texts.of_import(result), as_json)


def _collect_configured(args: dict[str, object], reason: str, as_json: bool) -> None:
    given = {name: value for name, value in args.items() if value is not None}
    result = dict(
        do_job(build_app(), "collect", given, reason, on_progress=say_progress).result or {}
    )
    emit(result, lambda: texts.of_collection(result), as_json)


def demo(
    rows: Annotated[int, typer.Option(help="How many rows.")] = 5000,
    seed: Annotated[int, typer.Option(help="The generator's seed.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Add synthetic rows, marked as such everywhere."""
    job = do_job(
        build_app(), "demo", {"n_rows": rows, "seed": seed}, "demo data", on_progress=say_progress
    )
    result = dict(job.result or {})
    emit(result, lambda: texts.of_demo(result), as_json)


def data(as_json: AsJson = False) -> None:
    """Show the rows by source and provenance, and the newest quality report."""
    summary = describe_data(build_app().db)
    emit(view_data(summary), lambda: texts.of_data(summary), as_json)


def trace(
    name: str,
    group: IsGroup = False,
    prediction: Annotated[
        bool,
        typer.Option(
            "--prediction", help="NAME is a prediction's id: list its nearest training rows."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the snapshots and versions that used a row (by its id) or the rows of a group; with
    --prediction, the training rows nearest to an answer."""
    if prediction:
        _trace_prediction(name, as_json)
        return
    # Not at the top: pyarrow takes half a second that every other verb would wait for.
    from core.data.erase import trace_rows

    app = build_app()
    found = trace_rows(app.db, app.settings.snapshots, _kind(group), name)
    emit(found, lambda: texts.of_trace(found), as_json)


def _trace_prediction(prediction_id: str, as_json: bool) -> None:
    # Not at the top: scikit-learn takes seconds that every other verb would wait for.
    from core.monitoring.nearest import load_nearest

    app = build_app()
    found = load_nearest(app.db, app.registry, app.settings.snapshots, prediction_id)
    record: dict[str, Any] = msgspec.to_builtins(found)
    record["version"] = version_name(found.version)
    emit(record, lambda: texts.of_nearest(record), as_json)


def erase(
    name: str,
    group: IsGroup = False,
    reason: Annotated[
        str | None, typer.Option(help="Why; without a reason, only list what would go.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Delete a person's rows, by an id or a group, from the store and from every snapshot."""
    # Not at the top: pyarrow takes half a second that every other verb would wait for.
    from core.data.erase import ErasureRequest, erase_rows, trace_rows

    app = build_app()
    folder, kind = app.settings.snapshots, _kind(group)
    if reason is None:
        found = trace_rows(app.db, folder, kind, name)
        emit(found, lambda: f"This would go: {texts.of_trace(found)}", as_json)
        return
    note = erase_rows(
        app.db,
        folder,
        ErasureRequest(kind, name, local_actor(app.settings), reason, app.settings.uploads),
        now=app.now,
        scale=app.settings.scale,
        rules=app.settings.rules,
    )
    emit(note, lambda: f"Deleted for good: {texts.of_trace(note.found)}", as_json)


def _kind(group: bool) -> IdKind:
    return IdKind.GROUP if group else IdKind.ID
