"""The verbs about people: what they did, what waits for a second person, and their logins."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from core import text
from core.audit.approvals import decide
from core.audit.export import export_audit
from core.audit.verify import Verification, describe_verification, verify_audit
from core.bootstrap import build_app, local_actor
from core.cli.output import AsJson, Reason, emit
from core.domain.actor import Approval, ApprovalState, AuditEntry
from core.domain.installation import Session
from core.login.sessions import end_all_sessions, end_session, list_live
from core.store.installation import approvals, audit, sessions

_TIME = "%Y-%m-%d %H:%M UTC"

audit_cli = typer.Typer(
    no_args_is_help=True, help="List who changed what, verify that nothing was altered, export it."
)
approvals_cli = typer.Typer(
    no_args_is_help=True, help="List what waits for a second person, approve or decline it."
)
sessions_cli = typer.Typer(no_args_is_help=True, help="List the logins that live, or end some.")


def add_verbs(cli: typer.Typer) -> None:
    """Add audit, approvals and sessions."""
    cli.add_typer(audit_cli, name="audit")
    cli.add_typer(approvals_cli, name="approvals")
    cli.add_typer(sessions_cli, name="sessions")


@audit_cli.command(name="list")
def list_entries(
    search: Annotated[
        str, typer.Option(help="Only entries with this in who, what, which or why.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the newest audit entries."""
    with build_app().db.read() as conn:
        found = audit.search_entries(conn, search, limit=limit)
    emit(
        {"entries": found},
        lambda: "\n".join(_write_entry(entry) for entry in found) or "No entry.",
        as_json,
    )


@audit_cli.command()
def verify(
    expect: Annotated[
        str, typer.Option(metavar="HASH", help="An end of the chain that was kept.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Verify that no entry, and no row that one tells of, was changed past the program."""
    found = verify_audit(build_app().db, expect)
    emit(found, lambda: _write_verification(found), as_json)
    if found.findings:
        raise typer.Exit(1)


@audit_cli.command()
def export(path: Path, as_json: AsJson = False) -> None:
    """Write all entries as JSON lines into a new file that only you can read."""
    n_entries = export_audit(build_app().db, path)
    emit(
        {"path": str(path), "n_entries": n_entries},
        lambda: f"{n_entries:,} entries are in {path}.",
        as_json,
    )


@approvals_cli.command(name="list")
def list_approvals(as_json: AsJson = False) -> None:
    """List the newest requests."""
    app = build_app()
    with app.db.read() as conn:
        found = approvals.load_newest(conn)
    emit(
        {"approvals": found},
        lambda: "\n".join(_write_approval(one, app.now()) for one in found) or "No request so far.",
        as_json,
    )


@approvals_cli.command()
def approve(number: int, reason: Reason = "", as_json: AsJson = False) -> None:
    """Approve a request; who asked then does the same again within 24 hours."""
    _decide(number, ApprovalState.APPROVED, reason, as_json)


@approvals_cli.command()
def decline(number: int, reason: Reason, as_json: AsJson = False) -> None:
    """Decline a request."""
    _decide(number, ApprovalState.DECLINED, reason, as_json)


@sessions_cli.command(name="list")
def list_sessions(as_json: AsJson = False) -> None:
    """List the logins that live."""
    app = build_app()
    with app.db.read() as conn:
        found = list_live(sessions.load_sessions(conn), app.settings, app.now())
    emit(
        {"sessions": found},
        lambda: "\n".join(map(_write_session, found)) or "Nobody is logged in.",
        as_json,
    )


@sessions_cli.command()
def end(
    session_id: Annotated[int | None, typer.Argument(help="The number of a login.")] = None,
    email: Annotated[str | None, typer.Option(help="End all logins of this person.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="End all logins.")] = False,
    as_json: AsJson = False,
) -> None:
    """End a login, all of a person, or all; the dashboard knows within two seconds."""
    if (session_id is not None) + (email is not None) + everybody != 1:
        raise typer.BadParameter("Name one: the number of a login, --email ADDRESS, or --all.")
    app = build_app()
    by = local_actor(app.settings)
    if session_id is None:
        n_ended = end_all_sessions(app.db, email, by=by, now=app.now())
        whose = f" of {email}" if email else ""
        emit(
            {"n_ended": n_ended, "email": email},
            lambda: f"{text.count(n_ended, 'login')}{whose} ended.",
            as_json,
        )
        return
    ended = end_session(app.db, session_id, by=by, now=app.now())
    emit(
        {"ended": session_id, "email": ended.email},
        lambda: f"Login {session_id} of {ended.email} has ended.",
        as_json,
    )


def _decide(number: int, state: ApprovalState, reason: str, as_json: bool) -> None:
    app = build_app()
    by = local_actor(app.settings)
    done = decide(app.db, number, state, by=by, now=app.now(), reason=reason)
    emit(done, lambda: _write_approval(done, app.now()), as_json)


def _write_entry(entry: AuditEntry) -> str:
    """Return an entry in one line."""
    why = f": {entry.reason}" if entry.reason else ""
    place = f", {entry.place}" if entry.place else ""
    return (
        f"{entry.id:>6}  {entry.at.strftime(_TIME)}  {entry.outcome:7}  {entry.act}  "
        f"{entry.target}  (by {entry.by}, {entry.role}, {entry.via}{place}){why}"
    )


def _write_verification(found: Verification) -> str:
    """Return the result and its findings in lines."""
    lines = [describe_verification(found), *(f"- {finding}" for finding in found.findings)]
    if found.end:
        lines.append(f"The chain ends with {found.end}: keep it elsewhere.")
    return "\n".join(lines)


def _write_approval(approval: Approval, now: datetime) -> str:
    """Return a request in one line."""
    good = approval.state is not ApprovalState.WAITING or approvals.is_good(approval, now)
    state = approval.state.value if good else "too old"
    decided = f", decided by {approval.decided_by}" if approval.decided_by else ""
    return (
        f"{approval.id:>4}  {state:8}  {approval.act}  {approval.target}  (asked for by "
        f"{approval.asked_by}, {approval.asked_at.strftime(_TIME)}{decided}): {approval.reason}"
    )


def _write_session(session: Session) -> str:
    """Return a login in one line."""
    return (
        f"{session.id:>4}  {session.email}  from {session.place}, since "
        f"{session.started_at.strftime(_TIME)}, seen {session.seen_at.strftime(_TIME)}"
    )
