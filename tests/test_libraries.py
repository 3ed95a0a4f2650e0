"""Large libraries are imported by one thread at a time: what two threads import at once, one of
them may see half made."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import HOUSE, IMPORT, ROOT, Module

LARGE = {"mlflow", "onnx", "onnxruntime", "skops", "sqlalchemy", "xgboost"}
"""Those of which parts import each other, so that order matters."""

STARTS = """
import sys, threading
from pathlib import Path
from core.libraries import import_library
from core.registry import Registry
from core.registry.tracking_store import as_unavailable

sys.setswitchinterval(1e-5)
failed = []

def look():
    with as_unavailable("here"):
        pass

threading.excepthook = lambda found: failed.append(repr(found.exc_value))

registry = Registry(Path(sys.argv[1]) / "artifacts", "")
starts = [registry.prepare, look, lambda: import_library("skops.io")]
starts += [lambda: import_library("sqlalchemy.orm"), lambda: import_library("core.training.flow")]
threads = [threading.Thread(target=start) for start in starts]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(*failed)
"""


def find_unguarded(module: Module) -> list[str]:
    """The imports of large libraries in functions that hold no lock."""
    held = {
        id(inner)
        for node in module.nodes
        if isinstance(node, ast.With)
        and any(ast.unparse(item.context_expr) == "IMPORTING" for item in node.items)
        for inner in ast.walk(node)
    }
    return [
        f"{module.path}:{node.lineno}"
        for node in module.nodes
        if isinstance(node, IMPORT) and id(node) in module.in_functions and id(node) not in held
        if LARGE & {name.partition(".")[0] for name in _list_names(node)}
    ]


def _list_names(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [str(node.module)] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]


def test_no_large_library_is_imported_by_two_threads_at_once() -> None:
    assert [place for module in HOUSE for place in find_unguarded(module)] == []


@pytest.mark.slow
def test_whoever_starts_first_finds_every_library_whole(tmp_path: Path) -> None:
    """Without the lock, three of these five fail at every start."""
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STARTS, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert found.stdout.strip() == ""
