"""The reference that is written by the program itself: its commands and its settings.

Run as `python -m docs.generate` it writes docs/reference/cli.md and docs/reference/settings.md."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from core.cli.main import VERBS, cli
from core.settings import SETTINGS, Setting

REFERENCE = Path(__file__).resolve().parent / "reference"

_CLI = """# Commands

Written by `python -m docs.generate`; change the commands in `core/cli/` instead.

`plumbline VERB` where it is installed and `python -m core VERB` in a checkout are the same program.
Every verb but those that start a process takes `--json`, which writes one object to stdout. The
exit code is 0 for done, 1 for refused or failed with one sentence that says why, 2 for wrong usage.
[Commands by task](../how-to/commands.md) says which to use when.
"""

_SETTINGS = """# Settings

Written by `python -m docs.generate`; change the rows of `SETTINGS` in `core/settings.py` instead.

Settings are environment variables. A `.env` file in the folder where Plumbline is started is read
too; secrets may stand in `.streamlit/secrets.toml` there, or in a file named by `NAME_FILE`. A bad
value stops the start with its name and what would be right. Those with *page* in the last column
can also be changed on the *System* page, with a reason that is kept.
"""


def build_reference() -> dict[Path, str]:
    """Return the text of each generated page by its path."""
    root = typer.main.get_command(cli)
    verbs = "\n".join(f"| [`{n}`](#{n}) | {_escape(v.help)} |" for n, v in VERBS.items() if v.help)
    commands = "\n".join(_write_command(name, command) for name, command in list_commands(root))
    rows = "\n".join(write_row(setting) for setting in SETTINGS)
    table = f"| variable | default | meaning | where |\n|---|---|---|---|\n{rows}\n"
    return {
        REFERENCE / "cli.md": f"{_CLI}\n| command | does |\n|---|---|\n{verbs}\n\n{commands}",
        REFERENCE / "settings.md": f"{_SETTINGS}\n{table}",
    }


def list_commands(command: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every visible command with its whole name, such as `jobs cancel`."""
    for name, nested in getattr(command, "commands", {}).items():
        if not nested.hidden:
            yield before + name, nested
            yield from list_commands(nested, f"{before}{name} ")


def write_row(setting: Setting) -> str:
    """Return one row of the settings table."""
    default = f"`{setting.default}`" if setting.default else ""
    where = "page" if setting.runtime else ""
    cells = [f"`{setting.variable}`", default, _escape(setting.help), where]
    return "| " + " | ".join(cells) + " |"


def _write_command(name: str, command: Any) -> str:
    shown = [p for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]
    usage = " ".join(["plumbline", name, *(_write_usage(p) for p in shown)])
    parts = [f"## {name}", textwrap.fill(_join(command.help), 100), f"```text\n{_wrap(usage)}\n```"]
    explained = [p for p in shown if getattr(p, "help", None) or p.param_type_name == "option"]
    if rows := [_write_parameter(p) for p in explained if p.name != "as_json"]:
        parts.append("\n".join(["| option | meaning | default |", "|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _write_usage(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = parameter.name.upper()
        return name if parameter.required else f"[{name}]"
    text = parameter.opts[0] + ("" if parameter.is_flag else f" {_name_value(parameter)}")
    return text if parameter.required else f"[{text}]"


def _write_parameter(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = f"`{parameter.name.upper()}`"
    else:
        name = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    default = parameter.default
    plain = isinstance(default, str | int | float) and not isinstance(default, bool)
    shown = f"`{default}`" if plain and default != "" else ""
    needed = "needed" if parameter.required else shown
    return f"| {name} | {_escape(_join(getattr(parameter, 'help', '')))} | {needed} |"


def _name_value(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


def _join(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip()


def _wrap(usage: str, width: int = 96) -> str:
    """Return the usage in lines, broken only between its parts."""
    lines = [""]
    for part in re.findall(r"\[[^\]]*\]|\S+", usage):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("   ")
        lines[-1] = f"{lines[-1]} {part}" if lines[-1] else part
    return "\n".join(lines)


def main() -> None:
    """Write the pages."""
    REFERENCE.mkdir(exist_ok=True)
    for path, text in build_reference().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
