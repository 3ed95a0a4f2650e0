"""The verbs that start other programs: all parts together, or one alone."""

import os

import typer

from core import up as parts
from core.bootstrap import build_app
from core.cli.output import say


def add_verbs(cli: typer.Typer) -> None:
    """Add up, dashboard, api and mlflow."""
    for verb in (up, dashboard, api, mlflow):
        cli.command()(verb)


def up() -> None:
    """Start dashboard, API and worker together; Ctrl-C stops them."""
    app = build_app()
    parts.run_all(app, {**os.environ, **parts.environment(app)}, say)


def dashboard() -> None:
    """Start the dashboard alone, with the scheduler thread."""
    parts.become(build_app(), parts.Component.DASHBOARD, say)


def api() -> None:
    """Start the prediction API alone."""
    parts.become(build_app(), parts.Component.API, say)


def mlflow() -> None:
    """Start MLflow's own pages on the same store."""
    parts.become(build_app(), parts.Component.MLFLOW, say)
