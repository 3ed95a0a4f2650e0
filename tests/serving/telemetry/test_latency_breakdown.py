"""Where a request's time goes is kept for some requests, and summed up by stage."""

import pytest

from core.serving.telemetry.latency_breakdown import StageClock


def test_the_first_of_so_many_requests_is_measured() -> None:
    clock = StageClock(4)
    assert [clock.is_due() for _ in range(6)] == [True, False, False, False, True, False]


def test_means_and_the_95th_percentile_are_by_stage() -> None:
    clock = StageClock(1)
    for millis in range(100):
        clock.add(parse=millis / 1000, log=0.002)
    found = clock.summarize()
    assert set(found) == {"parse", "log"}
    assert (found["parse"].n, found["parse"].mean_ms) == (100, pytest.approx(49.5))
    assert found["parse"].p95_ms == pytest.approx(95.0)
    assert found["log"].p95_ms == pytest.approx(2.0)


def test_only_the_newest_thousand_count() -> None:
    clock = StageClock(1)
    for _ in range(1_000):
        clock.add(log=1.0)
    for _ in range(1_000):
        clock.add(log=0.0)
    assert clock.summarize()["log"].mean_ms == 0.0
