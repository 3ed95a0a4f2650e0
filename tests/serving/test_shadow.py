"""The shadow scores beside the answers: nobody waits for it, and nothing it loses is uncounted."""

import threading
from collections.abc import Callable, Sequence

from core.domain.trial import ShadowOutcome, ShadowScore
from core.serving.shadow import Shadow, ShadowAsk
from tests.fakes import make_prediction


class Timer:
    """Seconds that pass only when they are told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def make_shadow(
    score: Callable[[Sequence[ShadowAsk]], list[float | str]],
    timer: Timer,
    max_waiting_rows: int = 100,
) -> tuple[Shadow, list[ShadowScore]]:
    kept: list[ShadowScore] = []
    shadow = Shadow(
        score, kept.extend, timer=timer, limit_seconds=2.0, max_waiting_rows=max_waiting_rows
    )
    return shadow, kept


def ask(number: int) -> ShadowAsk:
    return ShadowAsk(make_prediction(f"p{number}"), 2)


def score_all(asks: Sequence[ShadowAsk]) -> list[float | str]:
    return [float(row.answered.id[1:]) for row in asks]


def test_every_row_is_scored_in_order() -> None:
    shadow, kept = make_shadow(score_all, Timer())
    shadow.offer([ask(1), ask(2)])
    shadow.offer([ask(3)])
    shadow.close()
    assert [(row.prediction_id, row.version, row.score) for row in kept] == [
        ("p1", 2, 1.0),
        ("p2", 2, 2.0),
        ("p3", 2, 3.0),
    ]
    assert {row.outcome for row in kept} == {ShadowOutcome.SCORED}


def test_a_row_without_a_score_says_why() -> None:
    shadow, kept = make_shadow(lambda asks: ["no such feature" for _ in asks], Timer())
    shadow.offer([ask(1)])
    shadow.close()
    assert (kept[0].outcome, kept[0].score) == (ShadowOutcome.FAILED, None)
    assert kept[0].error == "no such feature"


def test_what_takes_too_long_is_late_and_so_is_what_waited_for_it() -> None:
    """And nobody who offered a row waited at all."""
    timer, begun, go_on = Timer(), threading.Event(), threading.Event()

    def hang(asks: Sequence[ShadowAsk]) -> list[float | str]:
        begun.set()
        assert go_on.wait(10)
        timer.seconds += 3.0
        return score_all(asks)

    shadow, kept = make_shadow(hang, timer)
    shadow.offer([ask(1)])
    assert begun.wait(10)
    shadow.offer([ask(2)])
    go_on.set()
    shadow.close()
    assert [row.outcome for row in kept] == [ShadowOutcome.LATE, ShadowOutcome.LATE]
    assert [row.latency_ms for row in kept] == [3_000.0, 0.0]
    assert [row.error for row in kept] == ["It took longer than 2 s.", "It waited too long."]


def test_more_than_may_wait_is_dropped_and_counted() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hang(asks: Sequence[ShadowAsk]) -> list[float | str]:
        begun.set()
        assert go_on.wait(10)
        return score_all(asks)

    shadow, kept = make_shadow(hang, Timer(), max_waiting_rows=2)
    shadow.offer([ask(0)])
    assert begun.wait(10)
    shadow.offer([ask(number) for number in range(1, 6)])
    assert [row.prediction_id for row in kept] == ["p3", "p4", "p5"]
    assert {row.outcome for row in kept} == {ShadowOutcome.DROPPED}
    go_on.set()
    shadow.close()
    assert len(kept) == 6


def test_after_closing_nothing_is_taken() -> None:
    shadow, kept = make_shadow(score_all, Timer())
    shadow.close()
    shadow.offer([ask(1)])
    assert kept == []


def test_no_thread_runs_until_there_is_something_to_score() -> None:
    shadow, _ = make_shadow(score_all, Timer())
    shadow.offer([])
    assert "shadow" not in {thread.name for thread in threading.enumerate()}
    shadow.close()
