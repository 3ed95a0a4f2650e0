"""Versions are scored on the same rows, and never on rows that one of them has learned from."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.domain.version import Version
from core.errors import Refused
from core.store.engine.database import Database
from core.training.compare.same_rows import compare_together
from tests.training.worlds import START, FakeTracking, fill, make_samples

Train = Callable[..., Version]
Now = Callable[[], datetime]


def test_versions_of_different_rows_meet_on_rows_that_are_new_to_both(
    db: Database, registry: FakeTracking, train: Train, now: Now, home: Path
) -> None:
    fill(db, make_samples(300), now)
    first = train(leave_out=("size",))
    later = make_samples(100, seed=2, start=START + timedelta(days=75))
    fill(db, later, now)
    second = train()
    found = compare_together(db, registry, [second, first], first, folder=home / "snapshots")
    assert found.reference == first.number
    assert found.n_rows == second.report.n_holdout - found.n_left_out
    own = second.report.metrics.mae
    assert found.n_left_out == 0
    assert found.mae[second.number].value == pytest.approx(own.value)
    assert set(found.extra) == {second.number}
    assert found.extra[second.number].high < 0  # the first was not shown what the target rests on
    difference = found.mae[second.number].value - found.mae[first.number].value
    assert found.extra[second.number].value == pytest.approx(difference)


def test_where_nearly_all_rows_were_learned_from_nothing_is_compared(
    db: Database, registry: FakeTracking, train: Train, now: Now, home: Path
) -> None:
    fill(db, make_samples(120), now)
    old = train()
    fill(db, make_samples(400, seed=2, start=START + timedelta(days=30)), now)
    new = train()
    older_rows_newer_number = replace(old, number=new.number + 1)
    with pytest.raises(Refused, match=r"Only \d+ of the 24 held-out rows of v3 are new to all"):
        compare_together(
            db, registry, [older_rows_newer_number, new], new, folder=home / "snapshots"
        )
