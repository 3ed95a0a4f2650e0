"""The house stands as `docs/architecture.md` says, and each of these tests says how to mend it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import architecture as rules
from tests.architecture import House, Module

Rule = Callable[[House], Iterator[str]]

HOUSE = rules.read_house()
CODE = [module.name for module in HOUSE if module.name.startswith("core") and not module.is_package]


def hold(rule: Rule, advice: str) -> None:
    """Fail with every place that breaks a rule, and with what to do about it."""
    broken = sorted(set(rule(HOUSE)))
    if broken:
        pytest.fail("\n".join([advice, *broken]), pytrace=False)


# --- Floors and imports ---------------------------------------------------------------------


def test_every_module_stands_on_a_floor() -> None:
    hold(
        rules.modules_without_a_floor,
        "Put it into the package whose first sentence covers it; if there is none, give it a place "
        "in FLOORS of tests/architecture.py, above everything it imports.",
    )


def test_imports_point_down() -> None:
    hold(
        rules.imports_from_above,
        "A module imports from its own package and from lower floors (FLOORS in "
        "tests/architecture.py). Move what is shared down, or the call up; training, deployment "
        "and serving meet in core.retraining, in core.jobs or through rows.",
    )


def test_nothing_imports_in_a_circle() -> None:
    hold(
        rules.import_cycles,
        "These modules need each other. Move what both need into a third one below them.",
    )


def test_each_library_has_one_owner() -> None:
    hold(
        rules.imports_of_a_library_by_another_than_its_owner,
        "Call the owner, and add to it what it lacks. To annotate the `conn` of a transaction, "
        "import `Connection` from core.store.engine.database.",
    )


def test_the_domain_and_the_statistics_stand_on_almost_nothing() -> None:
    hold(
        rules.impure_imports,
        "core/domain holds plain values (standard library only), core/stats arithmetic on arrays "
        "(with numpy and scipy). Whatever needs more lives on a higher floor.",
    )


def test_imports_are_absolute() -> None:
    hold(rules.relative_imports, "Write `from core.store import jobs`, with the whole name.")


def test_imports_stand_at_the_top_or_say_why_not() -> None:
    hold(
        rules.hidden_imports,
        "Move the import to the top of the file. Only a library that would slow a page's first "
        "paint or the API's start may wait in a function, and a comment beside it says so.",
    )


def test_a_page_and_the_api_start_without_the_heavy_libraries() -> None:
    hold(
        rules.slow_imports,
        "The first name is started by a visit or a request, and the last takes seconds to import. "
        "Import it inside the function that needs it, with a comment that says why.",
    )


# --- What a module looks like ---------------------------------------------------------------


def test_a_package_holds_its_docstring_only() -> None:
    hold(
        rules.packages_with_code,
        "An __init__.py holds a docstring and nothing else: move the code into a module and import "
        "it from there.",
    )


def test_every_module_begins_with_a_sentence() -> None:
    hold(
        rules.modules_without_a_sentence,
        "Begin the file with a docstring whose first paragraph is one sentence, with its full "
        "stop: what the module gives, and to whom.",
    )


def test_every_module_has_a_name_that_says_what_is_in_it() -> None:
    hold(rules.vague_names, "Name the module after the noun or the verb that it is about.")


def test_every_public_function_and_class_says_what_it_gives() -> None:
    hold(
        rules.public_things_without_a_docstring,
        "Say what comes back, in which unit, and what is raised; or make it private with a _.",
    )


# --- What a module does ---------------------------------------------------------------------


def test_bugs_are_caught_in_two_places_only() -> None:
    hold(
        rules.broad_excepts,
        "Name the errors that you expect. A bug is recorded by the job wrapper in core/jobs and by "
        "the last handler of core/api.py, once each, and crashes everywhere else.",
    )


def test_every_time_has_a_zone() -> None:
    hold(
        rules.naive_times,
        "Times are aware UTC: datetime.now(UTC), datetime(..., tzinfo=UTC). Where a time without a "
        "zone has to be read before it gets one, end the line with `# noqa: DTZ001` or the like.",
    )


def test_time_chance_and_ids_are_arguments_below_bootstrap() -> None:
    hold(
        rules.clocks_and_chance,
        "Take `now`, a seed or an id as an argument, so that a test can hold it still.",
    )


def test_nothing_is_pickled() -> None:
    hold(
        rules.pickles,
        "A pickle runs code when it is read. Store JSON, Parquet, or a pipeline with skops.",
    )


def test_nothing_is_printed() -> None:
    hold(
        rules.prints,
        "Standard output belongs to a command's answer (typer.echo in core/cli). For the record, "
        "use the log: log.info('rows_read', n_rows=3).",
    )


def test_the_log_holds_events_and_fields() -> None:
    hold(
        rules.sentences_in_the_log,
        "Log a fixed event name and put what varies into fields: log.info('job_ended', job_id=3).",
    )


# --- Pages ----------------------------------------------------------------------------------


def test_every_page_begins_with_the_guard() -> None:
    hold(
        rules.pages_without_the_guard,
        "A deep link runs a page without the navigation: its first call is context.get_app(), "
        "which checks the login.",
    )


def test_text_from_outside_is_never_markdown() -> None:
    hold(
        rules.markdown_from_outside,
        "Write `st.caption(text)` for plain text, `st.caption(Markdown('**{}**').format(text))` "
        "for what is bold, with `from ui import st`; a chart's texts stand in name, customdata or "
        "meta of a `charts.Figure`.",
    )


def test_only_ui_touches_the_session_state() -> None:
    hold(
        rules.session_state_outside_ui,
        "Let a component of ui/ keep it, and take what it returns.",
    )


# --- Nothing happens at import --------------------------------------------------------------

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
        env={**os.environ, "PYTHONPATH": str(rules.ROOT), "HOME": str(folder)},
        stdout=subprocess.PIPE,
        check=True,
    )
    read: dict[str, list[str]] = json.loads(answer.stdout)
    return read


@pytest.mark.slow  # a process of its own that imports what the API does
def test_the_api_starts_without_the_heavy_libraries_of_its_libraries(tmp_path: Path) -> None:
    """What `slow_imports` cannot see: a library that imports another."""
    names = [name for name in CODE if rules.is_within(name, rules.AT_THE_API)]
    loaded = import_all(names, tmp_path)["modules"]
    assert [name for name in rules.SLOW_AT_THE_API if name in loaded] == []


@pytest.mark.slow  # every library of the product is imported
def test_nothing_happens_when_a_module_is_imported(tmp_path: Path) -> None:
    assert import_all(CODE, tmp_path)["done"] == []
    assert list(tmp_path.iterdir()) == []


# --- The rules themselves can fail ----------------------------------------------------------

BROKEN: list[tuple[Rule, str, str]] = [
    (rules.modules_without_a_floor, "core/news.py", ""),
    (rules.imports_from_above, "core/store/jobs/jobs.py", "from core.jobs import runner"),
    (rules.imports_from_above, "core/store/jobs/jobs.py", "import core.jobs.runner"),
    (rules.imports_from_above, "core/training/flow.py", "from core.serving import service"),
    (rules.imports_from_above, "core/domain/job.py", "from core.stats.intervals import wilson"),
    (rules.imports_from_above, "core/errors.py", "def f():\n    import core.log"),
    (rules.imports_from_above, "core/bootstrap.py", "from ui import context"),
    (rules.imports_from_above, "ui/common/tables.py", "from pages.data import rows"),
    (
        rules.imports_of_a_library_by_another_than_its_owner,
        "core/api.py",
        "import sqlalchemy as sa",
    ),
    (rules.imports_of_a_library_by_another_than_its_owner, "core/data/x.py", "import streamlit"),
    (rules.imports_of_a_library_by_another_than_its_owner, "ui/x.py", "from plotly import express"),
    (rules.imports_of_a_library_by_another_than_its_owner, "core/x.py", "def f():\n import mlflow"),
    (rules.impure_imports, "core/domain/job.py", "import numpy"),
    (rules.impure_imports, "core/stats/x.py", "from pandas import DataFrame"),
    (rules.relative_imports, "core/store/jobs/jobs.py", "from . import schema"),
    (rules.relative_imports, "core/store/jobs/jobs.py", "from ..domain.job import Job"),
    (rules.hidden_imports, "core/registry.py", "def f():\n    import mlflow\n    return mlflow"),
    (rules.hidden_imports, "core/registry.py", "def f():\n    import mlflow  # noqa: PLC0415"),
    (rules.hidden_imports, "core/x.py", "class A:\n    def f(self):\n        from a import b"),
    (rules.hidden_imports, "core/x.py", "def f():\n    if 1:\n        import a"),
    (rules.packages_with_code, "core/jobs/__init__.py", '"""Jobs."""\nVERSION = 1'),
    (rules.modules_without_a_sentence, "core/x.py", "import os"),
    (rules.modules_without_a_sentence, "core/x.py", "import os\n'''A string.'''"),
    (rules.modules_without_a_sentence, "core/x.py", '"""Some words"""'),
    (rules.vague_names, "core/data/utils.py", ""),
    (rules.vague_names, "core/data/date_helpers.py", ""),
    (rules.public_things_without_a_docstring, "core/x.py", "def f():\n    pass"),
    (rules.public_things_without_a_docstring, "core/x.py", "async def f():\n    pass"),
    (rules.public_things_without_a_docstring, "core/x.py", "class A:\n    pass"),
    (rules.public_things_without_a_docstring, "core/x.py", "class A:\n '''A.'''\n def f(self): 0"),
    (rules.broad_excepts, "core/data/x.py", "try:\n    f()\nexcept Exception:\n    pass"),
    (rules.broad_excepts, "core/data/x.py", "try:\n    f()\nexcept:\n    pass"),
    (rules.broad_excepts, "core/data/x.py", "try:\n    f()\nexcept (OSError, BaseException):\n 0"),
    (rules.broad_excepts, "core/data/x.py", "with contextlib.suppress(Exception):\n    f()"),
    (rules.broad_excepts, "core/api.py", "try: 0\nexcept Exception: 0\ntry: 0\nexcept: 0"),
    (rules.naive_times, "core/x.py", "datetime.now()"),
    (rules.naive_times, "core/x.py", "datetime.datetime.now(tz=None) or datetime.utcnow()"),
    (rules.naive_times, "core/x.py", "datetime(2026, 3, 2)"),
    (rules.naive_times, "core/x.py", "datetime.fromtimestamp(0)"),
    (rules.naive_times, "core/x.py", "date.today()"),
    (rules.clocks_and_chance, "core/data/x.py", "datetime.now(UTC)"),
    (rules.clocks_and_chance, "core/data/x.py", "time.time()"),
    (rules.clocks_and_chance, "core/serving/x.py", "uuid.uuid4()"),
    (rules.clocks_and_chance, "core/stats/x.py", "np.random.default_rng()"),
    (rules.clocks_and_chance, "core/stats/x.py", "np.random.seed(1)"),
    (rules.clocks_and_chance, "core/stats/x.py", "from random import random\nrandom()"),
    (rules.pickles, "core/registry.py", "import pickle"),
    (rules.pickles, "core/registry.py", "from joblib import dump"),
    (rules.pickles, "core/data/x.py", "frame.to_pickle(path)"),
    (rules.pickles, "core/data/x.py", "np.load(path, allow_pickle=True)"),
    (rules.pickles, "core/registry.py", "save(model, format='cloudpickle')"),
    (rules.prints, "core/data/x.py", "print(1)"),
    (rules.sentences_in_the_log, "core/api.py", "log.info(f'job {n} ended')"),
    (rules.sentences_in_the_log, "core/api.py", "log.info('job ended')"),
    (rules.sentences_in_the_log, "core/api.py", "log.info('job_%d', n)"),
    (rules.sentences_in_the_log, "core/api.py", "log.error('job_ended', text=f'{n} rows')"),
    (rules.sentences_in_the_log, "core/api.py", "logging.warning(event)"),
    (rules.pages_without_the_guard, "pages/data.py", "import streamlit as st\nst.title('Data')"),
    (rules.pages_without_the_guard, "pages/data.py", "st.title('x')\napp = context.get_app()"),
    (rules.pages_without_the_guard, "pages/data.py", "def f():\n    context.get_app()"),
    (rules.session_state_outside_ui, "pages/data.py", "st.session_state['a'] = 1"),
    (
        rules.imports_of_a_library_by_another_than_its_owner,
        "ui/common/jobs.py",
        "import streamlit as st",
    ),
    (rules.markdown_from_outside, "ui/common/jobs.py", "Markdown(f'**{name}**')"),
    (rules.markdown_from_outside, "ui/common/jobs.py", "Markdown('**' + name)"),
    (rules.markdown_from_outside, "pages/data.py", "Markdown(name)"),
    (rules.markdown_from_outside, "ui/common/jobs.py", "box.caption(name)"),
    (rules.markdown_from_outside, "ui/common/jobs.py", "st.container().metric('a', 'b')"),
    (rules.markdown_from_outside, "ui/common/charts.py", "f.add_bar(hovertemplate=f'{name}')"),
    (rules.markdown_from_outside, "ui/experiments/compare_charts.py", "figure = go.Figure()"),
]

SOUND: list[tuple[Rule, str, str]] = [
    (rules.modules_without_a_floor, "core/store/news.py", ""),
    (rules.imports_from_above, "core/jobs/runner.py", "from core.store import jobs"),
    (rules.imports_from_above, "core/store/jobs/jobs.py", "from core.store import schema"),
    (
        rules.imports_from_above,
        "core/retraining/flow.py",
        "import core.training.flow, core.serving",
    ),
    (rules.imports_of_a_library_by_another_than_its_owner, "core/store/x.py", "import sqlalchemy"),
    (
        rules.imports_of_a_library_by_another_than_its_owner,
        "ui/common/charts.py",
        "import plotly.io",
    ),
    (
        rules.impure_imports,
        "core/stats/x.py",
        "import math, numpy\nfrom core.errors import OpsError",
    ),
    (rules.hidden_imports, "core/x.py", "def f():\n    import mlflow  # five seconds of import"),
    (rules.hidden_imports, "core/x.py", "def f():\n    # five seconds\n    import a\n    import b"),
    (rules.packages_with_code, "core/jobs/__init__.py", '"""Long work as rows."""'),
    (rules.modules_without_a_sentence, "core/x.py", '"""A sentence\nover two lines.\n\nMore"""'),
    (rules.public_things_without_a_docstring, "core/x.py", "def _f():\n    def g(): pass"),
    (rules.public_things_without_a_docstring, "core/x.py", "class A(B):\n '''A.'''\n def f(s): 0"),
    (rules.broad_excepts, "core/jobs/x.py", "try:\n    f()\nexcept Exception:\n    g()"),
    (rules.broad_excepts, "core/data/x.py", "try:\n    f()\nexcept BaseException:\n g()\n raise"),
    (rules.broad_excepts, "core/data/x.py", "try:\n    f()\nexcept (OSError, ValueError):\n    0"),
    (rules.naive_times, "core/x.py", "datetime.now(UTC), datetime(2026, 3, 2, tzinfo=UTC)"),
    (rules.naive_times, "core/x.py", "datetime(*parts)  # noqa: DTZ001"),
    (rules.clocks_and_chance, "core/bootstrap.py", "datetime.now(UTC)"),
    (rules.clocks_and_chance, "core/stats/x.py", "np.random.default_rng(seed).random(3)"),
    (rules.clocks_and_chance, "core/stats/x.py", "time.perf_counter()"),
    (rules.sentences_in_the_log, "core/api.py", "log.info('job_ended', job_id=n)"),
    (rules.sentences_in_the_log, "core/stats/x.py", "math.log(f(x))"),
    (rules.pages_without_the_guard, "pages/data.py", "app = context.get_app()\nst.title('x')"),
    (rules.session_state_outside_ui, "ui/common/filters.py", "st.session_state['a'] = 1"),
    (
        rules.markdown_from_outside,
        "ui/common/jobs.py",
        "st.markdown(Markdown('**{}**').format(name))",
    ),
    (rules.markdown_from_outside, "ui/common/jobs.py", "st.caption(name)"),
    (
        rules.markdown_from_outside,
        "ui/common/charts.py",
        "f.add_bar(hovertemplate='%{y}', name=name)",
    ),
]


@pytest.mark.parametrize(("rule", "path", "source"), BROKEN)
def test_a_rule_finds_what_breaks_it(rule: Rule, path: str, source: str) -> None:
    assert list(rule([Module(path, source)]))


@pytest.mark.parametrize(("rule", "path", "source"), SOUND)
def test_a_rule_lets_pass_what_is_sound(rule: Rule, path: str, source: str) -> None:
    assert list(rule([Module(path, source)])) == []


def test_a_circle_is_found_wherever_the_imports_stand() -> None:
    circle = [
        Module("core/data/a.py", "from core.data.b import f"),
        Module("core/data/b.py", "import core.data.c"),
        Module("core/data/c.py", "def f():\n    from core.data import a"),
        Module("core/data/d.py", "from core.data import a, b, c"),
    ]
    found = list(rules.import_cycles(circle))
    assert found == ["core.data.a -> core.data.b -> core.data.c -> core.data.a"]
    assert list(rules.import_cycles(circle[1:])) == []


def test_a_heavy_library_is_found_behind_other_modules() -> None:
    heavy = Module("core/data/frames.py", "import pandas.api\nimport xgboost")
    light = Module("core/data/frames.py", "def f():\n    import pandas, xgboost")
    types = Module("core/data/frames.py", "if TYPE_CHECKING:\n    import pandas, xgboost")
    page = Module("pages/data.py", "from core.data import frames")
    api = Module("core/api.py", "from core.data.frames import g")
    assert list(rules.slow_imports([page, heavy])) == [
        "pages.data -> core.data.frames -> xgboost",
    ]
    assert list(rules.slow_imports([api, heavy])) == [
        "core.api -> core.data.frames -> pandas.api",
    ]
    assert list(rules.slow_imports([page, api, light])) == []
    assert list(rules.slow_imports([page, api, types])) == []


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
