"""The dashboard's server: `streamlit run app.py`, or any ASGI server with `app:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import streamlit as st
from starlette.middleware import Middleware

from core.errors import OpsError
from core.file_access import check_home, keep_private
from core.jobs.scheduler import Scheduler
from core.log import get_logger
from core.settings import load_settings
from ui.common import context
from ui.gate.middleware import LoginGate

RETRY_SECONDS = 5.0
PATIENCE_SECONDS = 3.0
"""The worker goes first where there is one."""

log = get_logger(__name__)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Start the scheduler before anybody visits, and end it after its work is put down."""
    keep_private()
    context.stay_on_this_machine()
    context.check_address(st.get_option("server.address"))
    check_home(load_settings().home)
    started: list[Scheduler] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_start_scheduler, started)
        try:
            yield
        finally:
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                for scheduler in started:
                    await anyio.to_thread.run_sync(scheduler.stop)


async def _start_scheduler(started: list[Scheduler]) -> None:
    """As soon as the store can be used; until then the pages say what is wrong with it."""
    while not started:
        try:
            store = await anyio.to_thread.run_sync(context.load_app)
            scheduler = Scheduler(store, "dashboard", patience_seconds=PATIENCE_SECONDS)
        except OpsError as error:
            log.error("store_unavailable", error=str(error))
            await anyio.sleep(RETRY_SECONDS)
        else:
            await anyio.to_thread.run_sync(scheduler.start)
            started.append(scheduler)


app = st.App(
    "ui/navigation.py",
    lifespan=lifespan,
    middleware=[Middleware(LoginGate, load_rules=context.load_rules)],
    on_script_error=context.show_problem,
)
