"""The logbook's care for the store's write-ahead log; the rest of it is tested by the service."""

import time
from collections.abc import Iterator

import pytest

from core.serving.log.prediction_log import Logbook
from core.store.engine.database import Database
from tests.fakes import make_batch, make_prediction


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[Database]:
    """One entry a copy."""
    copied: list[Database] = []
    monkeypatch.setattr(Database, "copy_log_back", lambda db: copied.append(db))
    return copied


@pytest.fixture
def logbook(db: Database) -> Iterator[Logbook]:
    logbook = Logbook(db, timer=time.perf_counter, max_waiting_rows=20_000)
    logbook.open()
    yield logbook
    logbook.close()


def test_the_log_is_copied_back_once_for_a_thousand_rows_however_they_came(
    logbook: Logbook, copies: list[Database]
) -> None:
    """A few rows are not worth it: the write after a copy waits for the disk."""
    for receipt in logbook.append([make_prediction(f"{place:032x}") for place in range(599)]):
        receipt.result(10)
    logbook.copy_back()
    assert copies == []
    kept = logbook.append_batch(make_batch(400))
    assert kept is None or kept.result(10) is None
    logbook.copy_back()
    assert copies == []
    if not logbook.append_at_once([make_prediction("f" * 32)]):  # PostgreSQL has no such way
        logbook.append([make_prediction("f" * 32)])[0].result(10)
    logbook.copy_back()
    assert len(copies) == 1
    logbook.copy_back()
    assert len(copies) == 1
