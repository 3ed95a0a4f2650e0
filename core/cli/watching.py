"""The verbs about health, incidents and retraining."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any

import msgspec
import typer

from core.alerts import incidents as alerts
from core.alerts.maintenance import announce, end_maintenance
from core.alerts.threshold_backtest import describe_rehearsal
from core.bootstrap import App, build_app, local_actor
from core.cli import texts
from core.cli.output import AsJson, Reason, emit, say, say_progress
from core.domain.deployment import RetrainingDecision
from core.errors import Conflict
from core.jobs.runner import do_job, finish_job
from core.monitoring.summary import build_json
from core.store.jobs import jobs
from core.store.monitoring import incidents
from core.watching import (
    PREVIEW,
    describe_app_health,
    describe_app_retraining,
    find_app_preview,
    rehearse_app_setting,
    start_app_retraining,
    try_app_channels,
)

incidents_cli = typer.Typer(invoke_without_command=True, help="List incidents, and act on one.")


def add_verbs(cli: typer.Typer) -> None:
    """Add monitor, retrain and incidents."""
    for verb in (monitor, retrain):
        cli.command()(verb)
    cli.add_typer(incidents_cli, name="incidents")


def monitor(as_json: AsJson = False) -> None:
    """Show health with its reasons, the figures of the window, and the open incidents."""
    summary = describe_app_health(build_app())
    emit(build_json(summary), lambda: texts.of_health(summary), as_json)


@incidents_cli.callback()
def list_incidents(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the incidents, newest first."""
    if ctx.invoked_subcommand is not None:
        return
    with build_app().db.read() as conn:
        found = incidents.load_incidents(conn, 50)
    emit(
        {"incidents": found},
        lambda: (
            "\n".join(texts.of_incident(incident) for incident in found) or "No incident so far."
        ),
        as_json,
    )


@incidents_cli.command()
def ack(incident_id: int, reason: Reason = "", as_json: AsJson = False) -> None:
    """Acknowledge an incident: somebody is on it."""
    _act(alerts.acknowledge, incident_id, reason, as_json)


@incidents_cli.command()
def resolve(incident_id: int, reason: Reason = "", as_json: AsJson = False) -> None:
    """Resolve an incident by hand."""
    _act(alerts.resolve, incident_id, reason, as_json)


@incidents_cli.command()
def snooze(
    incident_id: int,
    hours: Annotated[float, typer.Option(help="Duration in hours.")] = 1.0,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Send no messages about an incident for a while."""
    _act(alerts.snooze, incident_id, reason, as_json, duration=timedelta(hours=hours))


@incidents_cli.command()
def judge(
    incident_id: int,
    real: Annotated[
        bool, typer.Option("--real/--noise", help="A real incident, or a false alarm.")
    ],
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Mark an incident as real or as noise; the last mark counts."""
    _act(alerts.judge, incident_id, reason, as_json, real=real)


@incidents_cli.command("test")
def send_test_messages(as_json: AsJson = False) -> None:
    """Send a message to every channel, and print the receipts."""
    app = build_app()
    receipts = try_app_channels(app, local_actor(app.settings))
    emit({"receipts": receipts}, lambda: texts.of_receipts(receipts), as_json)
    if any(receipt.error for receipt in receipts):
        raise typer.Exit(1)


@incidents_cli.command("rehearse")
def rehearse_setting(setting: str, value: str, as_json: AsJson = False) -> None:
    """List the incidents that a threshold would have opened in the last 7 days; change nothing."""
    found = rehearse_app_setting(build_app(), setting, value)
    emit(found, lambda: describe_rehearsal(found, value), as_json)


@incidents_cli.command()
def maintenance(
    hours: Annotated[float, typer.Option(help="Duration in hours, from now.")] = 1.0,
    reason: Reason = "",
    end: Annotated[bool, typer.Option("--end", help="End the announced maintenance.")] = False,
    as_json: AsJson = False,
) -> None:
    """Announce maintenance: until it ends, incidents are recorded and no messages are sent."""
    app = build_app()
    by = local_actor(app.settings)
    if end:
        window = end_maintenance(app.db, by=by, reason=reason, now=app.now())
    else:
        duration = timedelta(hours=hours)
        window = announce(app.db, duration=duration, by=by, reason=reason, now=app.now())
    emit(window, lambda: texts.of_maintenance(window), as_json)


def retrain(
    check: Annotated[bool, typer.Option("--check", help="Only decide, and say why.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Train in any case.")] = False,
    deploy: Annotated[
        bool,
        typer.Option("--deploy", help="Deploy a version that passes its gate, or start its trial."),
    ] = False,
    preview: Annotated[
        bool,
        typer.Option("--preview", help="Only estimate whether it would help; keep no version."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train again if it is due, or with --force in any case."""
    app = build_app()
    by = local_actor(app.settings)
    if preview:
        do_job(app, PREVIEW, {}, "retrain --preview", on_progress=say_progress)
    decision = describe_app_retraining(app, by.name)
    result = None
    if force or (decision.retrain and not check and not preview):
        reason = f"forced by {by}" if force else " ".join(decision.reasons)
        decision = start_app_retraining(app, by=by, reason=reason, deploys=deploy)
        result = _train(app, decision)
    previewed = find_app_preview(app)
    found = {} if previewed is None else dict(previewed.result or {})
    emit(
        {
            **msgspec.to_builtins(decision),
            "training": result,
            "preview": None if previewed is None else {"at": previewed.finished_at, **found},
        },
        lambda: texts.of_retraining(decision, result, previewed),
        as_json,
    )


def _train(app: App, decision: RetrainingDecision) -> Mapping[str, Any] | None:
    """Train in this process and return the result; None if a worker was faster."""
    assert decision.job_id is not None
    try:
        with app.db.write() as conn:
            job = jobs.claim_job(conn, decision.job_id, app.now())
    except Conflict:
        say(f"The worker has started job {decision.job_id}; `jobs` shows its progress.")
        return None
    return finish_job(app, job, say_progress).result


def _act(
    act: Callable[..., Any], incident_id: int, reason: str, as_json: bool, **more: object
) -> None:
    app = build_app()
    act(app.db, incident_id, by=local_actor(app.settings), reason=reason, now=app.now(), **more)
    with app.db.read() as conn:
        incident = incidents.get_incident(conn, incident_id)
    emit(incident, lambda: texts.of_incident(incident), as_json)
