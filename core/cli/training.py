"""The verbs about training: train, iterate, reproduce, explain, note, versions and runs."""

from typing import Annotated, Any

import msgspec
import typer

from core.bootstrap import build_app, load_current_settings, local_actor
from core.cli import texts
from core.cli.output import AsJson, emit, say_progress
from core.cli.views import view_training
from core.domain.job import continue_search
from core.domain.version import NoteKind, list_tags, parse_version, version_name
from core.errors import Refused
from core.jobs.runner import do_job
from core.retraining.flow import find_kept_args
from core.store.jobs import jobs
from core.store.models import versions
from core.training.notes import add_note, sign_version
from core.training.plan import RECENT

versions_cli = typer.Typer(invoke_without_command=True, help="List versions, or sign one.")


def add_verbs(cli: typer.Typer) -> None:
    """Add train, iterate, reproduce, explain, note, versions and runs."""
    cli.command()(train)
    cli.command()(iterate)
    cli.command()(reproduce)
    cli.command()(explain)
    cli.command()(note)
    cli.add_typer(versions_cli, name="versions")
    cli.command(name="runs")(list_runs)


def train(
    recipe: str,
    seed: Annotated[int, typer.Option(help="The seed of every random choice.")] = 0,
    override: Annotated[
        list[str] | None,
        typer.Option(help="Why to train despite a blocking issue, or a column that is suspect."),
    ] = None,
    leave_out: Annotated[
        list[str] | None, typer.Option(help="A column not to learn from, such as a leak.")
    ] = None,
    objective: Annotated[
        str, typer.Option(help="The loss: squared, absolute or tolerance.")
    ] = "squared",
    window: Annotated[
        str,
        typer.Option(help="The training window: auto, all, a number of days, or half-life:DAYS."),
    ] = "auto",
    search: Annotated[
        str, typer.Option(help="The hyperparameter search: grid, or smart (a wider space).")
    ] = "grid",
    purpose: Annotated[
        str, typer.Option(help="The purpose: score, or pick (the best of each group).")
    ] = "score",
    found_by: Annotated[
        int | None,
        typer.Option(help="A cancelled training job: use the best parameters it found."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train, evaluate, gate and register a version; training never deploys."""
    app = build_app()
    args: dict[str, object] = {
        "recipe": recipe,
        "seed": seed,
        "overrides": override or None,
        "leave_out": leave_out or [],
        "objective": objective,
        "window": window,
        "search": search,
        "purpose": purpose,
    }
    if found_by is not None:
        with app.db.read() as conn:
            args = continue_search(jobs.get_job(conn, found_by), args)
    job = do_job(app, "train", args, f"train {recipe}", on_progress=say_progress)
    number = parse_version(str((job.result or {})["version"]))
    with app.db.read() as conn:
        version = versions.get_version(conn, number)
    emit(view_training(version), lambda: texts.of_training(version), as_json)


def reproduce(version: str, as_json: AsJson = False) -> None:
    """Train a version again from its snapshot, and compare the figures."""
    name = version_name(parse_version(version))
    job = do_job(
        build_app(), "reproduce", {"version": name}, f"reproduce {name}", on_progress=say_progress
    )
    found = dict(job.result or {})
    if not found["matches"]:
        raise Refused(str(found["summary"]))
    emit(found, lambda: str(found["summary"]), as_json)


def explain(prediction_id: str, as_json: AsJson = False) -> None:
    """Show the points that each column added to the score of a logged prediction."""
    # Not at the top: scikit-learn takes seconds that every other verb would wait for.
    from core.training.explain.explain_prediction import explain_prediction

    app = build_app()
    why = explain_prediction(app.db, app.registry, prediction_id)
    found: dict[str, Any] = msgspec.to_builtins(why)
    emit({**found, "version": version_name(why.version)}, lambda: texts.of_why(found), as_json)


def note(
    version: str,
    text: Annotated[str | None, typer.Option(help="A note.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag to add.")] = None,
    untag: Annotated[list[str] | None, typer.Option(help="A tag to remove.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add notes and tags to a version, and list them."""
    app, number = build_app(), parse_version(version)
    by = local_actor(app.settings)
    asked = [
        *((NoteKind.NOTE, line) for line in ([] if text is None else [text])),
        *((NoteKind.TAG, name) for name in tag or []),
        *((NoteKind.UNTAG, name) for name in untag or []),
    ]
    for kind, line in asked:
        add_note(app.db, number, kind, line, by=by, now=app.now())
    with app.db.read() as conn:
        name = versions.get_version(conn, number).name
        said = versions.load_notes(conn, [number]).get(number, [])
    emit(
        {"version": name, "tags": list_tags(said), "notes": msgspec.to_builtins(said)},
        lambda: texts.of_notes(name, said),
        as_json,
    )


def iterate(
    recipe: Annotated[str | None, typer.Option(help="By default that of retraining.")] = None,
    as_json: AsJson = False,
) -> None:
    """Collect new rows, train on them, compare with the version that serves, and report; deploy
    nothing."""
    app = build_app()
    settings = load_current_settings(app)
    collected = None
    if settings.supabase_url or settings.watch_folder is not None:
        collected = do_job(
            app, "collect", {}, "iterate: collection", on_progress=say_progress
        ).result
    with app.db.read() as conn:
        kept = find_kept_args(conn)
    args: dict[str, object] = {
        "recipe": recipe or settings.retrain_recipe,
        "seed": 0,
        "overrides": None,
        **kept,
        "holdout": RECENT,  # as a retraining: what is new is learned, and judges
    }
    job = do_job(app, "train", args, "iterate", on_progress=say_progress)
    with app.db.read() as conn:
        version = versions.get_version(conn, parse_version(str((job.result or {})["version"])))
    emit(
        {"collected": collected, "training": view_training(version)},
        lambda: "\n".join(
            [
                "No source is configured, so nothing was collected."
                if collected is None
                else texts.of_collection(collected),
                texts.of_training(version),
            ]
        ),
        as_json,
    )


@versions_cli.callback()
def list_versions(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the versions with their gate's verdict, newest first."""
    if ctx.invoked_subcommand is not None:
        return
    with build_app().db.read() as conn:
        found = versions.load_versions(conn)
    emit(
        {"versions": [view_training(version) for version in found]},
        lambda: (
            "\n".join(texts.of_version(version) for version in found)
            or "No version yet: `train advanced` makes the first."
        ),
        as_json,
    )


@versions_cli.command()
def sign(
    version: str,
    reason: Annotated[str, typer.Option(help="How you know who wrote the artifact.")],
    as_json: AsJson = False,
) -> None:
    """Sign a version whose artifact another installation wrote, so that it can be loaded here."""
    app = build_app()
    signed = sign_version(
        app.db,
        app.registry,
        parse_version(version),
        by=local_actor(app.settings),
        reason=reason,
        now=app.now(),
    )
    emit(
        {"signed": signed.name, "artifact_hash": signed.artifact_hash},
        lambda: f"{signed.name} is signed: this installation loads it from now on.",
        as_json,
    )


def list_runs(
    limit: Annotated[int, typer.Option(help="At most this many.")] = 50, as_json: AsJson = False
) -> None:
    """List the newest MLflow runs."""
    found = build_app().registry.list_runs(limit)
    emit(
        {"runs": msgspec.to_builtins(found)},
        lambda: "\n".join(texts.of_run(run) for run in found) or "No run yet.",
        as_json,
    )
