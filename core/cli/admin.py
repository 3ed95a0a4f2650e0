"""The verbs about the installation: its state, jobs, API keys and settings."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
import typer

from core.alerts.clock_jumps import describe_jump
from core.bootstrap import build_app, local_actor
from core.cli.output import AsJson, emit
from core.domain.installation import ApiKey, Scope
from core.domain.job import Job
from core.monitoring.retention import describe_retention
from core.serving.keys import create_key, revoke_key, rotate_key
from core.settings import SETTINGS
from core.store.installation import api_keys
from core.store.jobs import jobs
from core.system import SystemStatus, cancel_job, describe_system
from plumbline.program import name_command

_TIME = "%Y-%m-%d %H:%M UTC"

jobs_cli = typer.Typer(invoke_without_command=True, help="List jobs, and stop one.")
keys_cli = typer.Typer(
    no_args_is_help=True,
    help="List the keys of the prediction API; create, rotate or revoke one.",
)


def add_verbs(cli: typer.Typer) -> None:
    """Add status, jobs, keys and settings."""
    cli.add_typer(jobs_cli, name="jobs")
    cli.add_typer(keys_cli, name="keys")
    cli.command()(status)
    cli.command()(settings)


def status(as_json: AsJson = False) -> None:
    """Show the installation: store, tracking, worker, versions and backlog."""
    state = describe_system(build_app())
    emit(state, lambda: _write_system(state), as_json)


@jobs_cli.callback()
def list_jobs(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the newest jobs."""
    if ctx.invoked_subcommand is not None:
        return
    with build_app().db.read() as conn:
        found = jobs.load_jobs(conn, 50)
    emit(
        {"jobs": found},
        lambda: "\n".join(_write_job(job) for job in found) or "No job so far.",
        as_json,
    )


@jobs_cli.command()
def cancel(job_id: int, as_json: AsJson = False) -> None:
    """Stop a job."""
    app = build_app()
    job = cancel_job(app, job_id, by=local_actor(app.settings))
    emit(job, lambda: _write_job(job), as_json)


@keys_cli.command()
def create(
    name: str,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it is for; name each one.")
    ] = None,
    expires_days: Annotated[
        int | None, typer.Option(min=1, max=3_650, help="Days until it expires; never, if unset.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a key; it is shown once and only its hash is kept."""
    app = build_app()
    now, life = app.now(), None if expires_days is None else timedelta(days=expires_days)
    key, secret = create_key(
        app.db,
        name,
        frozenset(scope or ()),
        by=local_actor(app.settings),
        now=now,
        expires_at=None if life is None else now + life,
    )
    _emit_secret(key, secret, as_json)


@keys_cli.command()
def rotate(
    key_id: int,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=720, help="Hours in which the old one works as well.")
    ] = 24,
    as_json: AsJson = False,
) -> None:
    """Replace a key by a new one with its name and scopes; the old one ends after the overlap."""
    app = build_app()
    key, secret = rotate_key(
        app.db,
        key_id,
        overlap=timedelta(hours=overlap_hours),
        by=local_actor(app.settings),
        now=app.now(),
    )
    _emit_secret(key, secret, as_json)


@keys_cli.command(name="list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys, without their secrets."""
    app = build_app()
    with app.db.read() as conn:
        found = api_keys.load_keys(conn)
    emit(
        {"keys": found},
        lambda: (
            "\n".join(_write_key(key, app.now()) for key in found)
            or "No key: the API answers whoever reaches it, which is this machine only."
        ),
        as_json,
    )


@keys_cli.command()
def revoke(key_id: int, as_json: AsJson = False) -> None:
    """Revoke a key."""
    app = build_app()
    revoke_key(app.db, key_id, by=local_actor(app.settings), now=app.now())
    emit({"revoked": key_id}, lambda: f"Key {key_id} is revoked.", as_json)


def settings(as_json: AsJson = False) -> None:
    """List the settings with value, default and meaning; secrets are not shown."""
    shown = _view_settings(build_app().values)
    emit({"settings": shown}, lambda: _write_settings(shown), as_json)


def _view_settings(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Return each setting with its value; of a secret, whether it is set."""
    shown = []
    for setting in SETTINGS:
        value = values.get(setting.variable, setting.default)
        if setting.secret and value:
            value = "(set, not shown)"
        shown.append(
            {
                "variable": setting.variable,
                "value": value,
                "default": setting.default,
                "help": setting.help,
            }
        )
    return shown


def _write_system(state: SystemStatus) -> str:
    """Return the installation in a few lines."""
    worker = f"no worker runs: `{name_command('worker')}`"
    if state.worker_alive and state.worker is not None:
        worker = f"{state.worker.holder} since {state.worker.acquired_at.strftime(_TIME)}"
    lines = [
        f"Serves    {state.champion or 'nothing is deployed'} (revision {state.revision})",
        f"Store     {state.store} (schema {state.schema})",
        f"Disk      {state.disk_free_bytes / 1e9:.1f} GB of {state.disk_total_bytes / 1e9:.1f} GB "
        f"free for {state.home}",
        f"MLflow    {state.tracking}; {state.n_versions_untracked} of {state.n_versions} versions "
        "not recorded yet",
        f"Worker    {worker}",
        f"Jobs      {state.n_jobs_running} running, {state.n_jobs_waiting} waiting",
        f"Log       {describe_retention(state.retention)}",
    ]
    if state.clock_jump is not None:
        lines.append(f"Clock     {describe_jump(state.clock_jump)}")
    lines += [
        f"API       {worker.name} serves {worker.version} ({worker.scorer}), "
        f"{worker.n_requests:,} single rows since {worker.started_at.strftime(_TIME)}"
        for worker in state.api_workers
        if not worker.is_silent(state.at)
    ]
    for source in state.sources:
        lines.append(
            f"Source    {source.name}, last collected {source.started_at.strftime(_TIME)}: "
            f"{source.message or 'not finished'}"
        )
    for task in state.tasks:
        ended = "never" if task.last_finished_at is None else task.last_finished_at.strftime(_TIME)
        lines.append(f"  {task.name:20} {ended}  {task.last_error or task.last_outcome or ''}")
    return "\n".join(lines)


def _write_job(job: Job) -> str:
    """Return a job in one line."""
    return (
        f"{job.id:>4}  {job.kind}  {job.status}  {job.progress:4.0%}  {job.message}  (asked for by "
        f"{job.requested_by}, {job.requested_at.strftime(_TIME)})"
    )


def _emit_secret(key: ApiKey, secret: str, as_json: bool) -> None:
    """Print a new key with its text, the only time."""
    emit(
        {**msgspec.to_builtins(key), "key": secret},
        lambda: f"{secret}\nThis is shown once: keep it now.",
        as_json,
    )


def _write_key(key: ApiKey, now: datetime) -> str:
    """Return a key in one line, without its secret."""
    used = "never used" if key.used_at is None else f"used {key.used_at.strftime(_TIME)}"
    return (
        f"{key.id:>4}  {key.prefix}...  {key.name}  {', '.join(sorted(key.scopes))}  "
        f"{key.describe_state(now)}, {used}"
    )


def _write_settings(shown: Sequence[Mapping[str, str]]) -> str:
    """Return each setting with its value and meaning."""
    return "\n".join(f"{row['variable']}={row['value']}\n    {row['help']}" for row in shown)
