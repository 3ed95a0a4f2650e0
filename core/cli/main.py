"""All verbs, and their exit codes: 0 done, 1 refused or failed, 2 wrong usage."""

import sys
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_group

from core import log as logs
from core.cli.output import emit, say
from core.errors import Incomplete, OpsError
from core.file_access import keep_private
from plumbline.program import describe_program


class Verb(NamedTuple):
    """The module of `core.cli` that adds a verb, and the first sentence of its help; a verb
    without one is hidden."""

    module: str
    help: str


VERBS = {
    "up": Verb("processes", "Start dashboard, API and worker together; Ctrl-C stops them."),
    "dashboard": Verb("processes", "Start the dashboard alone, with the scheduler thread."),
    "api": Verb("processes", "Start the prediction API alone."),
    "worker": Verb("work", "Start the worker alone: scheduled tasks and jobs."),
    "mlflow": Verb("processes", "Start MLflow's own pages on the same store."),
    "run-job": Verb("work", ""),
    "collect": Verb("data", "Collect labelled rows."),
    "demo": Verb("data", "Add synthetic rows, marked as such everywhere."),
    "data": Verb("data", "Show the rows by source and provenance, and the newest quality report."),
    "trace": Verb(
        "data",
        "List the snapshots and versions that used a row (by its id) or the rows of a group; "
        "with --prediction, the training rows nearest to an answer.",
    ),
    "erase": Verb(
        "data",
        "Delete a person's rows, by an id or a group, from the store and from every snapshot.",
    ),
    "train": Verb(
        "training",
        "Train, evaluate, gate and register a version; training never deploys.",
    ),
    "iterate": Verb(
        "training",
        "Collect new rows, train on them, compare with the version that serves, and report; "
        "deploy nothing.",
    ),
    "reproduce": Verb(
        "training",
        "Train a version again from its snapshot, and compare the figures.",
    ),
    "explain": Verb(
        "training",
        "Show the points that each column added to the score of a logged prediction.",
    ),
    "note": Verb("training", "Add notes and tags to a version, and list them."),
    "versions": Verb("training", "List versions, or sign one."),
    "runs": Verb("training", "List the newest MLflow runs."),
    "replay": Verb(
        "releases",
        "Score the recorded requests of the last days with a version, before it serves.",
    ),
    "deploy": Verb("releases", "Deploy a version, start a trial of it, or show what serves."),
    "promote": Verb("releases", "Promote the challenger of a trial: it answers everything."),
    "stop": Verb("releases", "Stop a trial: the version that serves answers everything again."),
    "rollback": Verb("releases", "Roll back to the previous or an earlier version."),
    "policies": Verb(
        "decisions",
        "List the policies that pick and redo, set one, or put one in force again.",
    ),
    "decisions": Verb(
        "decisions", "List the newest decisions, each with the probability that it had."
    ),
    "history": Verb(
        "releases",
        "Show the deployment history; with --at, what served then, by whom and why; with "
        "--prediction, the provenance of a score.",
    ),
    "predict": Verb(
        "files",
        "Score every row of a CSV, JSON, JSONL, Parquet or spreadsheet file; write its columns, "
        "then score, low, high, source, reason and version.",
    ),
    "rank": Verb(
        "files",
        "Score the rows of a file as `predict` does, and pick the best of each group; write "
        "rank, picked and probability too.",
    ),
    "stream": Verb(
        "files",
        "Replay a file as live traffic with late labels, in a store of its own; report what "
        "would have happened.",
    ),
    "status": Verb(
        "admin", "Show the installation: store, tracking, worker, versions and backlog."
    ),
    "monitor": Verb(
        "watching",
        "Show health with its reasons, the figures of the window, and the open incidents.",
    ),
    "incidents": Verb("watching", "List incidents, and act on one."),
    "retrain": Verb("watching", "Train again if it is due, or with --force in any case."),
    "jobs": Verb("admin", "List jobs, and stop one."),
    "keys": Verb("admin", "List the keys of the prediction API; create, rotate or revoke one."),
    "audit": Verb("people", "List who changed what, verify that nothing was altered, export it."),
    "approvals": Verb("people", "List what waits for a second person, approve or decline it."),
    "sessions": Verb("people", "List the logins that live, or end some."),
    "settings": Verb(
        "admin",
        "List the settings with value, default and meaning; secrets are not shown.",
    ),
}
"""Every verb. A verb's module, and all that it needs, is imported when the verb is called."""


class LazyCommands(MutableMapping[str, Any]):
    """The commands by their names, each made when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            group = typer.Typer()
            import_module(f"core.cli.{VERBS[name].module}").add_verbs(group)
            self._made |= get_group(group).commands
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)


class _Verbs(TyperGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = LazyCommands()

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.help) for name, verb in VERBS.items() if verb.help])


cli = typer.Typer(
    cls=_Verbs,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # its help costs a third of a second of imports
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(describe_program())
        raise typer.Exit


@cli.callback()
def _plumbline(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print version and commit.",
        ),
    ] = False,
) -> None:
    """Plumbline: an operations dashboard for a quality predictor."""


def main() -> None:
    """Run one verb; print an operator's error as one sentence, and in JSON if asked."""
    keep_private()
    logs.configure()
    try:
        cli()
    except OpsError as error:
        if "--json" in sys.argv:
            done = error.result if isinstance(error, Incomplete) else {}
            emit({"error": str(error), **done}, str, as_json=True)
        say(str(error))
        raise SystemExit(1) from None
