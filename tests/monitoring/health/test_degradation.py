"""The live error is judged by what training promised on held-out time, and by nothing else."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from core.alerts.rules import read_findings
from core.domain.monitoring import Health, HealthReport, Outcomes
from core.domain.prediction import AnswerSource
from core.domain.training_report import Estimate, Metrics
from core.monitoring.flow import watch
from core.monitoring.health.degradation import (
    ErrorGrowth,
    LiveError,
    check_promise,
    find_ratio,
    judge_ratio,
    measure_delivery,
)
from core.settings import Thresholds
from core.stats.intervals import Interval
from core.store.engine.database import Database
from tests.fakes import FakeRegistry, add_version, make_prediction
from tests.streams import (
    DAY,
    HOUR,
    NOON,
    SCALE,
    TOLERANCE,
    add_labels,
    add_predictions,
    deploy,
    spread_times,
)

WEEK = timedelta(days=7)


def promise(mae: float = 4.0, accuracy: float = 0.9) -> Metrics:
    share = Estimate(accuracy, accuracy - 0.02, accuracy + 0.02)
    return Metrics(Estimate(mae, mae, mae), Estimate(mae, mae, mae), None, share, None)


def days(errors: np.ndarray, n_days: int = 7) -> list[Outcomes]:
    return [
        Outcomes(n=len(part), sum_abs=float(np.abs(part).sum()), sum_squared=float((part**2).sum()))
        for part in np.array_split(errors, n_days)
    ]


def measure(promised: Metrics, found: list[Outcomes]) -> LiveError | None:
    return measure_delivery({3: promised}, [{3: day} for day in found], WEEK)


def delivered(ratio: Interval, accuracy: float = 0.9) -> LiveError:
    growth = ErrorGrowth(ratio, surely=ratio.low, lasts=ratio.low)
    return LiveError(3, promise(accuracy=accuracy), 168, WEEK, 4.0 * ratio.value, growth)


def test_the_interval_is_that_of_the_days_where_rows_of_a_day_are_alike() -> None:
    rng = np.random.default_rng(0)
    alone = find_ratio(days(rng.standard_normal(168) / 0.8))
    alike = find_ratio(days(np.repeat(rng.standard_normal(7), 24) / 0.8))
    for growth in (alone, alike):
        assert growth.shown.low < growth.lasts
        assert growth.surely > 0.7 * growth.value
    assert alone.lasts > 0.7 * alone.value
    assert alike.lasts < 0.7 * alike.value


def test_labels_of_one_day_have_no_interval_and_are_judged_by_their_rows() -> None:
    errors = 2 * np.abs(np.random.default_rng(0).standard_normal(168))
    found = measure(promise(0.8), days(errors, 1))
    assert found is not None
    assert not found.ratio.shown.is_known
    reason = check_promise(found, 1.2, 1.5)
    assert (reason.health, reason.confirmed) == (Health.CRITICAL, True)
    assert "(one day of labels: no interval yet)" in reason.message


def test_one_terrible_day_of_a_week_warns_and_is_not_critical() -> None:
    """The week's error was really that large; that the next one's will be, nobody knows."""
    rng = np.random.default_rng(0)
    errors = rng.standard_normal(168) * np.repeat([1.0, 1.0, 1.0, 7.0, 1.0, 1.0, 1.0], 24)
    found = measure(promise(0.8), days(errors))
    assert found is not None
    assert found.ratio.value > 1.5
    reason = check_promise(found, 1.2, 1.5)
    assert (reason.health, reason.confirmed) == (Health.WARNING, True)
    assert reason.message.endswith("above 1.2 times warns; a few days carry it.")
    lasts = measure(promise(0.8), days(2 * rng.standard_normal(168)))
    assert lasts is not None
    assert check_promise(lasts, 1.2, 1.5).health is Health.CRITICAL


def test_a_model_that_makes_no_error_keeps_every_promise() -> None:
    assert find_ratio([Outcomes(n=5)] * 2).shown == Interval(0.0, 0.0, 0.0)


@pytest.mark.parametrize(("n", "mae"), [(3, 4.0), (40, 0.0)])
def test_too_few_labels_and_a_promise_of_no_error_say_nothing(n: int, mae: float) -> None:
    assert measure(promise(mae), days(np.ones(n), 3)) is None


@pytest.mark.slow
@pytest.mark.parametrize("n", [7, 14, 50, 168, 1_000])
def test_a_kept_promise_opens_in_at_most_one_week_in_twenty(n: int) -> None:
    """What opens an incident is "warning" and sure; 2,000 weeks of independent normal errors whose
    mean is the promised one."""
    rng = np.random.default_rng(n)
    found = []
    for _ in range(2_000):
        week = days(rng.standard_normal(n) / np.sqrt(2 / np.pi))
        found.append(judge_ratio(find_ratio(week), 1.2, 1.5))
    assert np.mean([health is not Health.HEALTHY and sure for health, sure in found]) <= 0.05


def test_the_message_carries_the_figures_and_the_next_step() -> None:
    reason = check_promise(delivered(Interval(1.42, 1.2, 1.68)), 1.2, 1.5)
    assert (reason.code, reason.health, reason.confirmed) == ("error_growth", Health.WARNING, True)
    assert reason.message == (
        "The error of v3 is 1.42 times what its training promised (95 % interval by days "
        "1.20–1.68): MAE 5.68 over 168 labels of 7 days, 4.00 on its held-out rows; "
        "above 1.2 times warns."
    )
    assert reason.next_step.startswith("Compare the versions")


def test_a_span_of_no_whole_days_is_told_in_three_digits() -> None:
    short = replace(
        delivered(Interval(1.0, 0.9, 1.1)), span=timedelta(days=6, hours=16, minutes=32)
    )
    assert "168 labels of 6 d 16 h, 4.00 on" in check_promise(short, 1.2, 1.5).message


def test_between_kept_and_broken_an_incident_is_neither_opened_nor_ended() -> None:
    between = check_promise(delivered(Interval(1.15, 1.1, 1.2)), 1.2, 1.5)
    assert between.health is Health.HEALTHY
    assert read_findings(HealthReport(Health.HEALTHY, (between,), NOON)) == []
    kept = replace(between, confirmed=True)
    found = read_findings(HealthReport(Health.HEALTHY, (kept,), NOON))
    assert {f.severity for f in found} == {Health.HEALTHY}


def look(db: Database, error: float, *, at_days: float = 0.0) -> HealthReport:
    """A week of 168 predictions whose labels are all `error` away; v1 promised an MAE of 4."""
    version = add_version(db, FakeRegistry())
    deploy(db, version.number)
    end = NOON - at_days * DAY
    times = spread_times(end - WEEK, end, 168)
    add_predictions(
        db,
        [make_prediction(f"p{i}", version=version.number, at=at) for i, at in enumerate(times)],
    )
    add_labels(db, [(f"p{i}", 71.5 + error) for i in range(168)])
    return watch(db, Thresholds(), scale=SCALE, tolerance=TOLERANCE, now=NOON)


def test_an_error_as_promised_is_healthy_whatever_the_accuracy(db: Database) -> None:
    report = look(db, 4.3)
    reason = report.find_reason("error_growth")
    assert reason is not None
    assert reason.health is Health.HEALTHY
    assert "1.07 times" in reason.message


def test_an_error_beyond_the_promise_is_critical(db: Database) -> None:
    report = look(db, 8.0)
    reason = report.find_reason("error_growth")
    assert reason is not None
    assert (reason.health, reason.confirmed) == (Health.CRITICAL, True)


def test_late_labels_are_judged_by_the_time_of_their_predictions(db: Database) -> None:
    """The newest labelled prediction is three weeks old: the week before it is the newest known."""
    reason = look(db, 8.0, at_days=21).find_reason("error_growth")
    assert reason is not None
    assert "168 labels of 7 days" in reason.message


def test_the_heuristic_makes_no_promise(db: Database) -> None:
    deploy(db, 0)
    add_predictions(
        db,
        [
            make_prediction(f"p{i}", version=0, source=AnswerSource.HEURISTIC, at=NOON - HOUR)
            for i in range(40)
        ],
    )
    report = watch(db, Thresholds(), scale=SCALE, tolerance=TOLERANCE, now=NOON)
    assert report.find_reason("error_growth") is None
    reason = report.find_reason("accuracy")
    assert reason is not None
    assert reason.health is Health.UNKNOWN


def replace_version(db: Database) -> HealthReport:
    """v2 takes the place of v1 and has no label yet."""
    add_version(db, FakeRegistry())
    deploy(db, 2, NOON)
    return watch(db, Thresholds(), scale=SCALE, tolerance=TOLERANCE, now=NOON)


def test_late_labels_warn_of_a_version_that_was_replaced_and_never_ask_to_roll_back(
    db: Database,
) -> None:
    """Where versions change more often than labels come, the champion never has one."""
    look(db, 8.0)
    errors = ("error_growth", "accuracy")
    reasons = [r for r in replace_version(db).reasons if r.code in errors]
    assert [(r.code, r.health, r.confirmed) for r in reasons] == [
        ("error_growth", Health.WARNING, True),
        ("accuracy", Health.UNKNOWN, True),
    ]
    assert reasons[0].message.startswith("The error of v1, before v2 replaced it, is 2.00 times")


def test_a_replaced_version_that_kept_its_promise_makes_nothing_green(db: Database) -> None:
    look(db, 4.0)
    report = replace_version(db)
    assert report.health is Health.UNKNOWN
    assert [f.severity for f in read_findings(report) if f.cause == "error_growth"] == [
        Health.HEALTHY
    ]


def replace_weekly(db: Database, errors: Sequence[float]) -> HealthReport:
    """Two labels a week, each week of another version, `errors` away; all promised an MAE of 4."""
    for week, error in enumerate(errors, 1):
        version = add_version(db, FakeRegistry())
        at = NOON - (len(errors) - week + 1) * WEEK
        deploy(db, version.number, at)
        names = [f"p{week}.{i}" for i in range(2)]
        add_predictions(
            db,
            [make_prediction(name, version=version.number, at=at + HOUR) for name in names],
        )
        add_labels(db, [(name, 71.5 + error) for name in names])
    return watch(db, Thresholds(), scale=SCALE, tolerance=TOLERANCE, now=NOON)


def test_versions_that_change_more_often_than_labels_come_are_judged_together(
    db: Database,
) -> None:
    reason = replace_weekly(db, [8.0, 9.0, 8.0]).find_reason("error_growth")
    assert reason is not None
    assert (reason.health, reason.confirmed) == (Health.WARNING, True)  # no rollback mends it
    assert reason.message.startswith(
        "The error of v1, v2 and v3 is 2.08 times what their training promised (95 % interval "
    )
    assert "6 labels of 28 days, each beside what its own version promised; " in reason.message


def test_the_newest_of_versions_judged_together_end_what_was_found(db: Database) -> None:
    report = replace_weekly(db, [9.0, 9.0, 3.0])
    (reason,) = (
        r for r in report.reasons if r.code == "error_growth" and r.health is Health.HEALTHY
    )
    assert reason.confirmed
    assert reason.message.endswith("the newest 2 keep it, at 0.750 times.")


def test_each_version_is_measured_by_its_own_promise() -> None:
    """v2 promised half the error of v1, and makes it."""
    pair = [
        {1: Outcomes(n=3, sum_abs=12.0, sum_squared=50.0)},
        {1: Outcomes(n=1, sum_abs=4.0, sum_squared=16.0), 2: Outcomes(2, 2, 0.0, 4.0, 9.0)},
    ]
    found = measure_delivery({1: promise(4.0), 2: promise(2.0)}, pair, WEEK)
    assert found is not None
    assert (found.version, found.before, found.n_labelled) == (2, (1,), 6)
    assert found.ratio.value == pytest.approx(1.0)
    assert measure_delivery({1: promise(0.0), 2: promise(2.0)}, pair, WEEK) is None


@pytest.mark.parametrize(
    ("newest", "health", "confirmed"),
    [
        ((8.0, 8.0), Health.CRITICAL, True),
        ((8.0, 2.0), Health.WARNING, False),  # one label that is well ends nothing
        ((2.0, 3.0), Health.HEALTHY, True),
    ],
)
def test_where_labels_are_few_the_newest_two_end_what_a_longer_span_found(
    db: Database, newest: tuple[float, float], health: Health, confirmed: bool
) -> None:
    """One label a week; v1 promised an MAE of 4."""
    version = add_version(db, FakeRegistry())
    deploy(db, version.number)
    errors = (8.0, 9.0, 8.0, 9.0, 8.0, 9.0, *newest)
    add_predictions(
        db,
        [
            make_prediction(f"p{i}", version=version.number, at=NOON - (8 - i) * WEEK + HOUR)
            for i in range(8)
        ],
    )
    add_labels(db, [(f"p{i}", 71.5 + error) for i, error in enumerate(errors)])
    report = watch(db, Thresholds(), scale=SCALE, tolerance=TOLERANCE, now=NOON)
    reason = report.find_reason("error_growth")
    assert reason is not None
    assert (reason.health, reason.confirmed) == (health, confirmed)
    assert reason.message.endswith("the newest 2 keep it, at 0.625 times.") == (
        newest == (2.0, 3.0)
    )


@pytest.mark.parametrize(
    ("per_week", "most", "least"), [(1, 0.1, 0.75), (2, 0.05, 0.9), (3, 0.05, 0.9)]
)
def test_with_few_labels_a_week_an_incident_is_open_while_they_are_bad(
    per_week: int, most: float, least: float
) -> None:
    """1,000 weeks, three times the noise in every fourth run of 25. With two or three labels a week
    an incident is open in at most 5 % of the weeks whose labels kept the promise, and in at least
    90 % of those whose labels did not, from the fourth of a bad run on. With one a week neither is
    reached, and 10 % and 75 % are all that is shown: one label alone ends nothing, and four of a
    month are often not enough to tell an error from chance."""
    rng = np.random.default_rng(per_week)
    bad = np.arange(1_000) // 25 % 4 == 3
    errors = np.abs(rng.standard_normal((1_000, per_week))) * np.where(bad, 3.0, 1.0)[:, None]
    weeks = [{1: days(week, 1)[0]} for week in errors]
    promised = promise(float(np.sqrt(2 / np.pi)))
    is_open, kept, broken = False, [], []
    for end in range(4, 1_001):
        found = measure_delivery(
            {1: promised}, weeks[end - 4 : end], 4 * WEEK, weeks[end - 1 : end]
        )
        assert found is not None
        reason = check_promise(found, 1.2, 1.5)
        if reason.confirmed:
            is_open = reason.health is not Health.HEALTHY
        ratio = float(errors[end - 1].mean()) / promised.mae.value
        if ratio <= 1.1:
            kept.append(is_open)
        elif bad[end - 4 : end].all():
            broken.append(is_open)
    print(f"{per_week} a week: open in {sum(kept)} of {len(kept)} kept weeks, ", end="")
    print(f"in {sum(broken)} of {len(broken)} broken ones")
    assert np.mean(kept) <= most
    assert np.mean(broken) >= least
