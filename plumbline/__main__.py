"""`plumbline VERB` and `python -m plumbline VERB`: the command line from any folder.

The wheel holds the tree (`core`, `ui`, `pages`, `app.py`) inside this package, so that no general
name lands among the installed packages. Code and saved models name `core.*` in both."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def find_tree() -> Path:
    """Return the folder of `core` and `app.py`: this one once installed, else the one above."""
    return HERE if (HERE / "core").is_dir() else HERE.parent


def main() -> None:
    """Run one verb, with the tree on the path of this process and of those that it starts. The
    folder in which it is started is on neither: a `core` that lies there is not ours."""
    tree = str(find_tree())
    sys.path.insert(0, tree)
    rest = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([tree, rest] if rest else [tree])
    os.environ["PYTHONSAFEPATH"] = "1"

    from core.cli.main import main as run_verb

    run_verb()


if __name__ == "__main__":
    main()
