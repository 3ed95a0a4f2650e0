"""A job with its progress, its log and a stop button, read from its row, so that a reload shows the
same."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from core import text
from core.bootstrap import App
from core.domain.actor import JOB_ACTS, Act
from core.domain.job import FINAL, SCHEDULER, Job, JobStatus, continue_search
from core.store.jobs import jobs, schedule
from core.system import cancel_job, request_job
from plumbline.program import name_command
from ui import st
from ui.common import actions, context, tables
from ui.markup import Markdown, badge, code

_LOOKS = {
    JobStatus.QUEUED: ("Waiting", ":material/schedule:", "gray"),
    JobStatus.RUNNING: ("Running", ":material/play_circle:", "blue"),
    JobStatus.DONE: ("Done", ":material/check_circle:", "green"),
    JobStatus.FAILED: ("Failed", ":material/error:", "red"),
    JobStatus.CANCELLED: ("Cancelled", ":material/block:", "gray"),
    JobStatus.LOST: ("Lost", ":material/heart_broken:", "red"),
}
_KINDS = {
    "import": "Import",
    "demo": "Demo data",
    "collect": "Collection",
    "train": "Training",
    "preview": "Preview of retraining",
    "replay": "Replay",
    "reproduce": "Reproduction",
    "predict": "Scores for a file",
}
_TAIL = 30


def show_job(app: App, job_id: int) -> Job:
    """Show a job with its progress, log and stop button, live until it ends; return it."""
    with app.db.read() as conn:
        job = jobs.get_job(conn, job_id)
    if job.status in FINAL:
        _draw(app, job)
    else:
        st.fragment(_draw_live, run_every=1.0)(app, job_id)
    return job


def show_jobs(found: Sequence[Job], now: datetime) -> None:
    """Show jobs as a table, in their order."""
    tables.show(
        [
            {
                "job": job.id,
                "kind": _KINDS.get(job.kind, job.kind),
                "status": _LOOKS[job.status][0],
                "progress": job.progress * 100,
                "requested (UTC)": job.requested_at,
                "took": text.NOTHING if job.started_at is None else text.duration(_took(job, now)),
                "by": job.requested_by,
                "why": job.reason,
                "message": job.error or job.message,
            }
            for job in found
        ],
        key="jobs_table",
        alt="Jobs, newest first, with status, progress, who asked for them and why",
        columns={
            "job": tables.whole(),
            "progress": st.column_config.ProgressColumn(format="%d %%", min_value=0, max_value=100),
            "requested (UTC)": tables.time(),
            "message": tables.wide(),
        },
    )


def open_jobs(found: Sequence[Job]) -> list[Job]:
    """Return the jobs that wait or run."""
    return [job for job in found if job.status not in FINAL]


def describe(job: Job) -> str:
    """Return a job's kind and number, such as 'Training (job 3)'."""
    return f"{_KINDS.get(job.kind, job.kind)} (job {job.id})"


def _draw_live(app: App, job_id: int) -> None:
    with app.db.read() as conn:
        job = jobs.get_job(conn, job_id)
    if job.status in FINAL:
        st.rerun()
    _draw(app, job)


def _draw(app: App, job: Job) -> None:
    now = app.now()
    with app.db.read() as conn:
        lines = jobs.load_lines(conn, job.id, _TAIL)
        lease = schedule.find_lease(conn, SCHEDULER)
    word, icon, color = _LOOKS[job.status]
    with st.container(border=True):
        st.markdown(
            Markdown("{} **{}**  \n:gray[{}]").format(
                badge(word, icon, color), describe(job), _story(job, now)
            )
        )
        if job.status is JobStatus.RUNNING:
            st.progress(
                min(max(job.progress, 0.0), 1.0), text=f"{job.progress * 100:.0f} % · {job.message}"
            )
        elif job.error or job.result:
            st.markdown(job.error or _describe_result(job))
        if job.status is JobStatus.QUEUED and (lease is None or not lease.is_live(now)):
            st.warning(
                Markdown("No worker is running, so this waits: start one with {}.").format(
                    code(name_command("worker"))
                ),
                icon=":material/hourglass_disabled:",
            )
        if lines:
            with st.expander("Log", key=f"log_{job.id}", icon=":material/subject:"):
                st.code(
                    [f"{at:%H:%M:%S}  {line}" for at, line in lines],
                    height=220 if len(lines) > 8 else "content",
                )
        if job.status is JobStatus.CANCELLED and "best" in (job.result or {}):
            actions.button(
                "Train with the best found",
                lambda: _continue(app, job),
                key=f"continue_{job.id}",
                act=JOB_ACTS[job.kind],
                icon=":material/play_arrow:",
            )
        if job.cancel_requested_by and job.status not in FINAL:
            st.caption(f"{job.cancel_requested_by} asked it to stop; it ends at its next step.")
        elif job.status not in FINAL:
            actions.button(
                "Cancel",
                lambda: _cancel(app, job.id),
                key=f"cancel_{job.id}",
                act=Act.CANCEL,
                icon=":material/stop:",
            )


def _describe_result(job: Job) -> str:
    found = job.result or {}
    if "replay" in found or job.kind == "preview":
        return str(found["summary"])
    if "summary" in found:
        return Markdown("**{}**: {}").format(found["version"], found["summary"])
    if isinstance(sources := found.get("sources"), list):
        return Markdown("  \n").join(f"{one['name']}: {one['message']}" for one in sources)
    if job.kind == "predict" and found:
        return Markdown("**{:,} rows** scored by {} into {}.").format(
            found["n_rows"], found["version"], found["out"]
        )
    if "n_new" in found:
        new = Markdown("**{:,} new rows** of {:,}").format(found["n_new"], found["n_received"])
        parts = [new, *(f"{found[f'n_{name}']:,} {name}" for name in ("duplicate", "rejected"))]
        best = found.get("best_mae")
        known = f". No model can have a lower MAE than {best:.2f} points on them" if best else ""
        return Markdown(", ").join(parts) + known + "."
    return ""


def _cancel(app: App, job_id: int) -> str:
    job = cancel_job(app, job_id, by=context.get_actor())
    return f"{describe(job)} was asked to stop."


def _continue(app: App, job: Job) -> str:
    args = continue_search(job, job.args)
    reason = f"with the best that job {job.id} found"
    asked = request_job(app, job.kind, args, by=context.get_actor(), reason=reason)
    return f"{describe(asked)} was requested; it skips the search."


def _story(job: Job, now: datetime) -> str:
    asked = f"Requested {text.moment_ago(job.requested_at, now)} by {job.requested_by}"
    why = f": {job.reason}" if job.reason else ""
    if job.started_at is None:
        return f"{asked}{why}"
    verb = "took" if job.finished_at else "running for"
    return f"{asked}{why} · {verb} {text.duration(_took(job, now))}"


def _took(job: Job, now: datetime) -> float:
    end = job.finished_at or now
    return max((end - (job.started_at or end)) / timedelta(seconds=1), 0.0)
