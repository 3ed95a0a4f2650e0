"""Ids of a batch: derived from what its rows share and their places, and back."""

from array import array
from datetime import UTC, datetime
from uuid import UUID

from core.domain.deployment import EVIDENCE_SHARE
from core.domain.prediction import Batch, build_key, build_predictions, find_id_time, split_id
from core.serving.answer import build_id
from core.serving.routing import is_sampled
from tests.fakes import make_batch

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ONES = b"\xff" * 8


def test_ids_are_uuids_that_sort_by_the_place_and_tell_it() -> None:
    ids = make_batch(10_000, at=NOON, bits=ONES).ids
    assert len(set(ids)) == 10_000
    assert sorted(ids) == ids
    assert {UUID(one).version for one in ids} == {7}
    assert {UUID(one).variant for one in ids} == {"specified in RFC 4122"}
    assert {find_id_time(one) for one in ids} == {NOON}
    key = build_key(NOON, ONES)
    assert [split_id(one) for one in ids] == [(key, place) for place in range(10_000)]


def test_an_id_of_another_layout_has_no_place() -> None:
    [good, *_] = make_batch(1).ids
    for other in ("order-17", good[:12] + "4" + good[13:], good[:16] + "0" + good[17:]):
        assert split_id(other)[1] == -1, other


def test_a_single_prediction_does_not_have_the_key_of_a_batch_of_the_same_moment() -> None:
    assert split_id(build_id(NOON, b"\x01" * 10))[0] != build_key(NOON, b"\x02" * 8)


def test_a_batch_is_its_predictions() -> None:
    batch = Batch(
        key=build_key(NOON, bytes(8)),
        at=NOON,
        version=3,
        revision=7,
        latency_ms=0.25,
        features={"size": array("d", [1.0, 2.0]), "lang": ["go", None]},
        unit_ids=["repo-7", None],
        scores=array("d", [70.0, 71.0]),
        lows=None,
        highs=None,
    )
    first, second = build_predictions(batch)
    assert (first.id, first.score, first.low, first.features, first.unit_id) == (
        batch.ids[0],
        70.0,
        None,
        {"size": 1.0, "lang": "go"},
        "repo-7",
    )
    assert (second.revision, second.latency_ms, second.version) == (7, 0.25, 3)
    assert build_predictions(batch, [1]) == [second]


def test_about_a_tenth_of_any_batch_is_scored_beside_the_answers() -> None:
    shares = [
        sum(is_sampled(one, EVIDENCE_SHARE) for one in make_batch(1_000, bits=bytes([n] * 8)).ids)
        for n in range(20)
    ]
    assert min(shares) >= 60
    assert max(shares) <= 140
