"""The verbs about the installation's own affairs: jobs, API keys, settings."""

from typing import Annotated

import msgspec
import typer

from core.bootstrap import build_app, local_user
from core.cli import texts
from core.cli.output import AsJson, emit
from core.domain.installation import Scope
from core.serving.keys import create_key
from core.store.installation import api_keys
from core.store.jobs import jobs
from core.views import view_settings

jobs_cli = typer.Typer(invoke_without_command=True, help="Jobs, and stopping one.")
keys_cli = typer.Typer(no_args_is_help=True, help="Keys of the prediction API.")


def add_verbs(cli: typer.Typer) -> None:
    """Add jobs, keys and settings."""
    cli.add_typer(jobs_cli, name="jobs")
    cli.add_typer(keys_cli, name="keys")
    cli.command()(settings)


@jobs_cli.callback()
def list_jobs(ctx: typer.Context, as_json: AsJson = False) -> None:
    """The newest jobs, newest first."""
    if ctx.invoked_subcommand is not None:
        return
    with build_app().db.read() as conn:
        found = jobs.load_jobs(conn, 50)
    emit(
        {"jobs": found},
        lambda: "\n".join(texts.of_job(job) for job in found) or "No job so far.",
        as_json,
    )


@jobs_cli.command()
def cancel(job_id: int, as_json: AsJson = False) -> None:
    """Ask a job to stop."""
    app = build_app()
    with app.db.write() as conn:
        job = jobs.request_cancel(conn, job_id, local_user(app.settings), app.now())
    emit(job, lambda: texts.of_job(job), as_json)


@keys_cli.command()
def create(
    name: str,
    scope: Annotated[list[Scope] | None, typer.Option(help="All, unless named.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key; it is shown once and only its hash is kept."""
    app = build_app()
    scopes = frozenset(scope or Scope)
    key, secret = create_key(app.db, name, scopes, by=local_user(app.settings), now=app.now())
    emit(
        {**msgspec.to_builtins(key), "key": secret},
        lambda: f"{secret}\nThis is shown once: keep it now.",
        as_json,
    )


@keys_cli.command(name="list")
def list_keys(as_json: AsJson = False) -> None:
    """The keys, without their secrets."""
    with build_app().db.read() as conn:
        found = api_keys.load_keys(conn)
    emit(
        {"keys": found},
        lambda: (
            "\n".join(texts.of_key(key) for key in found)
            or "No key: the API answers whoever reaches it, which is this machine only."
        ),
        as_json,
    )


@keys_cli.command()
def revoke(key_id: int, as_json: AsJson = False) -> None:
    """End a key's life."""
    app = build_app()
    with app.db.write() as conn:
        api_keys.revoke_key(conn, key_id, local_user(app.settings), app.now())
    emit({"revoked": key_id}, lambda: f"Key {key_id} is revoked.", as_json)


def settings(as_json: AsJson = False) -> None:
    """Every setting with its value, default and meaning; secrets are not shown."""
    shown = view_settings(build_app().values)
    emit({"settings": shown}, lambda: texts.of_settings(shown), as_json)
