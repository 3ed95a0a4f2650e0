"""The installation on the screen: store, disk, tracking, worker and scheduled tasks."""

from core import text
from core.alerts.clock_jumps import describe_jump
from core.monitoring.retention import describe_retention
from core.system import SystemStatus
from plumbline.program import name_command
from ui import st
from ui.common import metric_cards, tables
from ui.markup import Markdown, code


def show(state: SystemStatus) -> None:
    """Show the state of each part of the installation."""
    with metric_cards.row(across=5):
        metric_cards.show("Store", _kind(state.store), f"schema {state.schema}", state.store)
        metric_cards.show(
            "Disk",
            f"{text.size(state.disk_free_bytes)} free",
            f"of {text.size(state.disk_total_bytes)}",
            f"Where the home folder is: {state.home}",
        )
        metric_cards.show(
            "MLflow tracking",
            _kind(state.tracking),
            _describe_untracked(state.n_versions_untracked),
            state.tracking,
        )
        metric_cards.show(
            "Worker",
            "Running" if state.worker_alive else "Not running",
            _holder(state),
            "The process that runs jobs and scheduled tasks: the holder of the lease.",
        )
        metric_cards.show(
            "Jobs",
            f"{state.n_jobs_running} running",
            f"{state.n_jobs_waiting} waiting",
        )
    st.caption(Markdown(":material/auto_delete: {}").format(describe_retention(state.retention)))
    if state.clock_jump is not None:
        st.warning(describe_jump(state.clock_jump), icon=":material/schedule:")
    if not state.worker_alive:
        st.warning(
            Markdown(
                "No worker is running: nothing is measured, no incident opens, and jobs wait. "
                "Start one with {}."
            ).format(code(name_command("worker"))),
            icon=":material/visibility_off:",
        )


def show_tasks(state: SystemStatus) -> None:
    """Show the scheduled tasks with their last run, its outcome and the next run."""
    if not state.tasks:
        st.caption("No task has run yet: the worker schedules them when it starts.")
        return
    tables.show(
        [
            {
                "task": task.name.replace("_", " "),
                "every": text.duration(task.every_seconds),
                "last run (UTC)": task.last_started_at,
                "outcome": "failed" if task.last_error else ("ok" if task.last_outcome else ""),
                "result": task.last_error or task.last_outcome or text.NOTHING,
                "next run (UTC)": task.next_run_at,
            }
            for task in state.tasks
        ],
        key="tasks",
        limit=len(state.tasks),
        alt="Scheduled tasks with their last and next runs and how the last one ended",
        columns={
            "last run (UTC)": tables.time(),
            "next run (UTC)": tables.time(),
            "result": tables.wide(),
        },
    )


def _kind(address: str) -> str:
    for start, name in (
        ("sqlite", "SQLite"),
        ("postgresql", "PostgreSQL"),
        ("http", "Server"),
    ):
        if address.startswith(start):
            return name
    return address.partition(":")[0]


def _describe_untracked(n_versions: int) -> str:
    if not n_versions:
        return "every version is logged"
    return f"{text.count(n_versions, 'version')} not logged yet"


def _holder(state: SystemStatus) -> str:
    if state.worker is None:
        return "never started"
    role, host, pid = state.worker.holder.rsplit(":", 3)[:3]
    age = text.ago(state.worker.acquired_at, state.at)
    if state.worker_alive:
        return f"{role} on {host}, process {pid}, took over {age}"
    return f"last: {role} on {host}, lease ended {text.ago(state.worker.expires_at, state.at)}"
