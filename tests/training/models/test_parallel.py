"""Independent fits run side by side, keep their order, and stop when somebody says so."""

import threading

import pytest

from core.errors import Cancelled
from core.training.models.parallel import fit_side_by_side


def test_results_keep_the_order_of_the_fits_whichever_ends_first() -> None:
    first_may_end = threading.Event()

    def slow() -> str:
        first_may_end.wait(10)
        return "first"

    def quick() -> str:
        first_may_end.set()
        return "second"

    heard: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.training.models.parallel.count_cores", lambda: 2)
        assert fit_side_by_side([slow, quick], heard.append) == ["first", "second"]
    assert heard == [1, 2]


def test_a_cancel_lets_nothing_else_begin() -> None:
    begun: list[int] = []
    cancelled = threading.Event()

    def cancel(n_done: int) -> None:
        cancelled.set()
        raise Cancelled("Cancelled by ana.")

    def second() -> None:
        cancelled.wait(10)

    fits = [lambda: None, second, *[lambda: begun.append(1)] * 50]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.training.models.parallel.count_cores", lambda: 1)
        with pytest.raises(Cancelled):
            fit_side_by_side(fits, cancel)
    assert len(begun) <= 1  # what had begun when it was cancelled


def test_what_a_fit_raises_reaches_the_caller() -> None:
    def fail() -> None:
        raise ValueError("no column can be used")

    with pytest.raises(ValueError, match="no column can be used"):
        fit_side_by_side([fail, lambda: None], lambda n_done: None)
