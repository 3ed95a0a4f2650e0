"""The verbs about what serves: deploy, roll back, look back."""

from typing import Annotated

import typer

from core.bootstrap import build_app, local_user
from core.cli import texts
from core.cli.output import AsJson, Reason, emit, parse_time
from core.deployment import release
from core.domain.version import parse_version
from core.errors import InvalidInput
from core.store import deployments
from core.views import view_deployment, view_plan


def add_verbs(cli: typer.Typer) -> None:
    """Add deploy, rollback and history."""
    for verb in (deploy, rollback, history):
        cli.command()(verb)


def deploy(
    version: Annotated[str | None, typer.Argument(help="v3, 3, or heuristic.")] = None,
    reason: Reason = "",
    override: Annotated[
        bool, typer.Option("--override", help="Although its gate refused.")
    ] = False,
    traffic: Annotated[float, typer.Option(help="Percent of the answers.")] = 100,
    status: Annotated[bool, typer.Option("--status", help="Show what serves instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let a version serve, or show what serves."""
    app = build_app()
    if status:
        plan = release.describe_plan(app.db)
        emit(view_plan(plan), lambda: texts.of_plan(plan), as_json)
        return
    if version is None:
        raise InvalidInput("Name the version to deploy, such as v3, or ask for --status.")
    made = release.deploy(
        app.db,
        app.registry,
        parse_version(version),
        reason=reason,
        by=local_user(app.settings),
        override=override,
        now=app.now(),
        traffic=traffic / 100,
    )
    emit(view_deployment(made), lambda: texts.of_deployment(made), as_json)


def rollback(
    version: Annotated[str | None, typer.Argument(help="The one before, unless named.")] = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Let the version before, or an earlier one, serve again."""
    app = build_app()
    made = release.rollback(
        app.db,
        app.registry,
        None if version is None else parse_version(version),
        reason=reason,
        by=local_user(app.settings),
        now=app.now(),
    )
    emit(view_deployment(made), lambda: texts.of_deployment(made), as_json)


def history(
    at: Annotated[str | None, typer.Option(help="A time; ISO 8601, UTC unless it says.")] = None,
    as_json: AsJson = False,
) -> None:
    """The deployment history; with --at, what served at that moment, by whom and why."""
    app = build_app()
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
