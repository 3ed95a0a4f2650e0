"""The verbs together, and how one ends: 0 done, 1 refused or failed, 2 wrong usage."""

import sys

import typer

from core import log as logs
from core.cli import admin, data, processes, releases, scoring, streaming, training, watching
from core.cli.output import emit, say
from core.errors import Incomplete, OpsError
from core.file_access import keep_private

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Plumbline: an operations dashboard for a quality predictor.",
)
for module in (processes, data, training, releases, scoring, watching, streaming, admin):
    module.add_verbs(cli)


def main() -> None:
    """Run one verb; an error the operator can act on is one sentence, in JSON too where asked."""
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
