"""The verbs about releases: replay, deploy, promote, stop, rollback and history."""

import secrets
import time
from typing import Annotated

import typer

from core.bootstrap import build_app, load_current_settings, local_actor
from core.cli import texts
from core.cli.output import AsJson, Reason, emit, parse_time, say_progress
from core.cli.views import view_deployment, view_plan, view_rehearsal, view_story
from core.deployment import release, trials
from core.deployment.lineage import describe_story, load_story
from core.deployment.ramp import parse_percent
from core.deployment.trial import build_settings
from core.domain.version import parse_version, version_name
from core.errors import InvalidInput
from core.jobs.runner import do_job
from core.serving.replay.replay import check_days
from core.store.models import deployments


def add_verbs(cli: typer.Typer) -> None:
    """Add replay, deploy, promote, stop, rollback and history."""
    for verb in (replay, deploy, promote, stop, rollback, history):
        cli.command()(verb)


def replay(
    version: Annotated[str, typer.Argument(help="v3, 3, or heuristic.")],
    days: Annotated[float, typer.Option(help="Days back.")] = 7.0,
    as_json: AsJson = False,
) -> None:
    """Score the recorded requests of the last days with a version, before it serves."""
    name = version_name(parse_version(version))
    job = do_job(
        build_app(),
        "replay",
        {"version": name, "days": check_days(days)},
        f"replay of {name}",
        on_progress=say_progress,
    )
    result = job.result or {}
    emit(result, lambda: texts.of_replay(result), as_json)


def deploy(
    version: Annotated[str | None, typer.Argument(help="v3, 3, or heuristic.")] = None,
    reason: Reason = "",
    override: Annotated[
        bool, typer.Option("--override", help="Deploy it although its gate refused.")
    ] = False,
    traffic: Annotated[
        str | None,
        typer.Option(help="Start a trial with this percentage of the answers: 10, 20, 50 or 100."),
    ] = None,
    ab_test: Annotated[str | None, typer.Option(help="Name of the trial.")] = None,
    auto_ramp: Annotated[bool, typer.Option(help="Ramp the trial up automatically.")] = True,
    auto_promote: Annotated[bool, typer.Option(help="Promote automatically if better.")] = True,
    auto_stop: Annotated[bool, typer.Option(help="Stop automatically if worse or harmful.")] = True,
    status: Annotated[bool, typer.Option("--status", help="Only show what serves.")] = False,
    as_json: AsJson = False,
) -> None:
    """Deploy a version, start a trial of it, or show what serves."""
    app = build_app()
    if status:
        plan = release.describe_plan(app.db, app.now())
        emit(view_plan(plan), lambda: texts.of_plan(plan), as_json)
        return
    if version is None:
        raise InvalidInput("Name the version to deploy, such as v3, or ask for --status.")
    number, by = parse_version(version), local_actor(app.settings)
    share = parse_percent("10" if traffic is None else traffic)
    if ab_test is None and (traffic is None or share == 1.0):
        made = release.deploy(
            app.db,
            app.registry,
            number,
            reason=reason,
            by=by,
            override=override,
            now=app.now(),
        )
    else:
        made = trials.start_trial(
            app.db,
            app.registry,
            trials.TrialStart(
                number,
                name=f"try-{version_name(number)}" if ab_test is None else ab_test,
                traffic=share,
                settings=build_settings(
                    load_current_settings(app),
                    auto_ramp=auto_ramp,
                    auto_promote=auto_promote,
                    auto_stop=auto_stop,
                ),
                salt=secrets.token_hex(8),
            ),
            reason=reason,
            by=by,
            override=override,
            now=app.now(),
        )
    emit(view_deployment(made), lambda: texts.of_deployment(made), as_json)


def promote(
    name: Annotated[str, typer.Argument(help="Name of the trial.")],
    reason: Reason = "",
    override: Annotated[
        bool, typer.Option("--override", help="Promote although the trial has not found it better.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Promote the challenger of a trial: it answers everything."""
    app = build_app()
    made = trials.promote(
        app.db,
        app.registry,
        name,
        reason=reason,
        by=local_actor(app.settings),
        override=override,
        now=app.now(),
    )
    emit(view_deployment(made), lambda: texts.of_deployment(made), as_json)


def stop(
    name: Annotated[str, typer.Argument(help="Name of the trial.")],
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Stop a trial: the version that serves answers everything again."""
    app = build_app()
    made = trials.stop_trial(
        app.db, name, reason=reason, by=local_actor(app.settings), now=app.now()
    )
    emit(view_deployment(made), lambda: texts.of_deployment(made), as_json)


def rollback(
    version: Annotated[str | None, typer.Argument(help="By default the previous version.")] = None,
    reason: Reason = "",
    override: Annotated[
        bool,
        typer.Option("--override", help="Even if callers do not send what it reads."),
    ] = False,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Do all steps but the switch, and time each.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Roll back to the previous or an earlier version."""
    app = build_app()
    if rehearse:
        number = None if version is None else parse_version(version)
        done = release.rehearse_rollback(app.db, app.registry, number, timer=time.perf_counter)
        emit(view_rehearsal(done), lambda: texts.of_rehearsal(done), as_json)
        return
    made = release.rollback(
        app.db,
        app.registry,
        None if version is None else parse_version(version),
        reason=reason,
        by=local_actor(app.settings),
        override=override,
        now=app.now(),
    )
    emit(view_deployment(made), lambda: texts.of_deployment(made), as_json)


def history(
    at: Annotated[str | None, typer.Option(help="A time in ISO 8601, in UTC by default.")] = None,
    prediction: Annotated[str | None, typer.Option(help="A prediction's id.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the deployment history; with --at, what served then, by whom and why; with --prediction,
    the provenance of a score."""
    app = build_app()
    if prediction is not None:
        story = load_story(app.db, prediction)
        lines = describe_story(story)
        emit(
            view_story(story),
            lambda: "\n".join(f"{what + ':':24} {value}" for what, value in lines.items()),
            as_json,
        )
        return
    if at is not None:
        served = release.what_served(app.db, parse_time(at))
        emit(
            {"served": None if served is None else view_deployment(served)},
            lambda: "Nothing was deployed." if served is None else texts.of_deployment(served),
            as_json,
        )
        return
    with app.db.read() as conn:
        rows = deployments.load_history(conn)
    emit(
        {"history": [view_deployment(row) for row in rows]},
        lambda: (
            "\n".join(texts.of_deployment(row) for row in reversed(rows))
            or "Nothing was ever deployed."
        ),
        as_json,
    )
