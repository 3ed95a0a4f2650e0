"""Counting pairs bit by bit says exactly what counting all of them at once says."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.deployment.pair_accumulator import fold_pairs, measure_echo, next_day
from core.deployment.release import deploy
from core.deployment.trial import Standing, find_trial
from core.deployment.trial_status import count_pairs, load_standing
from core.deployment.trials import TrialStart, start_trial
from core.domain.prediction import Label, Variant
from core.domain.trial import Pair, PairSums, ShadowOutcome, ShadowScore, TrialSettings
from core.stats.sequential import find_crossing
from core.store.engine.database import Connection, Database
from core.store.models import deployments, paired_differences, trials
from core.store.predictions import predictions
from tests.fakes import FakeRegistry, add_version, keep_labels, make_prediction
from tests.people import person
from tests.stats.whole_sequences import find_echo, find_share_crossing, follow_mean

START = datetime(2026, 3, 2, 20, tzinfo=UTC)
SETTINGS = TrialSettings(t_star=300)


def draw_pairs(seed: int, n: int) -> list[Pair]:
    """Over some days; half of them belong to one of thirty units."""
    rng = np.random.default_rng(seed)
    gain = rng.choice([0.0, 0.3, 1.0])
    at = np.sort(rng.integers(0, 4 * 86_400, n))
    errors = rng.normal(0, 5, (n, 2))
    units = [f"u{k}" if k < 30 else None for k in rng.integers(0, 60, n)]
    return [
        Pair(
            START + timedelta(seconds=int(at[i])),
            units[i],
            50.0 + float(errors[i, 0]),
            50.0 + float(errors[i, 1] - gain),
            50.0,
            (("lang", "abc"[i % 3]), ("id", f"x{i}")),
        )
        for i in range(n)
    ]


def settle_all(
    pairs: Sequence[Pair], tolerance: float, now: datetime
) -> tuple[list[float], list[float]]:
    """The reference: every difference that is settled, in its order, by one pass over all pairs."""
    groups: dict[tuple[datetime, int, str, int], list[Pair]] = {}
    for place, pair in enumerate(pairs):
        key = (
            (pair.labelled_at, 1, "", place)
            if pair.unit_id is None
            else (next_day(pair.labelled_at), 0, pair.unit_id, -1)
        )
        groups.setdefault(key, []).append(pair)
    error, within = [], []
    for key in sorted(key for key in groups if key[0] <= now):
        both = [(abs(p.champion - p.actual), abs(p.challenger - p.actual)) for p in groups[key]]
        error.append(math.fsum(own - other for own, other in both) / len(both))
        hits = [(other <= tolerance) - (own <= tolerance) for own, other in both]
        within.append(sum(hits) / len(both))
    return error, within


@pytest.mark.parametrize("seed", range(6))
def test_stretches_add_up_to_what_all_pairs_say(seed: int) -> None:
    """Cut anywhere, at any moment, against one pass over all pairs."""
    pairs, rng = draw_pairs(seed, 700), np.random.default_rng(seed)
    now = START + timedelta(days=float(rng.uniform(3.2, 5)))
    pairs = [pair for pair in pairs if pair.labelled_at <= now]
    sums, done = PairSums(), 0
    while done < len(pairs):
        upto = min(len(pairs), done + int(rng.integers(1, 90)))
        sums = fold_pairs(sums, pairs[done:upto], SETTINGS, pairs[upto - 1].labelled_at)
        done = upto
    sums = fold_pairs(sums, [], SETTINGS, now)
    assert sums == share_sums(fold_pairs(PairSums(), pairs, SETTINGS, now), sums)

    error, within = settle_all(pairs, SETTINGS.tolerance, now)
    path = follow_mean(np.array(error), t_star=SETTINGS.t_star)
    assert sums.moments.n == len(error)
    assert sums.newest is not None
    last = (float(path.value[-1]), float(path.low[-1]), float(path.high[-1]))
    assert (sums.newest.value, sums.newest.low, sums.newest.high) == pytest.approx(last, rel=1e-9)
    assert measure_echo(sums) == pytest.approx(find_echo(np.array(error)), abs=1e-9)
    crossing, share = find_crossing(path, SETTINGS.margin), find_share_crossing(np.array(within))
    assert (crossing is None) == (sums.decided is None)
    if crossing is not None and sums.decided is not None:
        assert (sums.decided.verdict, sums.decided.point.n) == (crossing.verdict, crossing.n)
        echo = find_echo(np.array(error[: crossing.n]))
        assert sums.decided.echo == pytest.approx(echo, abs=1e-9)
    assert sums.within.value == ("not_yet" if share is None else share.verdict)
    assert sorted(sums.parts) == ["lang"]
    assert sums.crowded == ("id",)


def share_sums(expected: PairSums, found: PairSums) -> PairSums:
    """The expected sums, with sums of floats that are added in another grouping as found."""
    own = (expected.champion_error, expected.challenger_error)
    assert own == pytest.approx((found.champion_error, found.challenger_error), rel=1e-12)
    return replace(
        expected, champion_error=found.champion_error, challenger_error=found.challenger_error
    )


@pytest.fixture
def registry(db: Database) -> FakeRegistry:
    registry = FakeRegistry()
    for _ in range(2):
        add_version(db, registry)
    who = {"reason": "r", "by": person("ada"), "override": False, "now": START}
    deploy(db, registry, 1, **who)  # type: ignore[arg-type]
    start_trial(
        db,
        registry,  # type: ignore[arg-type]
        TrialStart(2, name="t", traffic=0.1, settings=SETTINGS, salt="s"),
        **who,  # type: ignore[arg-type]
    )
    return registry


def add_requests(db: Database, pairs: Sequence[Pair], first: int) -> None:
    with db.write() as conn:
        for i, pair in enumerate(pairs, start=first):
            is_champion = i % 10 > 0
            asked = make_prediction(
                f"p{i}",
                at=pair.labelled_at - timedelta(minutes=5),
                revision=2,
                version=1 if is_champion else 2,
                variant=Variant.CHAMPION if is_champion else Variant.CHALLENGER,
                score=pair.champion if is_champion else pair.challenger,
                unit_id=pair.unit_id,
                features=dict(pair.categories),
            )
            predictions.append_predictions(conn, [asked])
            score = pair.challenger if is_champion else pair.champion
            beside = ShadowScore(
                asked.id, 3 - asked.version, ShadowOutcome.SCORED, score, 1.0, None
            )
            trials.append_shadow_scores(conn, [beside])
            label(conn, asked.id, pair.actual, pair.labelled_at)


def label(conn: Connection, prediction_id: str, actual: float, at: datetime) -> None:
    rating = 0.5 if prediction_id.endswith("7") else None
    given = Label(prediction_id, actual, at, "ada", at)
    keep_labels(conn, [replace(given, rating=rating)])


def stand(db: Database, now: datetime) -> Standing:
    with db.read() as conn:
        trial = find_trial(deployments.load_history(conn))
        assert trial is not None
        return load_standing(conn, trial, now)


def stand_anew(db: Database, now: datetime) -> Standing:
    """The same without what was counted before."""
    with db.write() as conn:
        paired_differences.remove_checkpoints(conn)
    return stand(db, now)


def test_what_was_counted_and_what_came_since_is_what_the_log_says(
    db: Database, registry: FakeRegistry
) -> None:
    pairs = draw_pairs(1, 240)
    for start in range(0, 240, 60):
        part = pairs[start : start + 60]
        add_requests(db, part, start)
        now = part[-1].labelled_at + timedelta(seconds=30)
        seen = stand(db, now)
        assert count_pairs(db, now)
        assert stand(db, now) == seen
        assert seen.report.n_pairs == start + 60
    counted = stand(db, now)
    assert stand_anew(db, now) == counted


@pytest.mark.parametrize("is_late", [False, True], ids=["corrected label", "label before request"])
def test_a_change_to_the_past_counts_as_if_it_had_always_been_so(
    db: Database, registry: FakeRegistry, is_late: bool
) -> None:
    pairs = draw_pairs(2, 120)
    now = pairs[-1].labelled_at + timedelta(hours=1)
    add_requests(db, pairs, 0)
    if is_late:
        with db.write() as conn:
            label(conn, "p120", 10.0, pairs[60].labelled_at)
    count_pairs(db, now)
    before = stand(db, now)
    if is_late:
        add_requests(db, [replace(pairs[60], actual=10.0)], 120)
    else:
        with db.write() as conn:
            label(conn, "p60", 10.0, now)
    changed = stand(db, now)
    assert changed.report != before.report
    count_pairs(db, now)
    assert stand(db, now) == changed
    assert stand_anew(db, now) == changed


def test_one_checkpoint_a_day_and_the_newest_are_kept(db: Database, registry: FakeRegistry) -> None:
    add_requests(db, draw_pairs(3, 40), 0)
    for hours in range(1, 60, 7):
        count_pairs(db, START + timedelta(hours=hours))
    with db.read() as conn:
        kept = [row.until_at for row in conn.execute(paired_differences._checkpoints.select())]
    midnights = [at for at in kept if at.hour == at.minute == at.second == 0]
    assert len(kept) - len(midnights) == 1
    assert len(midnights) == 4
