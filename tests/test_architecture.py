"""The house stands as `docs/architecture.md` says, and each of these tests says how to mend it.

Who may import whom stands in `pyproject.toml` (import-linter), and so do the rules that ruff knows;
here is what neither can say."""

import ast
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

from tests.architecture import FUNCTION, HOUSE, IMPORT, ROOT, Module, dotted

KNOW_OF_BATCHES = {
    "core/store/engine/schema.py",  # the table
    "core/store/predictions/batches.py",  # its rows
    "core/store/predictions/predictions.py",  # moves them into the log, and finds what waits
    "core/store/predictions/direct.py",  # a lone caller's write
    "core/store/data/erasures.py",  # leaves out none, under the write lock
    "core/serving/log/prediction_log.py",  # writes them, and sees that not too many wait
    "core/jobs/schedule.py",  # moves them every five seconds
}
"""Where it is known that predictions may wait as a batch: at most eight modules."""

PURE = {"core.domain": set[str](), "core.stats": {"numpy", "scipy"}}
"""Packages that stand on almost nothing, and what they may import beside the standard library."""

# Seconds of import time each: not before a page's first paint, nor before the API answers.
SLOW = {"mlflow", "sklearn", "skops", "xgboost", "shap", "plotly.express", "onnx", "onnxruntime"}
SLOW_AT_THE_API = SLOW | {"pandas", "streamlit", "matplotlib"}
AT_THE_API = re.compile(r"core\.(api|web|serving|deployment|artifacts|registry|client)\b")

VAGUE = {"utils", "util", "helpers", "helper", "manager", "base", "misc"}
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
CATCH_ALLS = ["core/jobs/runner.py", "core/web/middleware.py"]
"""Where a bug is recorded with its traceback: the wrapper of a job, the API's last handler."""

# Lists to shorten, never to extend: what did not hold yet when its rule was written.
SMALL = {
    "core/data/context.py",  # collect, its sources and its tables meet here
    "core/__main__.py",  # `python -m core`
    "core/libraries.py",  # serving, the registry, jobs and the screen meet here
    "core/data/tables/prefetch.py",
    "core/stats/metrics.py",
    "core/training/recipes/text.py",
    "core/training/notes.py",
    "ui/gate/sparing.py",
    "ui/navigation.py",
    "ui/training/promotion_review.py",
}
MAX_MODULES_OF_A_FOLDER, MIN_LINES, MAX_PARAMETERS = 15, 30, 8
MAX_LONG_SIGNATURES = 25

# Text is shown by `ui.st`, which escapes it, under these names.
SHOWN_BY = ("st", "actions", "wording", "text", "log")
MARKDOWN_MAKERS = ("ui/st.py", "ui/markup.py")
TEMPLATES = ("hovertemplate", "texttemplate")
SHOWING = re.compile(  # besides progress and write, which other things are called as well
    r"badge|button|caption|chat_message|checkbox|code|data_editor|dataframe|"
    r"datetime_input|dialog|download_button|error|exception|expander|feedback|"
    r"file_uploader|form_submit_button|header|html|info|json|latex|link_button|"
    r"markdown|menu_button|metric|multiselect|number_input|page_link|pills|"
    r"plotly_chart|popover|radio|segmented_control|select_slider|selectbox|slider"
    r"|spinner|status|subheader|success|table|tabs|text_area|text_input|title"
    r"|toast|toggle|warning|write_stream"
)

CODE = [
    module.path.removesuffix(".py").replace("/", ".")
    for module in HOUSE
    if module.path.startswith("core/") and not module.path.endswith("__init__.py")
]
WAITING = re.compile(r"\b(schema|store\.predictions)\.batches\b|\.move_batches(_within)?$")
Rule = Callable[[Module], Iterator[tuple[ast.AST, str]]]


# --- Rules of one module --------------------------------------------------------------------


def hidden_imports(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Move the import to the top. Only a library that would slow a page's first paint or the API's
    start may wait in a function, and a comment above or next to its imports says so."""
    lines = module.source.splitlines()
    for node in module.nodes:
        for _, body in ast.iter_fields(node) if id(node) in module.in_functions else ():
            statements = body if isinstance(body, list) else []
            imports = [one for one in statements if isinstance(one, IMPORT)]
            if imports:
                near = lines[imports[0].lineno - 2 : imports[-1].end_lineno]
                if not any(re.search(r"#(?!\s*(noqa|type:))", line) for line in near):
                    yield imports[0], "an import inside a function, and no comment says why"


def vague_names(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Name the module after the noun or the verb that it is about."""
    if Path(module.path).stem.rsplit("_", 1)[-1] in VAGUE:
        yield ast.Module([], []), "the name says nothing of what is in it"


def code_in_a_package(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """An __init__.py holds a docstring, and the imports of what other rooms import from it: move
    the code into a module."""
    if module.path.endswith("__init__.py"):
        for node in module.body[1:]:
            names = [dotted(one) for one in node.targets] if isinstance(node, ast.Assign) else []
            if not isinstance(node, IMPORT) and names != ["__all__"]:
                yield node, "code in an __init__.py"


def broad_excepts(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Name the errors that you expect. A bug is recorded by the job wrapper in core/jobs and by the
    last handler of the API, once each, and crashes everywhere else."""
    for node in module.nodes:
        caught: ast.expr | None = None
        if isinstance(node, ast.ExceptHandler):
            again = any(isinstance(s, ast.Raise) and s.exc is None for s in node.body)
            caught = None if again else node.type
        elif isinstance(node, ast.Call) and dotted(node.func).endswith("suppress"):
            caught = ast.Tuple(node.args)
        broad = caught and re.search(r"\b(Base)?Exception\b", ast.unparse(caught))
        if broad and module.path not in CATCH_ALLS:
            yield node, "catches bugs too"


def pickles(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """A pickle runs code when it is read. Store JSON, Parquet, or a pipeline with skops."""
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and node.attr in {"to_pickle", "read_pickle"}:
            yield node, node.attr
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            yield node.value, "allow_pickle"
        if isinstance(node, ast.Constant) and node.value in {"pickle", "cloudpickle"}:
            yield node, f"names {node.value} as a format"


def sentences_in_the_log(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Log a fixed event name and put what varies into fields: log.info('job_ended', job_id=3)."""
    for name, call in module.calls:
        logger, _, level = name.rpartition(".")
        if level in LEVELS and logger.lstrip("_") in {"log", "logger", "logging"}:
            event = call.args[0] if len(call.args) == 1 else None
            word = event.value if isinstance(event, ast.Constant) else None
            if not (isinstance(word, str) and re.fullmatch(r"[a-z][a-z0-9_]*", word)):
                yield call, "the event is not one fixed name"
            elif any(isinstance(node, ast.JoinedStr) for node in ast.walk(call)):
                yield call, "an f-string in a log call"


def chance_without_a_seed(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Take a seed as an argument, so that a test can hold chance still."""
    for name, call in module.calls:
        if name.endswith("default_rng") and not (call.args or call.keywords):
            yield call, "no seed"


def pages_without_the_guard(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """A deep link runs a page without the navigation: its first call is context.get_app(), which
    checks the login."""
    if module.path.startswith("pages/"):
        calls = [(c.lineno, name) for name, c in module.calls if id(c) not in module.in_functions]
        if not calls or min(calls)[1] != "context.get_app":
            yield ast.Module([], []), "does not begin with context.get_app()"


def batches_that_wait(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Read predictions in `predictions.read_all`, which has all of them in the log, or by their ids
    with `find_prediction` and `find_known`."""
    if module.path in KNOW_OF_BATCHES:
        return
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Import):
            names = {one.name for one in node.names}
        else:
            names = {ast.unparse(node)} if isinstance(node, ast.Attribute) else set()
        if any(WAITING.search(name) for name in names):
            yield node, "knows that predictions may wait as a batch"


def session_state_outside_ui(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Let a component of ui/ keep it, and take what it returns."""
    for node in module.nodes:
        touched = isinstance(node, ast.Attribute) and node.attr == "session_state"
        if touched and not module.path.startswith("ui/"):
            yield node, "session_state"


def markdown_from_outside(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Write `st.caption(text)` for plain text, `st.caption(Markdown('**{}**').format(text))` for
    what is bold, with `from ui import st`; a chart's texts stand in name, customdata or meta of a
    `charts.Figure`."""
    if not module.is_shown or module.path in MARKDOWN_MAKERS:
        return
    for name, call in module.calls:
        templates = [one.value for one in call.keywords if (one.arg or "") in TEMPLATES]
        if name == "Markdown" and [type(one) for one in call.args] != [ast.Constant]:
            yield call, "makes Markdown of what is no literal"
        shows = isinstance(call.func, ast.Attribute) and SHOWING.fullmatch(call.func.attr)
        if shows and name.rpartition(".")[0] not in SHOWN_BY:
            yield call, f"shows text by {name}"
        if not all(isinstance(template, ast.Constant) for template in templates):
            yield call, "builds a template of plotly"
        if name == "go.Figure":
            yield call, "makes a figure that escapes nothing"


BROKEN: dict[Rule, list[tuple[str, str]]] = {
    hidden_imports: [
        ("core/registry/registry.py", "def f():\n    import mlflow\n    return mlflow"),
        ("core/registry/registry.py", "def f():\n    import mlflow  # noqa: PLC0415"),
        ("core/x.py", "class A:\n    def f(self):\n        from a import b"),
        ("core/x.py", "def f():\n    if 1:\n        import a"),
    ],
    vague_names: [("core/data/utils.py", ""), ("core/data/date_helpers.py", "")],
    code_in_a_package: [("core/jobs/__init__.py", '"""Jobs."""\nVERSION = 1')],
    broad_excepts: [
        ("core/data/x.py", "try: f()\nexcept Exception: log.exception('x')"),
        ("core/data/x.py", "try: f()\nexcept (OSError, BaseException): 0"),
        ("core/data/x.py", "with contextlib.suppress(Exception): f()"),
    ],
    pickles: [
        ("core/data/x.py", "frame.to_pickle(path)"),
        ("core/data/x.py", "np.load(path, allow_pickle=True)"),
        ("core/registry/registry.py", "save(model, format='cloudpickle')"),
    ],
    sentences_in_the_log: [
        ("core/api.py", "log.info(f'job {n} ended')"),
        ("core/api.py", "log.info('job ended')"),
        ("core/api.py", "log.info('job_%d', n)"),
        ("core/api.py", "log.error('job_ended', text=f'{n} rows')"),
        ("core/api.py", "logging.warning(event)"),
    ],
    chance_without_a_seed: [("core/stats/x.py", "np.random.default_rng()")],
    pages_without_the_guard: [
        ("pages/data.py", "import streamlit as st\nst.title('Data')"),
        ("pages/data.py", "st.title('x')\napp = context.get_app()"),
        ("pages/data.py", "def f():\n    context.get_app()"),
    ],
    batches_that_wait: [
        ("core/data/x.py", "from core.store.predictions.batches import count_rows"),
        ("core/data/x.py", "from core.store.predictions import batches, labels"),
        ("core/data/x.py", "import core.store.predictions.batches"),
        ("core/data/x.py", "from core.store.predictions.predictions import move_batches"),
        ("core/data/x.py", "predictions.move_batches_within(conn)"),
        ("core/store/x.py", "query = sa.select(schema.batches.c.at)"),
        ("core/store/x.py", "from core.store.engine.schema import batches"),
    ],
    session_state_outside_ui: [("pages/data.py", "st.session_state['a'] = 1")],
    markdown_from_outside: [
        ("ui/common/jobs.py", "Markdown(f'**{name}**')"),
        ("ui/common/jobs.py", "Markdown('**' + name)"),
        ("pages/data.py", "Markdown(name)"),
        ("ui/common/jobs.py", "box.caption(name)"),
        ("ui/common/jobs.py", "st.container().metric('a', 'b')"),
        ("ui/common/charts.py", "f.add_bar(hovertemplate=f'{name}')"),
        ("ui/experiments/compare_charts.py", "figure = go.Figure()"),
    ],
}
"""What each rule must find; that it lets pass what is sound, the house itself shows."""


@pytest.mark.parametrize("rule", BROKEN, ids=lambda rule: rule.__name__)
def test_a_rule_holds_in_the_house_and_finds_what_breaks_it(rule: Rule) -> None:
    missed = [one for one in BROKEN[rule] if not list(rule(Module(*one)))]
    assert not missed, "the rule does not find these"
    fail_with(
        str(rule.__doc__),
        [f"{m.path}:{getattr(node, 'lineno', 1)}: {text}" for m in HOUSE for node, text in rule(m)],
    )


def test_at_most_eight_modules_know_that_predictions_may_wait_as_a_batch() -> None:
    assert len(KNOW_OF_BATCHES) <= 8, "let it read `predictions.read_all`"
    assert {one for one in KNOW_OF_BATCHES if "batch" not in (ROOT / one).read_text()} == set()


def fail_with(advice: str, broken: list[str]) -> None:
    """Fail with every place that breaks a rule, and with what to do about it."""
    if broken:
        pytest.fail("\n".join([" ".join(advice.split()), *sorted(broken)]), pytrace=False)


# --- Sizes and names ------------------------------------------------------------------------


def test_no_two_public_classes_share_a_name() -> None:
    tops = [n for m in HOUSE for n in m.body if isinstance(n, ast.ClassDef)]
    shared = {name for name, n in Counter(node.name for node in tops).items() if n > 1}
    public = {name for name in shared if not name.startswith("_")}
    assert not public, "one concept, one word: rename one"


def test_no_folder_holds_more_modules_than_one_can_keep_in_mind() -> None:
    modules = [m.path for m in HOUSE if not m.path.endswith("__init__.py")]
    folders = Counter(Path(path).parent.as_posix() for path in modules)
    full = {path: n for path, n in folders.items() if n > MAX_MODULES_OF_A_FOLDER}
    assert not full, "give a part of the folder a room of its own"


def test_no_module_is_too_small_to_be_worth_its_file() -> None:
    small = {m.path for m in HOUSE if len(m.source.splitlines()) < MIN_LINES}
    small = {path for path in small if not path.endswith("__init__.py")}
    assert small <= SMALL, "move it to what uses it"


def test_few_functions_take_nine_parameters_or_more() -> None:
    long = []
    for module in HOUSE:
        for node in (n for n in module.nodes if isinstance(n, FUNCTION)):
            names = [
                a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            ]
            if len(set(names) - {"self", "cls"}) > MAX_PARAMETERS:
                long.append(f"{module.path}:{node.lineno}: {node.name}")
    if len(long) > MAX_LONG_SIGNATURES:
        fail_with("Put what belongs together into a small frozen dataclass.", long)


# --- Imports, where import-linter has no contract -------------------------------------------


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("core", "ui", "pages", include_external_packages=True, cache_dir=None)


def test_no_module_needs_itself(imports: grimp.ImportGraph) -> None:
    needs = {name: imports.find_modules_directly_imported_by(name) for name in imports.modules}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        fail_with("Move what these need into a third one below them.", error.args[1])


@pytest.mark.parametrize("package", PURE)
def test_a_pure_package_stands_on_almost_nothing(imports: grimp.ImportGraph, package: str) -> None:
    for module in imports.find_descendants(package):
        found = {name.split(".")[0] for name in imports.find_modules_directly_imported_by(module)}
        assert found - {"core"} - sys.stdlib_module_names <= PURE[package], module


# --- What happens at import -----------------------------------------------------------------

PROBE = """
import importlib, json, sys, threading

done = []
ACTS = {"socket.connect", "socket.bind", "subprocess.Popen", "os.fork", "sqlite3.connect"}

def watch(event, arguments):
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        done.append(f"opens {arguments[0]} for writing")
    elif event in ACTS:
        done.append(event)

sys.addaudithook(watch)
for name in sys.argv[1:]:
    before = len(done), threading.active_count()
    importlib.import_module(name)
    if threading.active_count() > before[1]:
        done.append("starts a thread")
    done[before[0]:] = [f"{name}: {what}" for what in done[before[0]:]]
print(json.dumps({"done": done, "modules": sorted(sys.modules)}))
"""


def import_all(names: list[str], folder: Path) -> dict[str, list[str]]:
    """What happened while a new process imported these, and which modules it has then."""
    answer = subprocess.run(
        [sys.executable, "-B", "-c", PROBE, *names],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder)},
        stdout=subprocess.PIPE,
        check=True,
    )
    read: dict[str, list[str]] = json.loads(answer.stdout)
    return read


def test_the_api_starts_without_the_heavy_libraries(tmp_path: Path) -> None:
    names = [name for name in CODE if AT_THE_API.match(name)]
    loaded = set(import_all(names, tmp_path)["modules"])
    assert not loaded & SLOW_AT_THE_API, "import it inside the function that needs it"


@pytest.mark.slow  # a process that imports what pages need
def test_a_page_is_painted_without_the_heavy_libraries(tmp_path: Path) -> None:
    """A page runs when it is imported, so that its imports alone are taken from it."""
    pages = [module for module in HOUSE if module.path.startswith(("pages/", "app.py", "ui/nav"))]
    found = [node for page in pages for node in page.body if isinstance(node, IMPORT)]
    (tmp_path / "imports_of_pages.py").write_text("\n".join(map(ast.unparse, found)))
    loaded = set(import_all(["imports_of_pages"], tmp_path)["modules"])
    assert not loaded & SLOW, "import it inside the function that needs it"


@pytest.mark.slow  # every library of the product is imported
def test_nothing_happens_when_a_module_is_imported(tmp_path: Path) -> None:
    assert import_all(CODE, tmp_path)["done"] == []
    assert list(tmp_path.iterdir()) == []


def test_the_probe_sees_what_a_module_does_when_it_is_imported(tmp_path: Path) -> None:
    (tmp_path / "noisy.py").write_text(
        "import socket, threading\n"
        "open('left_behind', 'w').close()\n"
        "socket.socket().bind(('127.0.0.1', 0))\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    assert import_all(["noisy"], tmp_path)["done"] == [
        "noisy: opens left_behind for writing",
        "noisy: socket.bind",
        "noisy: starts a thread",
    ]
