"""The product's modules, parsed once for the tests that read them."""

import ast
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
IMPORT = ast.Import | ast.ImportFrom


@dataclass(frozen=True)
class Module:
    """One parsed file of the product; tests and benchmarks are guests."""

    path: str
    source: str

    @cached_property
    def body(self) -> list[ast.stmt]:
        return ast.parse(self.source, self.path).body

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return [node for statement in self.body for node in ast.walk(statement)]

    @cached_property
    def calls(self) -> list[tuple[str, ast.Call]]:
        """Its calls, with the dotted name of what is called."""
        return [(dotted(node.func), node) for node in self.nodes if isinstance(node, ast.Call)]

    @cached_property
    def in_functions(self) -> set[int]:
        """The ids of the nodes that run only when a function is called."""
        functions = [node for node in self.nodes if isinstance(node, FUNCTION)]
        return {id(node) for function in functions for node in ast.walk(function)}

    @property
    def is_shown(self) -> bool:
        return self.path.startswith(("pages/", "ui/"))


def dotted(node: ast.expr) -> str:
    """`a.b.c` of the expression that says so; what is no name is `?`."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


PATHS = [
    ROOT / "app.py",
    *(p for top in ("core", "ui", "pages") for p in (ROOT / top).rglob("*.py")),
]
HOUSE = [Module(p.relative_to(ROOT).as_posix(), p.read_text("utf-8")) for p in sorted(PATHS)]

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
FLOORS = [
    [f"core.{name.strip()}" for name in layer.split("|") if "(" not in name]
    for layer in _PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
]
"""The packages of the core, from the top down: siblings stand together."""
