"""The rules of the house, each a function over the parsed modules that yields what breaks it."""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# From the ground up. A module imports from its own package and from the floors below; what stands
# on one floor are siblings, and none of them imports another.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("core.safety",),
    ("core.errors", "core.setting_values"),
    ("core.settings", "core.log", "core.parent"),
    ("core.domain", "core.stats", "core.file_access"),
    ("core.store",),
    ("core.artifacts",),
    ("core.registry",),
    ("core.data",),
    ("core.features",),
    ("core.training", "core.deployment", "core.serving"),
    ("core.monitoring",),
    ("core.alerts",),
    ("core.retraining",),
    ("core.bootstrap",),
    ("core.watching",),
    ("core.jobs",),
    ("core.stream", "core.system", "core.views"),
    ("core.web",),
    ("core.api", "core.client", "core.login", "core.up"),
    ("core.cli",),
    ("core.__main__",),
    ("ui",),
    ("pages",),
    ("app",),
)
FLOOR = {package: number for number, packages in enumerate(FLOORS) for package in packages}
BOOTSTRAP = FLOOR["core.bootstrap"]

# The only places that may import a library, so that one file changes when the library does.
OWNERS: dict[str, tuple[str, ...]] = {
    "streamlit": ("app", "ui.st", "ui.common.context", "ui.gate"),  # who is there, before any page
    "plotly": ("ui.common.charts", "ui.experiments.compare_charts"),
    "mlflow": ("core.registry",),
    "sqlalchemy": ("core.store", "core.registry"),  # the registry catches what MLflow lets through
    "psycopg": ("core.store",),
    "supabase": ("core.data.sources.supabase",),
    "postgrest": ("core.data.sources.supabase",),
    "apscheduler": ("core.jobs.scheduler",),
    "apprise": ("core.alerts.channels",),
    "authlib": ("core.login.provider",),
    "joserfc": ("core.login.provider",),
}

# Packages that stand on almost nothing, and what they may import beside the standard library.
PURE: dict[str, frozenset[str]] = {
    "core.domain": frozenset(),
    "core.stats": frozenset({"numpy", "scipy"}),
}

# Seconds of import time each: not before a page's first paint, nor before the API answers.
SLOW = ("mlflow", "sklearn", "skops", "xgboost", "shap", "plotly.express", "onnx", "onnxruntime")
SLOW_AT_THE_API = (*SLOW, "pandas", "streamlit", "matplotlib")
AT_THE_API = (
    "core.api",
    "core.web",
    "core.serving",
    "core.deployment",
    "core.artifacts",
    "core.registry",
    "core.client",
)
ON_A_PAGE = ("app", "pages", "ui")

MARKDOWN_MAKERS = ("ui.st", "ui.markup")
TEMPLATES = ("hovertemplate", "texttemplate")
SHOWN_BY = ("st", "actions", "wording", "log")
SHOWING = frozenset(  # beside progress and write, which other things are called as well
    {
        "badge",
        "button",
        "caption",
        "chat_message",
        "checkbox",
        "code",
        "data_editor",
        "dataframe",
        "datetime_input",
        "dialog",
        "download_button",
        "error",
        "exception",
        "expander",
        "feedback",
        "file_uploader",
        "form_submit_button",
        "header",
        "html",
        "info",
        "json",
        "latex",
        "link_button",
        "markdown",
        "menu_button",
        "metric",
        "multiselect",
        "number_input",
        "page_link",
        "pills",
        "plotly_chart",
        "popover",
        "radio",
        "segmented_control",
        "select_slider",
        "selectbox",
        "slider",
        "spinner",
        "status",
        "subheader",
        "success",
        "table",
        "tabs",
        "text_area",
        "text_input",
        "title",
        "toast",
        "toggle",
        "warning",
        "write_stream",
    }
)
"""What Streamlit shows a text by."""

CATCH_ALLS = ("core.jobs", "core.web")
"""Where a bug is recorded with its traceback: the wrapper of a job, the API's last handler."""

PICKLES = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
VAGUE = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


@dataclass(frozen=True)
class Import:
    """One imported name: `core.store.jobs.jobs` for `from core.store.jobs import jobs`. It is read
    only by the type checker, or when a function is called, or as soon as its module is imported."""

    target: str
    line: int
    at_once: bool


@dataclass(frozen=True)
class Module:
    """One parsed file."""

    path: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its statements."""
        return ast.parse(self.source, self.path)

    @cached_property
    def name(self) -> str:
        """Its dotted name; a package's is that of its `__init__.py`."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def package(self) -> str | None:
        """Its entry in FLOORS, or None."""
        return find_package(self.name)

    @property
    def is_package(self) -> bool:
        """Whether it is an `__init__.py`."""
        return self.path.endswith("__init__.py")

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All of its tree."""
        return list(ast.walk(self.tree))

    @cached_property
    def calls(self) -> list[tuple[str, ast.Call]]:
        """Its calls, with the dotted name of what is called."""
        return [(_dotted(node.func), node) for node in self.nodes if isinstance(node, ast.Call)]

    @cached_property
    def inside_functions(self) -> set[int]:
        """The ids of the nodes that run only when a function is called."""
        functions = (node for node in self.nodes if isinstance(node, _Function))
        return {id(node) for function in functions for node in ast.walk(function)}

    @cached_property
    def imports(self) -> list[Import]:
        """Every absolute import, wherever it stands."""
        types_only = {
            id(node)
            for block in self.tree.body
            if isinstance(block, ast.If) and _dotted(block.test).endswith("TYPE_CHECKING")
            for node in ast.walk(block)
        }
        later = self.inside_functions | types_only
        found = []
        for node in self.nodes:
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [Import(name, _line(node), id(node) not in later) for name in names]
        return found

    @cached_property
    def comments(self) -> dict[int, str]:
        """The comments by line, without those that only speak to a linter."""
        tokens = tokenize.generate_tokens(io.StringIO(self.source).readline)
        found = {t.start[0]: t.string for t in tokens if t.type == tokenize.COMMENT}
        bare = {line: re.sub(r"#\s*(noqa|type: ?ignore)[^#]*", "", c) for line, c in found.items()}
        return {line: comment for line, comment in bare.items() if comment.strip("# ")}

    def at(self, node: ast.AST, text: str) -> str:
        """One finding, as an editor can open it."""
        return f"{self.path}:{_line(node)}: {text}"


House = Sequence[Module]


def read_house() -> House:
    """Every module of the product; tests and benchmarks are guests."""
    paths = [ROOT / "app.py"]
    for folder in ("core", "ui", "pages"):
        paths += sorted((ROOT / folder).rglob("*.py"))
    return [
        Module(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for path in paths
        if path.exists()
    ]


def find_package(name: str) -> str | None:
    """The entry of FLOORS that a dotted name belongs to, or None."""
    parts = name.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in FLOOR), None)


def is_within(name: str, packages: Iterable[str]) -> bool:
    """Whether a dotted name is one of these packages or lies in one."""
    return any(name == package or name.startswith(package + ".") for package in packages)


# --- Floors and imports ---------------------------------------------------------------------


def modules_without_a_floor(house: House) -> Iterator[str]:
    """Modules that FLOORS does not know."""
    for module in house:
        if module.package is None and module.name != "core":
            yield f"{module.path}: {module.name} stands on no floor"


def imports_from_above(house: House) -> Iterator[str]:
    """Imports from a higher floor, or from a sibling."""
    for module in house:
        own = module.package
        for found in module.imports:
            other = find_package(found.target)
            if own is None or other is None or other == own or FLOOR[other] < FLOOR[own]:
                continue
            where = "its sibling" if FLOOR[other] == FLOOR[own] else "the higher floor of"
            yield f"{module.path}:{found.line}: {own} imports {found.target}, from {where} {other}"


def imports_of_a_library_by_another_than_its_owner(house: House) -> Iterator[str]:
    """Libraries that have one owner, imported elsewhere."""
    for module in house:
        for found in module.imports:
            library = found.target.split(".")[0]
            owners = OWNERS.get(library)
            if owners is not None and not is_within(module.name, owners):
                places = ", ".join(owners)
                yield f"{module.path}:{found.line}: {library} is imported; its owner is {places}"


def impure_imports(house: House) -> Iterator[str]:
    """Libraries in the packages that stand on almost nothing."""
    for module in house:
        allowed = PURE.get(module.package or "")
        for found in module.imports:
            library = found.target.split(".")[0]
            known = library == "core" or library in sys.stdlib_module_names
            if allowed is not None and not known and library not in allowed:
                yield f"{module.path}:{found.line}: {module.package} imports {library}"


def relative_imports(house: House) -> Iterator[str]:
    """Imports that say where from only to who knows where they stand."""
    for module in house:
        for node in module.nodes:
            if isinstance(node, ast.ImportFrom) and node.level > 0:
                yield module.at(node, "a relative import")


def hidden_imports(house: House) -> Iterator[str]:
    """Imports inside a function for which no comment says why."""
    for module in house:
        for block in _import_blocks(module):
            lines = range(block[0].lineno - 1, (block[-1].end_lineno or 0) + 1)
            if not any(line in module.comments for line in lines):
                yield module.at(block[0], "an import inside a function, and no comment says why")


def import_cycles(house: House) -> Iterator[str]:
    """Modules that need each other, also by an import inside a function."""
    graph = _graph(house, at_once_only=False)
    for start in graph:
        cycle = _find_path(graph, start, start)
        if cycle is not None and start == min(cycle):
            yield " -> ".join(cycle)


def slow_imports(house: House) -> Iterator[str]:
    """Ways by which a page's first paint or the API's start waits for a heavy library."""
    graph = _graph(house, at_once_only=True)
    outside = {
        module.name: {found.target for found in module.imports if found.at_once} for module in house
    }
    for starts, slow in ((ON_A_PAGE, SLOW), (AT_THE_API, SLOW_AT_THE_API)):
        for end, targets in outside.items():
            heavy = sorted(target for target in targets if is_within(target, slow))
            for start in graph if heavy else ():
                path = [start] if start == end else _find_path(graph, start, end)
                if is_within(start, starts) and path is not None:
                    yield " -> ".join([*path, heavy[0]])


# --- What a module looks like ---------------------------------------------------------------


def packages_with_code(house: House) -> Iterator[str]:
    """`__init__.py` files with anything beside their docstring."""
    for module in house:
        if module.is_package:
            for node in module.tree.body:
                if not _is_docstring(node):
                    yield module.at(node, "code in an __init__.py")


def modules_without_a_sentence(house: House) -> Iterator[str]:
    """Modules that do not begin with a docstring whose first paragraph is a sentence."""
    for module in house:
        text = ast.get_docstring(module.tree)
        if not text:
            yield f"{module.path}:1: no docstring at the top"
        elif not text.split("\n\n")[0].rstrip().endswith("."):
            yield f"{module.path}:1: the docstring's first paragraph is no sentence"


def vague_names(house: House) -> Iterator[str]:
    """Modules whose name says nothing of what they hold."""
    for module in house:
        last = module.name.split(".")[-1]
        if last in VAGUE or last.rsplit("_", 1)[-1] in VAGUE:
            yield f"{module.path}: {last} says nothing of what is in it"


def public_things_without_a_docstring(house: House) -> Iterator[str]:
    """Public functions and classes, and the methods of classes that follow no library's
    contract, which say nothing of themselves."""
    for module in house:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                methods = [] if node.bases else _public_functions(node.body)
                for found in [node, *methods]:
                    if not ast.get_docstring(found):
                        yield module.at(found, f"{found.name} has no docstring")
        for function in _public_functions(module.tree.body):
            if not ast.get_docstring(function):
                yield module.at(function, f"{function.name} has no docstring")


# --- What a module does ---------------------------------------------------------------------


def broad_excepts(house: House) -> Iterator[str]:
    """Handlers that catch bugs too, but for the two that record them. One that only cleans up and
    raises again catches nothing."""
    allowed = set(CATCH_ALLS)
    for module in house:
        for node in module.nodes:
            if isinstance(node, ast.ExceptHandler):
                caught = _last_names(node.type) if node.type else {"everything"}
                again = any(isinstance(s, ast.Raise) and s.exc is None for s in node.body)
            elif isinstance(node, ast.Call) and "suppress" in _last_names(node.func):
                caught = {name for argument in node.args for name in _last_names(argument)}
                again = False
            else:
                continue
            if again or not caught & {"Exception", "BaseException", "everything"}:
                continue
            if module.package in allowed:
                allowed.remove(module.package)
            else:
                yield module.at(node, "catches bugs too")


def naive_times(house: House) -> Iterator[str]:
    """Times without a zone. A line that must make one says so to the linter."""
    for module in house:
        lines = module.source.splitlines()
        for name, call in module.calls:
            excused = "noqa: DTZ" in lines[(call.end_lineno or call.lineno) - 1]
            if _is_naive(name, call) and not excused:
                yield module.at(call, f"{ast.unparse(call)} has no time zone")


def clocks_and_chance(house: House) -> Iterator[str]:
    """Below bootstrap: calls that ask for the time, for chance or for an id of their own, none of
    which a test could hold still."""
    asks = re.compile(
        r"(^|\.)(datetime\.(now|utcnow)|time\.time|uuid[147])$"
        r"|(^|\.)random\.(?!default_rng$|Generator$|SeedSequence$)"
    )
    for module in house:
        if module.package is None or FLOOR[module.package] >= BOOTSTRAP:
            continue
        chance = {f.target.split(".")[1] for f in module.imports if f.target.startswith("random.")}
        for name, call in module.calls:
            unseeded = name.endswith("default_rng") and not (call.args or call.keywords)
            if unseeded or asks.search(name) or name in chance:
                yield module.at(call, f"{name}() is not an argument")


def pickles(house: House) -> Iterator[str]:
    """Anything that could run code which somebody sent."""
    for module in house:
        for found in module.imports:
            if found.target.split(".")[0] in PICKLES:
                yield f"{module.path}:{found.line}: imports {found.target}"
        for node in module.nodes:
            if isinstance(node, ast.Attribute) and node.attr in {"to_pickle", "read_pickle"}:
                yield module.at(node, node.attr)
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                yield module.at(node.value, "allow_pickle")
            if isinstance(node, ast.Constant) and node.value in {"pickle", "cloudpickle"}:
                yield module.at(node, f"names {node.value} as a format")


def prints(house: House) -> Iterator[str]:
    """Text on standard output that is not an answer of a command."""
    for module in house:
        for name, call in module.calls:
            if name in {"print", "pprint", "pprint.pprint"}:
                yield module.at(call, "print")


def sentences_in_the_log(house: House) -> Iterator[str]:
    """Log calls whose event is not a fixed name, or whose fields are put into text."""
    for module in house:
        for name, call in module.calls:
            logger, _, level = name.rpartition(".")
            if level not in LEVELS or logger.lstrip("_") not in {"log", "logger", "logging"}:
                continue
            event = call.args[0] if len(call.args) == 1 else None
            word = event.value if isinstance(event, ast.Constant) else None
            if not (isinstance(word, str) and re.fullmatch(r"[a-z][a-z0-9_]*", word)):
                yield module.at(call, "the event is not one fixed name")
            elif any(isinstance(node, ast.JoinedStr) for node in ast.walk(call)):
                yield module.at(call, "an f-string in a log call")


# --- Pages ----------------------------------------------------------------------------------


def pages_without_the_guard(house: House) -> Iterator[str]:
    """Pages that do something before `context.get_app()` has checked who is there."""
    for module in house:
        if is_within(module.name, ("pages",)) and not module.is_package:
            at_once = [
                (call.lineno, name)
                for name, call in module.calls
                if id(call) not in module.inside_functions
            ]
            if not at_once or min(at_once)[1] != "context.get_app":
                yield f"{module.path}: does not begin with context.get_app()"


def markdown_from_outside(house: House) -> Iterator[str]:
    """Markdown is written in our source: `Markdown` takes a literal. What shows text is called on
    `ui.st`, which escapes it, and never on a container; and plotly's templates are literals."""
    for module in house:
        if not is_within(module.name, ("pages", "ui")) or module.name in MARKDOWN_MAKERS:
            continue
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call):
                continue
            name, place = _dotted(node.func), f"{module.path}:{node.lineno}"
            templates = [one.value for one in node.keywords if (one.arg or "") in TEMPLATES]
            if name == "Markdown" and [type(one) for one in node.args] != [ast.Constant]:
                yield f"{place} makes Markdown of what is no literal"
            shows = isinstance(node.func, ast.Attribute) and node.func.attr in SHOWING
            if shows and name.rpartition(".")[0] not in SHOWN_BY:
                yield f"{place} shows text by {name or 'what it is called on'}"
            if not all(isinstance(template, ast.Constant) for template in templates):
                yield f"{place} builds a template of plotly"
            if name == "go.Figure":
                yield f"{place} makes a figure that escapes nothing"


def session_state_outside_ui(house: House) -> Iterator[str]:
    """Session state that only `ui/` may touch."""
    for module in house:
        for node in module.nodes:
            touched = isinstance(node, ast.Attribute) and node.attr == "session_state"
            if touched and not is_within(module.name, ("ui",)):
                yield module.at(node, "session_state")


# --- Reading a tree -------------------------------------------------------------------------

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 1))


def _dotted(node: ast.expr) -> str:
    """`a.b.c` of the expression that says so; what is no name is `?`."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def _public_functions(body: Iterable[ast.stmt]) -> list[_Function]:
    return [node for node in body if isinstance(node, _Function) and not node.name.startswith("_")]


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _import_blocks(module: Module) -> Iterator[list[ast.stmt]]:
    """The runs of imports that stand together inside a function."""
    for node in module.nodes:
        for _, body in ast.iter_fields(node):
            if not isinstance(body, list) or id(node) not in module.inside_functions:
                continue
            for is_import, run in groupby(
                body, lambda n: isinstance(n, ast.Import | ast.ImportFrom)
            ):
                if is_import:
                    yield list(run)


def _last_names(node: ast.expr) -> set[str]:
    """The last names in an expression: `Exception` of `(builtins.Exception, OSError)`."""
    if isinstance(node, ast.Tuple | ast.List):
        return {name for item in node.elts for name in _last_names(item)}
    if isinstance(node, ast.BinOp):
        return _last_names(node.left) | _last_names(node.right)
    return {_dotted(node).split(".")[-1]}


def _is_naive(name: str, call: ast.Call) -> bool:
    given = {keyword.arg for keyword in call.keywords}
    if re.search(r"(^|\.)(utcnow|utcfromtimestamp|(datetime|date)\.today)$", name):
        return True
    if re.search(r"(^|\.)datetime\.now$", name):
        return not call.args and "tz" not in given
    if re.search(r"(^|\.)datetime\.fromtimestamp$", name):
        return len(call.args) < 2 and "tz" not in given
    if re.fullmatch(r"(datetime\.)?datetime", name):
        return len(call.args) < 8 and "tzinfo" not in given
    return False


def _graph(house: House, *, at_once_only: bool) -> dict[str, set[str]]:
    """Which module of the house imports which."""
    names = {module.name for module in house}
    graph: dict[str, set[str]] = {}
    for module in house:
        targets = [f.target for f in module.imports if f.at_once or not at_once_only]
        found = {t if t in names else t.rpartition(".")[0] for t in targets}
        graph[module.name] = (found & names) - {module.name}
    return graph


def _find_path(graph: dict[str, set[str]], start: str, end: str) -> list[str] | None:
    """A shortest way of at least one step from one module to another, or None."""
    before: dict[str, str] = {}
    reached = [start]
    for name in reached:
        for target in sorted(graph.get(name, ())):
            if target == end:
                path = [target, name]
                while path[-1] != start:
                    path.append(before[path[-1]])
                return path[::-1]
            if target not in before and target != start:
                before[target] = name
                reached.append(target)
    return None
