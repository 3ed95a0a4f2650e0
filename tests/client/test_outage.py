"""A service that is wired to the real API in five lines works on while Plumbline is stopped."""

import asyncio
from pathlib import Path

import pytest

from core.client import AsyncPlumblineClient, PlumblineClient
from core.registry import Registry
from core.store.engine.database import Database
from core.store.predictions import labels
from tests.api_processes import add_linear_version, free_port, release, run_api
from tests.streams import load_recent_predictions

pytestmark = pytest.mark.slow

ROW = {"codeQuality": 80.0, "testCoverage": 60.0}
HEURISTIC = (0.25 * 80 + 0.2 * 60) / 0.45


def test_a_caller_keeps_working_while_the_api_is_stopped_and_loses_no_label(
    db: Database, home: Path
) -> None:
    """Stop it, and the caller's fallback answers and the label waits, across the caller's own
    restart; start it again, and the model answers and the label arrives."""
    registry = Registry(home / "artifacts", f"sqlite:///{home / 'mlflow.db'}")
    release(db, registry, add_linear_version(db, registry, 0.0))
    port, spool = free_port(), home / "caller" / "labels.db"
    spool.parent.mkdir()
    url = f"http://127.0.0.1:{port}"
    plumbline = PlumblineClient(url, spool=spool)
    with run_api(home, port=port):
        first = plumbline.predict(ROW)
        assert (first.source, first.score) == ("model", pytest.approx(70.0))
    answer = plumbline.predict(ROW)
    assert (answer.source, answer.prediction_id) == ("client_fallback", None)
    assert answer.score == pytest.approx(HEURISTIC)
    assert plumbline.feedback(first.prediction_id, 74).outcome == "spooled"
    plumbline.close()

    async def call_again() -> tuple[str, str, int]:
        async with AsyncPlumblineClient(url, spool=spool) as restarted:
            answer = await restarted.predict(ROW)
            receipt = await restarted.feedback(answer.prediction_id, 71)
            return answer.source, receipt.outcome, await restarted.flush()

    with run_api(home, port=port):
        assert asyncio.run(call_again()) == ("model", "stored", 0)
    with db.read() as conn:
        logged = load_recent_predictions(conn, 10)
        kept = [labels.find_label(conn, row.id) for row in logged]
    assert [label.actual for label in kept if label is not None] == [71, 74]
    assert logged[1].id == first.prediction_id
