"""Fixtures that every test may ask for: a clock that stands still, a home folder, a store."""

import functools
import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import settings
from sqlalchemy import Engine

from core.store.engine import database
from core.store.engine.database import Database, open_database
from tests.supastack.stack import Stack, run_stack

# The same examples at every run, however busy the machine is; a failure is then the change's.
settings.register_profile("plumbline", deadline=None, derandomize=True, database=None)
settings.load_profile("plumbline")

# Container images often set it, and then every worker, and every process that a test starts,
# compiles all that it imports again: a tenth of the suite.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

collect_ignore = ["e2e/markup_app.py"]  # a Streamlit script that a test serves, with no examples

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

PATIENCE_SECONDS = 180
"""How long a page may take in a test. The first one of a process imports what pages are drawn with:
ten seconds where five processes share two cores, and more where more do."""


def pytest_collection_finish() -> None:
    """What is there before the first test stays: it is not looked through for garbage again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def authorities_read_once() -> Iterator[None]:
    """The clients of a run read the world's certificates once, and not once a client, 25 ms
    each; what a client trusts beside them is its own."""
    default = httpx._transports.default
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(default, "create_ssl_context", functools.cache(default.create_ssl_context))
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """The stores of a run compile each statement once, and not once a store: that took a seventh
    of the suite."""
    create = database._create_engine
    first: Engine | None = None

    def share(url: str, durability: str) -> Engine:
        nonlocal first
        engine = create(url, durability)
        if engine.dialect.name != "sqlite":
            return engine
        first = first or engine
        engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_create_engine", share)
        yield


@pytest.fixture
def now() -> Callable[[], datetime]:
    """A clock that always says noon of 2 March 2026, UTC."""
    return lambda: NOON


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home folder."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty store, to be copied: making its tables takes ten times as long."""
    folder = tmp_path_factory.mktemp("empty")
    open_database("", folder, "process", NOON).close()
    return folder / "plumbline.db"


@pytest.fixture
def db(home: Path, empty_store: Path) -> Iterator[Database]:
    """A fresh store in the home folder, its schema up to date."""
    shutil.copy(empty_store, home)
    database = open_database("", home, "process", NOON)
    yield database
    database.close()


@pytest.fixture(scope="session")
def quick_pages() -> Iterator[None]:
    """Pages start without reading the metadata of every installed package: a server looks for
    Streamlit components in them once, but a test would for each page."""
    scan = "streamlit.components.v2.manifest_scanner.scan_component_manifests"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, list)
        yield


@pytest.fixture(scope="session")
def running_stack() -> Iterator[Stack]:
    """A Supabase project for the whole run; a test that needs it is slow."""
    with run_stack() as project:
        yield project


@pytest.fixture
def stack(running_stack: Stack) -> Stack:
    """A Supabase project with nothing in it."""
    running_stack.reset()
    return running_stack
