"""Minutes, hours and days count the same whatever way they are added up."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.monitoring import DAY, HOUR, MINUTE, Observation, Outcomes, Rollup, floor_time
from core.domain.prediction import AnswerSource, Route
from core.monitoring.measure.rollups import (
    build_longer,
    build_minutes,
    describe_basis,
    merge_outcomes,
    split_runs,
    split_spans,
)
from core.settings import Scale
from core.stats.histogram import latency_bucket
from tests.streams import NOON, SCALE, TOLERANCE

MINUTES = st.integers(0, 3 * 1_440 - 1).map(lambda minutes: NOON + timedelta(minutes=minutes))
SCORES = st.integers(0, 100).map(float)


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    source = draw(st.sampled_from(AnswerSource))
    return Observation(
        minute_at=draw(MINUTES),
        version=draw(st.integers(1, 3)),
        source=source,
        latency_ms=draw(st.floats(0.01, 1_000)),
        score=None if source is AnswerSource.FAILED else draw(SCORES),
        actual=draw(st.none() | SCORES),
        batch_rows=draw(st.sampled_from([None, None, 0, 7])),
    )


STREAMS = st.lists(observations(), max_size=40)


def build(rows: list[Observation]) -> list[Rollup]:
    return build_minutes(rows, scale=SCALE, tolerance=TOLERANCE)


def test_a_batch_is_one_request_as_slow_as_all_its_rows_together() -> None:
    rows = [
        Observation(NOON, 3, AnswerSource.MODEL, 2.0, 60.0, 62.0, batch_rows)
        for batch_rows in (3, 0, 0, None)
    ]
    single, batch = sorted(build(rows), key=lambda rollup: rollup.n)
    assert (single.route, single.n, single.n_requests) == (Route.SINGLE, 1, 1)
    assert (batch.route, batch.n, batch.n_requests, batch.outcomes.n) == (Route.BATCH, 3, 1, 3)
    assert single.latency == {latency_bucket(2.0): 1}
    assert batch.latency == {latency_bucket(6.0): 1}


def test_the_sums_of_a_minute_by_hand() -> None:
    rows = [
        Observation(NOON, 3, AnswerSource.MODEL, 1.0, 60.0, 62.0),
        Observation(NOON, 3, AnswerSource.MODEL, 1.0, 60.0, 50.0),
        Observation(NOON, 3, AnswerSource.MODEL, 2.0, 61.0, None),
    ]
    bucket = latency_bucket(1.0)
    assert build(rows) == [
        Rollup(
            seconds=MINUTE,
            start_at=NOON,
            version=3,
            source=AnswerSource.MODEL,
            n=3,
            latency={bucket: 2, latency_bucket(2.0): 1},
            scores={30: 3},
            outcomes=Outcomes(
                n=2,
                n_within=1,
                sum_error=8.0,
                sum_abs=12.0,
                sum_squared=104.0,
                actuals={100: (1, 50.0), 124: (1, 62.0)},
            ),
        )
    ]


def test_an_error_exactly_at_the_tolerance_is_within_it() -> None:
    (minute,) = build([Observation(NOON, 3, AnswerSource.MODEL, 1.0, 60.0, 65.0)])
    assert minute.outcomes.n_within == 1


def test_a_target_of_zero_is_a_value() -> None:
    (minute,) = build([Observation(NOON, 3, AnswerSource.MODEL, 1.0, 0.0, 0.0)])
    assert minute.outcomes == Outcomes(n=1, n_within=1, actuals={0: (1, 0.0)})


def test_a_label_of_a_failed_request_is_no_error_of_anyone() -> None:
    (minute,) = build([Observation(NOON, 3, AnswerSource.FAILED, 1.0, None, 50.0)])
    assert (minute.n, minute.scores, minute.outcomes) == (1, {}, Outcomes())


def test_versions_and_sources_are_kept_apart() -> None:
    rows = [
        Observation(NOON, version, source, 1.0, 50.0, None)
        for version in (1, 2)
        for source in (AnswerSource.MODEL, AnswerSource.HEURISTIC)
    ]
    assert [(r.version, r.source.value, r.n) for r in build(rows)] == [
        (1, "heuristic", 1),
        (1, "model", 1),
        (2, "heuristic", 1),
        (2, "model", 1),
    ]


@given(STREAMS)
def test_attempted_is_model_plus_heuristic_plus_failed(rows: list[Observation]) -> None:
    days = build_longer(build_longer(build(rows), HOUR), DAY)
    assert sum(day.n for day in days) == len(rows)
    for source in AnswerSource:
        n = sum(day.n for day in days if day.source is source)
        assert n == sum(row.source is source for row in rows)


@given(STREAMS, st.lists(st.integers(0, 2), min_size=40, max_size=40))
def test_any_partition_adds_up_to_a_direct_count(rows: list[Observation], part: list[int]) -> None:
    parts = [[row for row, p in zip(rows, part, strict=False) if p == k] for k in range(3)]
    added = build_longer([minute for some in parts for minute in build(some)], DAY)
    assert added == build_longer(build(rows), DAY)  # whole numbers, so that sums are exact


@given(STREAMS)
def test_hours_in_between_change_nothing(rows: list[Observation]) -> None:
    assert build_longer(build_longer(build(rows), HOUR), DAY) == build_longer(build(rows), DAY)


@given(STREAMS)
def test_sums_equal_a_direct_sum_over_the_labelled_rows(rows: list[Observation]) -> None:
    total = merge_outcomes(minute.outcomes for minute in build(rows))
    errors = [r.score - r.actual for r in rows if r.score is not None and r.actual is not None]
    assert total.n == len(errors)
    assert total.n_within == sum(abs(error) <= TOLERANCE for error in errors)
    assert total.sum_error == sum(errors)
    assert total.sum_abs == sum(abs(error) for error in errors)
    assert total.sum_squared == sum(error**2 for error in errors)
    assert sum(n for n, _ in total.actuals.values()) == total.n


@given(MINUTES, st.integers(0, 4 * DAY), st.sampled_from([MINUTE, HOUR, DAY]))
def test_a_window_is_covered_once_and_without_gaps(
    from_at: datetime, length: int, longest: int
) -> None:
    to_at = floor_time(from_at + timedelta(seconds=length), MINUTE)
    pieces = split_spans(from_at, to_at, longest)
    at = from_at
    for seconds, piece_from, piece_to in pieces:
        assert seconds <= longest
        assert piece_from == at < piece_to
        assert floor_time(piece_from, seconds) == piece_from
        assert floor_time(piece_to, seconds) == piece_to
        at = piece_to
    assert at == max(from_at, to_at)
    n_spans = sum((end - begin) // timedelta(seconds=s) for s, begin, end in pieces)
    assert n_spans <= 2 * 59 + 2 * 23 + 4 or longest < DAY


def test_neighbouring_minutes_are_read_at_once() -> None:
    minutes = [NOON + timedelta(minutes=i) for i in (0, 1, 2, 60)]
    assert split_runs(minutes, MINUTE) == [
        (NOON, NOON + timedelta(minutes=3)),
        (minutes[3], minutes[3] + timedelta(minutes=1)),
    ]
    assert split_runs([], MINUTE) == []


@pytest.mark.parametrize("other", [(Scale(0, 10), 5.0), (SCALE, 4.0), (Scale(-100, 100), 5.0)])
def test_rollups_of_another_scale_or_tolerance_are_of_another_basis(
    other: tuple[Scale, float],
) -> None:
    assert describe_basis(*other) != describe_basis(SCALE, TOLERANCE)
