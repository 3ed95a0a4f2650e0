"""What chance explains is no drift; what it does not is found, by name, with its cost."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from core.domain.monitoring import Bins, DriftCheck, DriftReport, DriftVerdict, Reference, Subject
from core.monitoring.drift.binning import Counted
from core.monitoring.drift.compare import (
    Key,
    count_gone,
    describe_basis,
    describe_check,
    key_of,
    list_mattering,
    matters,
)
from core.monitoring.drift.expected_error import estimate_mae
from core.monitoring.drift.reference import History, build_reference
from core.stats.slices import Values
from tests.monitoring.worlds import NOON, compare, draw_columns, draw_day, join, make_reference

ALL_X0 = frozenset({("x0", True, subject) for subject in Subject})


@pytest.fixture(scope="module")
def reference() -> Reference:
    return make_reference(np.random.default_rng(5))


def scores(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 100, n)


def find(checks: tuple[DriftCheck, ...], column: str, subject: Subject) -> DriftCheck:
    return next(check for check in checks if (check.column, check.subject) == (column, subject))


def test_the_same_world_has_not_drifted(reference: Reference) -> None:
    rows = draw_columns(np.random.default_rng(1), 500)
    assert not any(check.passed for check in compare(reference, rows, scores(500)))


def test_a_shift_is_named_and_confirmed_by_a_window_before(reference: Reference) -> None:
    rows = draw_columns(np.random.default_rng(2), 1_000, shift=0.5)
    first = compare(reference, rows, scores(1_000))
    assert [(check.column, check.confirmed) for check in first if check.passed] == [("x0", False)]
    again = compare(reference, rows, scores(1_000), frozenset(key_of(c) for c in first if c.passed))
    assert again[0].column == "x0"
    assert again[0].confirmed
    assert again[0].effect == pytest.approx(0.5, abs=0.1)
    assert sum(again[0].now) == pytest.approx(1.0)
    assert len(again[0].bins) == len(again[0].before) == len(again[0].now)


def test_another_unit_lies_outside_everything_seen(reference: Reference) -> None:
    rows = draw_columns(np.random.default_rng(3), 300)
    rows["x0"] = np.asarray(rows["x0"]) * 100
    check = find(compare(reference, rows, scores(300), ALL_X0), "x0", Subject.VALUES)
    assert check.effect > 50
    assert check.outside > 0.9
    assert matters(check, reference.mae)


def test_a_missing_feature_is_a_check_of_its_own(reference: Reference) -> None:
    rows = draw_columns(np.random.default_rng(4), 300)
    rows["x0"] = np.full(300, np.nan)
    checks = compare(reference, rows, scores(300), ALL_X0)
    assert find(checks, "x0", Subject.MISSING).confirmed
    assert find(checks, "x0", Subject.MISSING).effect == 1.0


@pytest.mark.parametrize("n_gone", [60, 500, 1_000])
@pytest.mark.parametrize("column", ["x0", "c0"])
def test_a_feature_that_vanished_from_the_newest_rows_is_confirmed_at_once(
    reference: Reference, column: str, n_gone: int
) -> None:
    rows = cut(draw_columns(np.random.default_rng(4), 1_000), column, n_gone)
    check = find(compare(reference, rows, scores(1_000)), column, Subject.MISSING)
    assert (check.verdict, check.n_gone) == (DriftVerdict.CONFIRMED, n_gone)
    assert describe_check(check) == f"'{column}' is missing in each of the newest {n_gone:,} rows"


def cut(rows: dict[str, Values], column: str, n_gone: int) -> dict[str, Values]:
    """The same rows, of which the newest have no value in a column."""
    values, n = rows[column], len(rows[column])
    kept = list(values[: n - n_gone])
    gone: Values = (
        [*kept, *[None] * n_gone]
        if isinstance(values, list)
        else np.array([*kept, *[np.nan] * n_gone])
    )
    return {**rows, column: gone}


def test_fewer_than_50_rows_without_a_feature_are_not_confirmed_at_once(
    reference: Reference,
) -> None:
    rows = cut(draw_columns(np.random.default_rng(4), 1_000), "x0", 49)
    check = find(compare(reference, rows, scores(1_000)), "x0", Subject.MISSING)
    assert (check.verdict, check.n_gone) == (DriftVerdict.NONE, 0)


def test_a_feature_that_came_back_is_suspected_and_not_confirmed(reference: Reference) -> None:
    rows = draw_columns(np.random.default_rng(4), 1_000)
    x0 = np.array(rows["x0"])
    x0[500:-1] = np.nan
    check = find(compare(reference, {**rows, "x0": x0}, scores(1_000)), "x0", Subject.MISSING)
    assert (check.verdict, check.n_gone) == (DriftVerdict.SUSPECTED, 0)


@pytest.mark.parametrize(
    ("usual", "away_for_a_day", "n_gone", "expected"),
    [
        (0, False, 100, 100),
        (500, False, 100, 100),  # missing in half of the rows: chance explains no hundred
        (950, False, 100, 0),  # missing in 19 of 20: it does
        (950, False, 300, 300),
        (100, True, 1_000, 0),  # it was away for a day before
    ],
)
def test_whether_a_feature_vanished_is_judged_by_how_it_was_before(
    usual: int, away_for_a_day: bool, n_gone: int, expected: int
) -> None:
    counts = (1_000 - usual, 0, usual)
    blocks = ((0, 0, 100),) if away_for_a_day else ((50, 0, 50), (0, 0, 0))
    bins = Bins("a", True, (0.0, 1.0), (), frozenset(), counts, blocks, spread=1.0)
    assert count_gone(bins, Counted(np.array([0, 0, n_gone]), n_gone=n_gone)) == expected


def test_new_categories_are_found(reference: Reference) -> None:
    rows = draw_columns(np.random.default_rng(6), 300)
    rows["c0"] = ["brand new" if i % 5 == 0 else level for i, level in enumerate(rows["c0"])]
    checks = compare(reference, rows, scores(300))
    check = find(checks, "c0", Subject.UNSEEN)
    assert check.passed
    assert check.effect == pytest.approx(0.2)


def test_fewer_than_50_rows_get_no_verdict(reference: Reference) -> None:
    rows = draw_columns(np.random.default_rng(7), 49, shift=9.0)
    assert compare(reference, rows, scores(49)) == ()


def test_days_that_differ_make_the_noise_larger(reference: Reference) -> None:
    seasonal = make_reference(np.random.default_rng(8), day=0.4)
    rows = draw_columns(np.random.default_rng(9), 1_000, shift=0.3)
    calm = find(compare(reference, rows, scores(1_000)), "x0", Subject.VALUES)
    moving = find(compare(seasonal, rows, scores(1_000)), "x0", Subject.VALUES)
    assert calm.passed
    assert not moving.passed
    assert moving.noise > 3 * calm.noise


def test_what_costs_accuracy_is_estimated_and_ranked_first(reference: Reference) -> None:
    rows = draw_columns(np.random.default_rng(10), 1_000, shift=0.6)
    rows["x1"] = np.asarray(rows["x1"]) * 2  # |error| grows with it
    before: frozenset[Key] = frozenset({("x0", True, Subject.VALUES), ("x1", True, Subject.VALUES)})
    checks = compare(reference, rows, scores(1_000), before)
    confirmed = [check for check in checks if check.confirmed]
    assert [check.column for check in confirmed] == ["x1", "x0"]
    assert matters(confirmed[0], reference.mae)
    assert not matters(confirmed[1], reference.mae)
    changes = [confirmed[0].effect_on_mae]
    assert estimate_mae(reference, changes) > reference.mae * 1.1  # type: ignore[operator]


def test_a_report_lists_what_matters_only(reference: Reference) -> None:
    rows = draw_columns(np.random.default_rng(11), 1_000, shift=0.6)
    checks = compare(reference, rows, scores(1_000), ALL_X0)
    report = DriftReport(3, NOON, NOON, NOON, 1_000, 1_000, checks, reference_mae=reference.mae)
    assert report.confirmed
    assert list_mattering(report) == ()
    assert "80 days of history" in describe_basis(reference)
    assert "carry no times" in describe_basis(replace(reference, n_blocks=0))


@pytest.mark.slow
@pytest.mark.parametrize("n", [50, 100, 500, 100_000])
def test_twenty_columns_without_drift_alarm_on_at_most_one_day_in_thirty(n: int) -> None:
    n_days, n_alarms = 0, 0
    for seed, n_windows in [(1, 30), (2, 30), (3, 30)] if n < 10_000 else [(1, 15), (2, 15)]:
        rng = np.random.default_rng([seed, n])
        known = make_reference(rng)
        before: list[frozenset[Key]] = [frozenset(), frozenset()]
        for day in range(n_windows):
            rows = draw_columns(rng, n)
            checks = compare(known, rows, scores(n, day), before[0] | before[1], seed=day)
            before = [frozenset(key_of(check) for check in checks if check.passed), before[0]]
            n_days += 1
            n_alarms += any(check.confirmed for check in checks)
    assert n_alarms / n_days <= 1 / 30


@pytest.mark.slow
@pytest.mark.parametrize("n_columns", [5, 19, 60])
def test_hours_weekends_and_moods_that_last_alarm_on_at_most_one_day_in_thirty(
    n_columns: int,
) -> None:
    """120 days of history, the newest fifth held out, then 30 more days of the same world; a mood
    outlasts its day (AR(1), 0.6), so that a window and the one before it are alike."""
    n_alarms = 0
    for seed in (1, 2):
        rng = np.random.default_rng([seed, n_columns])
        moods = list(walk(rng, n_columns, 150))
        days = [draw_day(rng, number, 100, mood) for number, mood in enumerate(moods[:120])]
        holdout = np.arange(96 * 100, 120 * 100)
        history = History(
            columns={name: join([day[name] for day in days]) for name in days[0]},
            at_seconds=np.repeat(np.arange(120), 100) * 86_400.0,
            holdout=holdout,
            scores=rng.uniform(0, 100, len(holdout)),
            errors=np.abs(rng.standard_normal(len(holdout))),
        )
        known = build_reference(history, version=3, now=NOON)
        before: list[frozenset[Key]] = [frozenset(), frozenset()]
        for number, mood in enumerate(moods[120:], 120):
            rows = draw_day(rng, number, 500, mood)
            checks = compare(known, rows, scores(500, number), before[0] | before[1], number)
            before = [frozenset(key_of(check) for check in checks if check.passed), before[0]]
            n_alarms += any(check.confirmed for check in checks)
    print(f"{n_columns} columns: an alarm on {n_alarms} of 60 days")
    assert n_alarms <= 60 / 30


def walk(rng: np.random.Generator, n_columns: int, n_days: int) -> Iterator[np.ndarray]:
    """The moods of the days, each 0.3 standard deviations large."""
    mood = rng.standard_normal(n_columns)
    for _ in range(n_days):
        mood = 0.6 * mood + 0.8 * rng.standard_normal(n_columns)
        yield 0.3 * mood


@pytest.mark.slow
@pytest.mark.parametrize("n", [200, 500, 2_000])
def test_a_shift_of_three_tenths_is_found_by_name_within_a_week(n: int) -> None:
    n_found = 0
    for seed in range(10):
        rng = np.random.default_rng([seed, n])
        known = make_reference(rng)
        before: list[frozenset[Key]] = [frozenset(), frozenset()]
        for day in range(7):
            rows = draw_columns(rng, n, shift=0.3)
            checks = compare(known, rows, scores(n, day), before[0] | before[1], seed=day)
            before = [frozenset(key_of(check) for check in checks if check.passed), before[0]]
            if any(check.confirmed for check in checks):
                assert {check.column for check in checks if check.confirmed} == {"x0"}
                n_found += 1
                break
    assert n_found >= 9
